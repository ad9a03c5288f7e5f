"""The egress guard: where a URL that somebody set through us may lead to. Nothing else decides that.

A URL is checked when it is set and again before it is used (`Egress.check`). Between a check and a connection a name
may change its address, and a server may redirect; so the child process that speaks to it refuses every connection to
another address, whatever library opens it (`Egress.enforce`).
"""

import ipaddress
import re
import socket
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from precedent.errors import BadInput, Misconfigured
from precedent.settings import SETTINGS

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WEB_SCHEMES = ("https", "http")
PORTS = {"https": 443, "http": 80, "postgresql": 5432, "mysql": 3306}
"""Where a scheme is served unless the URL says otherwise."""

MAX_URL = 2_000
_SETTING = SETTINGS["egress_private"].variable

_PUBLIC = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("2000::/3"))
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
            "168.63.129.16/32",
        ),
    )
)  # fmt: skip
"""What is no public server: IANA's registries of special-purpose addresses, and the host of Azure's machines.

The addresses of IPv6 that carry one of IPv4 (6to4, Teredo, NAT64) are among them or outside of `_PUBLIC`.
"""

_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\.?")
_QUAD = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")


class Target(NamedTuple):
    """Where a URL leads to.

    Attributes:
        url: as it was given.
        host: in small letters, without brackets.
        port: of the connection.
        addresses: of the host, all of them allowed; whoever connects by one of these needs no name.
    """

    url: str
    host: str
    port: int
    addresses: tuple[str, ...]


def destination(url: str) -> tuple[str, str | None, int | None]:
    """Return the scheme, host and port of a URL: a secret that was given for one is for no other."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


class Egress:
    """Decides where user-set URLs may lead.

    Args:
        private: networks and host names (`*.example` for all below) that may be reached although they are not public.

    Raises:
        Misconfigured: one of them is neither.
    """

    def __init__(self, private: Sequence[str] = ()) -> None:
        self._networks: list[Network] = []
        self._names: list[str] = []
        for each in private:
            name = each.lower()
            if "/" in name or ":" in name or _QUAD.fullmatch(name):
                self._networks.append(_network(name))
            elif _HOST.fullmatch(name.removeprefix("*.")):
                self._names.append(name)
            else:
                raise Misconfigured(f"{_SETTING}: {each!r} is neither a network nor a host name")
        self._granted: set[Address] = set()

    def check(self, url: str, *, schemes: Collection[str] = WEB_SCHEMES) -> Target:
        """Return where a URL leads to.

        Raises:
            BadInput: it is no URL of these schemes, holds a password, does not resolve, or leads to a place that is not
                public and not allowed; the message says which.
        """
        parts = _parts(url, schemes)
        host = (parts.hostname or "").lower()
        if not _is_address(host) and (not _HOST.fullmatch(host) or _NUMBER.fullmatch(host.rsplit(".", 1)[-1])):
            raise BadInput(f"{host!r} in the URL is no host; write a name in ASCII or an address as 192.0.2.7")
        port = parts.port or PORTS.get(parts.scheme, 0)
        addresses = self._addresses(host, port)
        refused = [str(each) for each in addresses if not self._allowed(each)]
        if refused:
            raise BadInput(
                f"{host} is {refused[0]}, which is no public address; "
                f"an operator can allow a network or a name in {_SETTING}"
            )
        return Target(url, host, port, tuple(map(str, addresses)))

    def _addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, each once; those of an allowed name are allowed from now on."""
        if _is_address(host):
            return [_unwrapped(ipaddress.ip_address(host))]
        try:
            found = socket.getaddrinfo(host, port or None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise BadInput(f"the host {host} of the URL has no address: {error}") from error
        addresses = list(dict.fromkeys(_unwrapped(_plain(each[4][0])) for each in found))
        if self._is_allowed_name(host):
            self._granted.update(addresses)
        return addresses

    def _is_allowed_name(self, host: str) -> bool:
        plain = host.rstrip(".")
        return any(plain == name or (name[:2] == "*." and plain.endswith(name[1:])) for name in self._names)

    def _allowed(self, address: Address) -> bool:
        return is_public(address) or address in self._granted or _within(address, self._networks)

    def enforce(self) -> None:
        """Have this process refuse connections to addresses that are not allowed, until it ends.

        For child processes that speak to one server and end. What is written in C and opens sockets by itself (libpq)
        is not seen; it is given an address of a `Target` in place of a name.
        """
        looking = False

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal looking
            if event == "socket.getaddrinfo" and not looking:
                host = arguments[0].decode("ascii", "replace") if isinstance(arguments[0], bytes) else arguments[0]
                if isinstance(host, str) and self._is_allowed_name(host.lower()):
                    looking = True
                    try:
                        self._addresses(host.lower(), 0)
                    finally:
                        looking = False
            elif event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
                self._refuse(arguments[1])

        sys.addaudithook(hook)

    def _refuse(self, address: Any) -> None:
        """Raise unless an address of a socket is allowed.

        Raises:
            BadInput: it is not.
        """
        if address is None:  # of a datagram on a connected socket
            return
        host = address[0] if isinstance(address, tuple) and address else address
        if not isinstance(host, str) or not _is_address(host.partition("%")[0]):
            raise BadInput(f"a connection to {host!r}, which is no internet address, was refused")
        if not self._allowed(_unwrapped(_plain(host))):
            raise BadInput(f"a connection to {host} was refused: it is no public address, and {_SETTING} has it not")


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet."""
    return _within(address, _PUBLIC) and not _within(address, _SPECIAL)


def _parts(url: str, schemes: Collection[str]) -> SplitResult:
    """Take a URL apart that no two parsers read in two ways."""
    if len(url) > MAX_URL or re.search(r"[\x00-\x20\x7f\\]", url):
        raise BadInput(f"the URL is longer than {MAX_URL} characters, or has spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BadInput(f"this is no URL: {error}") from error
    if parts.scheme not in schemes or not parts.netloc:
        raise BadInput(f"the URL must begin with {' or '.join(f'{each}://' for each in schemes)} and name a host")
    if "@" in parts.netloc:
        raise BadInput("the URL holds a user or password; give the secret by name instead")
    return parts


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _plain(text: object) -> Address:
    """Return an address without its zone, as in fe80::1%eth0."""
    return ipaddress.ip_address(str(text).partition("%")[0])


def _unwrapped(address: Address) -> Address:
    """Return the address of IPv4 that one of IPv6 stands for on every system."""
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise Misconfigured(f"{_SETTING}: {error}") from error
