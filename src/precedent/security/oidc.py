"""Login with an OpenID Connect provider: authorization code with PKCE, state and nonce.

The browser keeps one secret in a cookie; state, nonce and PKCE verifier are derived from it. The database keeps a
digest of the state until it comes back, so that none comes back twice.

Sources: OpenID Connect Core 1.0, 3.1; OpenID Connect Discovery 1.0; RFC 7636; RFC 9207; RFC 9700.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import msgspec
import sqlalchemy as sa
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from precedent.clock import SECOND, Clock
from precedent.errors import BadInput, Conflict, Forbidden, Misconfigured, Transient, Unauthenticated
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import account, oidc_login, user

from . import accounts, audit
from .acting import By
from .principals import Role
from .secret_text import digest, fresh
from .site import is_loopback, safe_path

CALLBACK = "/api/auth/oidc/callback"
LIVES_S = 600
"""Seconds in which a browser has to come back."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that are taken: those with a public key. `none` and shared secrets are not."""

LEEWAY_S = 60
TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 1 << 20
FRESH_S = 3600.0
KEYS_REST_S = 10.0
"""Seconds that keys are kept although a token names another one."""


class Discovery(msgspec.Struct, frozen=True):
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Begun(NamedTuple):
    """A login that begins: the browser goes to `url` with `cookie`."""

    url: str
    cookie: str
    lives_s: int


class Proven(NamedTuple):
    """Who the provider says it is, and where the browser goes on."""

    user_id: int
    to: str


class _Answer(msgspec.Struct):
    id_token: str
    access_token: str = ""


class OidcLogin:
    """One provider.

    Args:
        settings: issuer, client and roles.
        store: where accounts are.
        clock: time.
        transport: of HTTP; None: the network.

    Raises:
        Misconfigured: the settings do not go together.
    """

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._issuer = settings.oidc_issuer
        _check_url(self._issuer, "PRECEDENT_OIDC_ISSUER")
        if not settings.oidc_client_id:
            raise Misconfigured("PRECEDENT_OIDC_ISSUER needs PRECEDENT_OIDC_CLIENT_ID beside it")
        self._client_id, self._secret = settings.oidc_client_id, settings.oidc_client_secret
        self._claim = settings.oidc_groups_claim
        self._roles = dict(_role(each) for each in settings.oidc_roles)
        self._store, self._clock, self._transport = store, clock, transport
        self._lock = Lock()
        self._discovery: tuple[float, Discovery] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def begin(self, *, base_url: str, to: str) -> Begun:
        """Begin a login.

        Args:
            base_url: of ours, to which the provider sends the browser back.
            to: path of ours for afterwards; another place becomes `/`.

        Raises:
            Transient: the provider does not answer.
        """
        place = self._discover()
        secret = fresh()
        state = _derived(secret, "state")
        now = self._clock.now()
        with self._store.write() as tx:
            tx.execute(oidc_login.delete().where(oidc_login.c.expires_at <= now))
            values = {"digest": digest(state), "return_to": safe_path(to), "expires_at": now + LIVES_S * SECOND}
            tx.execute(oidc_login.insert().values(**values))
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": base_url + CALLBACK,
            "scope": "openid email profile",
            "state": state,
            "nonce": _derived(secret, "nonce"),
            "code_challenge": create_s256_code_challenge(_derived(secret, "verifier")),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(place.authorization_endpoint).query else "?"
        return Begun(f"{place.authorization_endpoint}{joint}{urlencode(asked)}", secret, LIVES_S)

    def finish(self, *, cookie: str, state: str, code: str, error: str, issuer: str, base_url: str, by: By) -> Proven:
        """Finish a login; it is audited when it is refused.

        Args:
            cookie: what `begin` gave this browser.
            state: as it came back.
            code: as it came back.
            error: as it came back instead of a code.
            issuer: as it came back; empty from a provider that does not say (RFC 9207).
            base_url: as for `begin`.
            by: where the request comes from.

        Raises:
            Unauthenticated: the answer is not one to our question, or the provider does not vouch for the person.
            Forbidden: the person has no account here.
            Transient: the provider does not answer.
        """
        try:
            to = self._come_back(cookie, state)
            if issuer and issuer != self._issuer:
                raise Unauthenticated("another provider than ours sent this answer")
            if error or not code:
                raise Unauthenticated("the provider did not log you in")
            claims = self._claims(self._exchange(code, _derived(cookie, "verifier"), base_url), cookie)
            with self._store.write() as tx:
                return Proven(self._person(tx, claims, by), to)
        except (Unauthenticated, Forbidden) as refused:
            with self._store.write() as tx:
                act = by.act("login", "account:unknown", result="denied", how="oidc", reason=str(refused))
                audit.record(tx, act, now=self._clock.now())
            raise

    def _come_back(self, cookie: str, state: str) -> str:
        """Return where the browser goes on; the state is void from now on, whatever comes next."""
        now = self._clock.now()
        with self._store.write() as tx:
            row = tx.execute(sa.select(oidc_login).where(oidc_login.c.digest == digest(state))).first()
            tx.execute(oidc_login.delete().where(oidc_login.c.digest == digest(state)))
        ours = bool(cookie) and hmac.compare_digest(
            _derived(cookie, "state").encode(), state.encode("utf-8", "replace")
        )
        if row is None or row.expires_at <= now or not ours:
            raise Unauthenticated("this login was not begun in this browser, took too long, or was finished before")
        return str(row.return_to)

    def _exchange(self, code: str, verifier: str, base_url: str) -> _Answer:
        place = self._discover()
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": base_url + CALLBACK,
            "client_id": self._client_id,
            "code_verifier": verifier,
        }
        auth: httpx.Auth = httpx.Auth()
        if self._secret and "client_secret_basic" in place.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(quote_plus(self._client_id), quote_plus(self._secret))  # RFC 6749, 2.3.1
            del asked["client_id"]
        elif self._secret:
            asked["client_secret"] = self._secret
        with self._client() as client:
            answer = _sent(lambda: client.post(place.token_endpoint, data=asked, auth=auth))
        if answer.status_code >= 500:
            raise Transient(f"the OpenID Connect provider answered {answer.status_code}")
        try:
            if answer.status_code != 200:
                raise Unauthenticated("the provider refused the login's code")
            return msgspec.json.decode(_content(answer), type=_Answer)
        except msgspec.DecodeError as error:
            raise Unauthenticated("the provider's answer has no ID token") from error

    def _claims(self, answer: _Answer, cookie: str) -> dict[str, Any]:
        """Return what the ID token says, once its signature and every claim that ties it to us fit."""
        try:
            try:
                token = jwt.decode(answer.id_token, self._key_set(), algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):
                # The provider may have begun to sign with a new key.
                token = jwt.decode(answer.id_token, self._key_set(anew=True), algorithms=list(ALGORITHMS))
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._client_id},
                    "nonce": {"essential": True, "value": _derived(cookie, "nonce")},
                },
                params={
                    "nonce": _derived(cookie, "nonce"),
                    "client_id": self._client_id,
                    "access_token": answer.access_token,
                },
            )
            claims.validate(now=self._clock.now() // SECOND, leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Unauthenticated(f"the provider's ID token is not good ({type(error).__name__})") from error
        if not isinstance(claims["sub"], str) or not claims["sub"].isprintable():
            raise Unauthenticated("the provider's ID token names nobody")
        return dict(claims)

    def _person(self, tx: sa.Connection, claims: dict[str, Any], by: By) -> int:
        """Return the person: known by the provider's number, else by an address that the provider has verified."""
        now = self._clock.now()
        subject = claims["sub"]
        role = self._role_of(claims)
        known = sa.and_(account.c.oidc_issuer == self._issuer, account.c.oidc_subject == subject)
        user_id = tx.scalar(sa.select(account.c.user_id).where(known))
        if user_id is None:
            email = claims.get("email")
            if not isinstance(email, str) or claims.get("email_verified") is not True:
                raise Forbidden("the provider vouches for no e-mail address of yours; ask an admin")
            user_id = self._by_email(tx, email, role=role, now=now)
            mine = account.update().where(account.c.user_id == user_id)
            tx.execute(mine.values(oidc_issuer=self._issuer, oidc_subject=subject))
            audit.record(tx, by.act("account.link", f"account:{_key(tx, user_id)}", how="oidc"), now=now)
        if role is not None:
            self._give_role(tx, int(user_id), role, by=by, now=now)
        return int(user_id)

    def _by_email(self, tx: sa.Connection, email: str, *, role: Role | None, now: int) -> int:
        try:
            email = accounts.check_email(email)
        except BadInput as error:
            raise Forbidden("the provider names no e-mail address of yours; ask an admin") from error
        query = sa.select(account.c.user_id, account.c.oidc_subject).join(user, user.c.id == account.c.user_id)
        found = tx.execute(query.where(sa.func.lower(user.c.email) == email)).first()
        if found is not None and found.oidc_subject is not None:
            raise Forbidden("this address belongs to another login of the provider; ask an admin")
        if found is not None:
            return int(found.user_id)
        if role is None:
            raise Forbidden("you have no account here; ask an admin to invite you")
        try:
            return accounts.add(tx, email, role=role, now=now)
        except (BadInput, Conflict) as error:
            raise Forbidden("no account can be made for you; ask an admin") from error

    def _role_of(self, claims: dict[str, Any]) -> Role | None:
        """Return the highest role that the person's groups give; None when roles are given here.

        Raises:
            Forbidden: roles are given by group, and none of the person's has one.
        """
        if not self._roles:
            return None
        groups = claims.get(self._claim)
        groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        held = [self._roles[each] for each in groups if isinstance(each, str) and each in self._roles]
        if not held:
            raise Forbidden("none of your groups may log in here; ask an admin")
        return next(role for role in held if all(role.includes(other) for other in held))

    def _give_role(self, tx: sa.Connection, user_id: int, role: Role, *, by: By, now: int) -> None:
        changed = account.update().where(account.c.user_id == user_id, account.c.role != role.value)
        if tx.execute(changed.values(role=role.value)).rowcount:
            act = by.act("account.role", f"account:{_key(tx, user_id)}", role=role.value, how="oidc")
            audit.record(tx, act, now=now)

    # The provider -----------------------------------------------------------------------------------------------------

    def _discover(self) -> Discovery:
        with self._lock:
            if self._discovery is None or time.monotonic() - self._discovery[0] > FRESH_S:
                url = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
                try:
                    found = msgspec.json.decode(self._get(url), type=Discovery)
                except msgspec.DecodeError as error:
                    raise Misconfigured(f"{url} is no OpenID Connect discovery document: {error}") from error
                if found.issuer != self._issuer:
                    raise Misconfigured(f"{url} is that of {found.issuer!r}; set PRECEDENT_OIDC_ISSUER to exactly this")
                for each in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
                    _check_url(each, f"an address in {url}")
                self._discovery = time.monotonic(), found
            return self._discovery[1]

    def _key_set(self, *, anew: bool = False) -> KeySet:
        place = self._discover()
        with self._lock:
            age = FRESH_S if self._keys is None else time.monotonic() - self._keys[0]
            if self._keys is None or age >= FRESH_S or (anew and age > KEYS_REST_S):
                try:
                    keys = KeySet.import_key_set(msgspec.json.decode(self._get(place.jwks_uri)))
                except (msgspec.DecodeError, JoseError, ValueError, TypeError, KeyError) as error:
                    raise Transient("the OpenID Connect provider's keys cannot be read") from error
                self._keys = time.monotonic(), keys
            return self._keys[1]

    def _get(self, url: str) -> bytes:
        with self._client() as client:
            answer = _sent(lambda: client.get(url))
        if answer.status_code != 200:
            raise Transient(f"the OpenID Connect provider answered {answer.status_code} at {urlsplit(url).path}")
        return _content(answer)

    def _client(self) -> httpx.Client:
        return httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, transport=self._transport)


def _sent(send: Callable[[], httpx.Response]) -> httpx.Response:
    try:
        return send()
    except httpx.HTTPError as error:
        raise Transient(f"the OpenID Connect provider does not answer ({type(error).__name__})") from error


def _content(answer: httpx.Response) -> bytes:
    if len(answer.content) > MAX_ANSWER_BYTES:
        raise Transient("the OpenID Connect provider's answer is too long")
    return answer.content


def _derived(secret: str, purpose: str) -> str:
    """Return 256 bits that tell nothing of the secret or of what else is derived from it."""
    found = hmac.digest(secret.encode("utf-8", "surrogatepass"), purpose.encode(), hashlib.sha256)
    return urlsafe_b64encode(found).rstrip(b"=").decode()


def _key(tx: sa.Connection, user_id: int) -> str:
    return str(tx.scalar(sa.select(user.c.key).where(user.c.id == user_id)))


def _check_url(url: str, what: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise Misconfigured(f"{what} is {url!r}; it must be an https:// URL")


def _role(text: str) -> tuple[str, Role]:
    group, _, role = text.rpartition("=")
    try:
        found = Role(role)
    except ValueError:
        found = Role.SCHEDULER
    if not group or found not in accounts.ROLES:
        raise Misconfigured(
            f"PRECEDENT_OIDC_ROLES has {text!r}; write group=role, the role one of {', '.join(sorted(accounts.ROLES))}"
        )
    return group, found
