"""What every request and response has: an id, and headers that keep browsers safe."""

import re
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = b"x-request-id"
_PLAIN = re.compile(rb"[A-Za-z0-9_.-]{8,64}")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
STAY = (b"strict-transport-security", b"max-age=31536000")
"""Over HTTPS: a browser comes back over HTTPS only, for a year."""


class RequestMiddleware:
    """Gives each request an id, the caller's own if it is plain, and each response the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(REQUEST_ID, b"")
        number = given if _PLAIN.fullmatch(given) else secrets.token_hex(8).encode()
        scope.setdefault("state", {})["request_id"] = number.decode()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                added = [(REQUEST_ID, number), *(each for each in HEADERS if each[0] not in there)]
                if scope.get("scheme") == "https":
                    added.append(STAY)
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, answer)
