"""A small OpenID Connect provider on a loopback socket, with real signatures; each part of an answer can be spoilt."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "precedent", "a secret: of the client"
Claims = dict[str, Any]


@cache
def first_key() -> RSAKey:
    """Return the key that providers begin with; making one takes a second."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


@dataclass
class Provider:
    """What the provider says.

    Attributes:
        now: its clock, seconds.
        person: claims about whoever logs in there.
        spoil: changes the claims of the next ID tokens.
        sign: makes the ID token of header and claims.
        status: of the token endpoint.
        answers: how often the token endpoint was asked.
    """

    now: Callable[[], int]
    person: Claims = field(
        default_factory=lambda: {"sub": "248289761001", "email": "ada@example.com", "email_verified": True}
    )
    spoil: Callable[[Claims], Claims] = lambda claims: claims
    sign: "Callable[[Provider, Claims], str] | None" = None
    status: int = 200
    issuer: str = ""
    claimed_issuer: str = ""
    key: RSAKey = field(default_factory=first_key)
    published: list[RSAKey] = field(default_factory=list)
    codes: dict[str, Claims] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    asked: list[dict[str, str]] = field(default_factory=list)

    def log_in(self, url: str) -> dict[str, str]:
        """Do what the browser and its person do at the authorization endpoint; return what is sent back with them."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == self.issuer and parts.path == "/authorize"
        given = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
        assert (given["response_type"], given["client_id"], given["code_challenge_method"]) == ("code", CLIENT, "S256")
        assert "openid" in given["scope"].split() and len(given["state"]) >= 43 and len(given["nonce"]) >= 43
        code = f"code-{next(self.numbers)}"
        self.codes[code] = given
        return {"code": code, "state": given["state"]}

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        """Answer the token endpoint."""
        self.asked.append(form)
        kind, _, credentials = authorization.partition(" ")
        expected = "precedent:a+secret%3A+of+the+client"
        if kind != "Basic" or base64.b64decode(credentials).decode() != expected:
            return 401, {"error": "invalid_client"}
        begun = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            begun is None
            or challenge.decode() != begun["code_challenge"]
            or form["redirect_uri"] != begun["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": self.now(), "exp": self.now() + 300, "nonce": begun["nonce"],
        } | self.person  # fmt: skip
        claims = self.spoil(claims)
        token = self.sign(self, claims) if self.sign else self.signed(claims)
        return self.status, {"access_token": "not-used", "token_type": "Bearer", "id_token": token}

    def signed(self, claims: Claims, **header: str) -> str:
        """Return an ID token as it should be."""
        return jwt.encode({"alg": "RS256", "kid": str(self.key.kid)} | header, claims, self.key)

    def get(self, path: str) -> Claims | None:
        """Answer a GET."""
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.claimed_issuer or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            }
        if path == "/keys":
            return {"keys": [each.as_dict(private=False) for each in self.published or [self.key]]}
        return None


@contextmanager
def provider(now: Callable[[], int]) -> Iterator[Provider]:
    """Serve a provider while the block runs."""
    found = Provider(now)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = found.get(self.path)
            self._answer(404 if body is None else 200, body or {})

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(sent).items()}
            self._answer(*found.redeem(form, self.headers.get("authorization", "")))

        def _answer(self, status: int, body: Claims) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
