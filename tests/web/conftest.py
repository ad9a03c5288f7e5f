"""What tests of pages share: one browser, and one server over the sample transcripts, for each worker process."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from browsers import PASSWORD, Browsers, browsing, cookie_of, fitting, served
from callers import person
from precedent import samples
from precedent.app import App
from precedent.archive import homes
from precedent.http.access import RouteAccess, routes_of
from precedent.security.principals import Role
from precedent.server import create
from precedent.settings import load


class Shown(NamedTuple):
    """A server with the sample transcripts: Ada is a member, Grace an admin.

    Attributes:
        cookies: of a login, by role.
        sessions: names of sessions: Ada's, then Grace's.
    """

    url: str
    app: App
    cookies: dict[Role, str]
    routes: list[RouteAccess]
    sessions: tuple[str, str]


@pytest.fixture(scope="session")
def browsers() -> Iterator[Browsers]:
    """A browser."""
    with browsing() as found:
        yield found


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A server with the sample transcripts, for tests that change nothing of them."""
    folder = tmp_path_factory.mktemp("web") / "data"
    app = App(load(**fitting(folder)))
    app.collect([homes.given(home) for home in samples.homes()])
    for name in ("usage", "secrets", "friction", "verification"):
        app.run_processor(name)
    roles = {Role.VIEWER: "vera", Role.MEMBER: "ada", Role.REVIEWER: "rob", Role.ADMIN: "grace"}
    for role, key in roles.items():
        person(app, key, role, password=PASSWORD)
    cookies = {role: cookie_of(app, key) for role, key in roles.items()}
    names = ("d17e7d44-40c4-470c-a4b9-c8f481382433", "637ee343-8d38-4bc8-aa43-929d107048ef")
    with served(folder) as url:
        yield Shown(url, app, cookies, routes_of(create(app)), names)
    app.close()
