"""Where the server stands: its own origin, whether it is reached over HTTPS, and which callers are on this machine."""

import ipaddress
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from precedent.errors import Misconfigured
from precedent.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE = "precedent"
SECURE_PREFIX = "__Host-"


class Presented(NamedTuple):
    """What a request shows of its caller; every text is the caller's.

    Attributes:
        authorization: the header.
        cookies: by name.
        address: of the caller, as the last trusted proxy says.
        method: of the request.
        scheme: `http` or `https`, as the last trusted proxy says.
        host: the header.
        origin: the header.
        fetch_site: the header `Sec-Fetch-Site`, which a page cannot set.
        forwarded: some proxy stands between.
    """

    authorization: str = ""
    cookies: Mapping[str, str] = {}
    address: str = ""
    method: str = "GET"
    scheme: str = "http"
    host: str = ""
    origin: str = ""
    fetch_site: str = ""
    forwarded: bool = False


class Site:
    """What the settings say of the place.

    Raises:
        Misconfigured: the public URL is none, local development mode is on where others could reach it.
    """

    def __init__(self, settings: Settings) -> None:
        self.public_url = settings.public_url.rstrip("/")
        try:
            parts = urlsplit(self.public_url)
            _ = parts.port
        except ValueError as error:
            raise Misconfigured(f"PRECEDENT_PUBLIC_URL is no URL: {error}") from error
        if self.public_url and (
            parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.path
        ):
            raise Misconfigured(
                f"PRECEDENT_PUBLIC_URL is {settings.public_url!r}; write scheme and host only, as https://precedent.team"
            )
        if parts.username or parts.password:
            raise Misconfigured("PRECEDENT_PUBLIC_URL must not hold a name or password")
        self._origin = f"{parts.scheme}://{parts.netloc}".lower() if self.public_url else ""
        self._tls = bool(settings.tls_cert)
        self.local = settings.local_dev_mode
        if bool(settings.tls_cert) != bool(settings.tls_key):
            raise Misconfigured("PRECEDENT_TLS_CERT and PRECEDENT_TLS_KEY go together; set both or none")
        for each in settings.trusted_proxies:
            _network(each)
        if self.local and not is_loopback(settings.host):
            raise Misconfigured(
                f"LOCAL_DEV_MODE makes everybody an admin and is refused on {settings.host}; listen on 127.0.0.1"
            )
        if self.local and self.public_url and not is_loopback(parts.hostname or ""):
            raise Misconfigured(
                f"LOCAL_DEV_MODE makes everybody an admin and is refused with the public URL {self.public_url}"
            )

    def base_url(self, presented: Presented | None = None) -> str:
        """Return the URL that people know; without a public URL, the one that this request used."""
        if self.public_url or presented is None:
            return self.public_url
        return f"{presented.scheme}://{presented.host}"

    def is_secure(self, presented: Presented) -> bool:
        """Tell whether the browser reached us over HTTPS."""
        return presented.scheme == "https" or self._origin.startswith("https:")

    def may_log_in(self, presented: Presented) -> bool:
        """Tell whether a password may come this way: HTTPS, this machine, or a public URL that says plain HTTP."""
        return self.is_secure(presented) or bool(self._origin) or is_loopback(_hostname(presented.host))

    def cookie(self, presented: Presented, kind: str = "session") -> str:
        """Return the name of a cookie; behind HTTPS one that no other host or path can set."""
        return f"{SECURE_PREFIX if self.is_secure(presented) else ''}{COOKIE}-{kind}"

    def is_from_our_pages(self, presented: Presented) -> bool:
        """Tell whether a request that changes something comes from a page of ours; one that does not say, does not.

        A browser says so in `Sec-Fetch-Site`, an older one in `Origin`; no page can set either.
        """
        if presented.fetch_site:
            return presented.fetch_site in {"same-origin", "none"}
        return self._is_ours(presented)

    def is_from_other_pages(self, presented: Presented) -> bool:
        """Tell whether a browser says that another site's page makes this request."""
        if presented.fetch_site:
            return presented.fetch_site not in {"same-origin", "none"}
        return bool(presented.origin) and not self._is_ours(presented)

    def _is_ours(self, presented: Presented) -> bool:
        said = presented.origin.lower()
        return bool(said) and said in {self._origin, f"{presented.scheme}://{presented.host}".lower()}

    def is_local(self, presented: Presented) -> bool:
        """Tell whether a caller without proof is whoever develops on this machine."""
        return self.local and self.is_at_this_machine(presented)

    def is_at_this_machine(self, presented: Presented) -> bool:
        """Tell whether a caller sits at this machine.

        No proxy may stand between, and the name asked for must be this machine's: a foreign name that was made to
        lead here would let any page in.
        """
        return not presented.forwarded and is_loopback(presented.address) and is_loopback(_hostname(presented.host))


def safe_path(to: str) -> str:
    """Return a path of ours; anything that a browser could take for another place is `/`."""
    plain = to.isascii() and to.isprintable() and "\\" not in to and to.startswith("/") and not to.startswith("//")
    return to if plain else "/"


def is_loopback(address: str) -> bool:
    """Tell whether a name or address is this machine's own."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _network(text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise Misconfigured(
            f"PRECEDENT_TRUSTED_PROXIES has {text!r}, which is no address or network; write 10.0.0.0/8 or 10.0.0.1"
        ) from error
