"""Calls the application in this process as its clients do, as whoever the test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI

from precedent.app import App
from precedent.security.principals import Principal, Role
from precedent.server import create

ADMIN = Principal(name="root", role=Role.ADMIN, proof="token")


@dataclass(frozen=True)
class AppAs(App):
    """The program with one caller, whatever proof a call brings."""

    caller: Principal | None = ADMIN

    def authenticate(self, *_given: Any, **_more: Any) -> Principal | None:
        """Return the caller."""
        return self.caller


class Client:
    """Makes calls and waits for their answers."""

    def __init__(self, portal: Any, http: httpx.AsyncClient, web: FastAPI) -> None:
        self._portal, self._http, self.web = portal, http, web

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        found = self._portal.call(lambda: self._http.request(method, path, **more))
        assert isinstance(found, httpx.Response)
        return found

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.request("GET", path, params=params)

    def read(self, path: str, **params: Any) -> Any:
        """Return the content of an answer; fail when it is an error."""
        found = self.get(path, **params)
        assert found.status_code == 200, found.text
        return found.json()

    def pages(self, path: str, *, of: str = "rows", **params: Any) -> list[Any]:
        """Return all rows of a list, page by page."""
        rows: list[Any] = []
        after: dict[str, Any] = {}
        while True:
            answer = self.read(path, **params, **after)
            rows += answer[of]
            assert len(answer[of]) <= params.get("limit", 100)
            if answer["next"] is None:
                return rows
            after = {"after": answer["next"]}


@contextmanager
def client_of(app: App, caller: Principal | None = ADMIN) -> Iterator[Client]:
    """Give a client of an application that takes every call for the caller's; None for nobody's."""
    served = AppAs(app.settings, app.clock, caller)
    web = create(served)
    transport = httpx.ASGITransport(web, raise_app_exceptions=False, client=("127.0.0.1", 50_000))
    with start_blocking_portal() as portal:
        http = httpx.AsyncClient(transport=transport, base_url="http://test")
        try:
            yield Client(portal, http, web)
        finally:
            portal.call(http.aclose)
            served.close()


def person(app: App, key: str, role: Role = Role.MEMBER) -> Principal:
    """Return a principal that is a person whose transcripts were collected."""
    # Only tests look a person up by name.
    import sqlalchemy as sa

    from precedent.store.schema import user

    with app.store.read() as tx:
        number = tx.scalar(sa.select(user.c.id).where(user.c.key == key))
    assert number is not None, key
    return Principal(name=key, role=role, user_id=number)
