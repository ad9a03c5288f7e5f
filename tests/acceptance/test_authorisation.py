"""Every route by every kind of caller by own and other's: the cells follow from what the routes declare.

A route that is added is in the matrix by itself. What a cell of the matrix is: a caller without proof, or with one that
is wrong, is answered 401; one whose role or scope does not suffice, 403; on a thing of somebody else 404, the same as
on one that does not exist; anybody else is let in, whatever the route then says of an empty request.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from builders import ManualTime, claude_path, claude_session, home_of, put, session_id
from callers import SCHEDULER_SECRET, client, person, serving, token
from conftest import MakeApp
from precedent.app import App
from precedent.errors import ContractBroken
from precedent.http.access import OPEN_PATHS, Access, RouteAccess, check, routes_of
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import SCHEDULER, Principal, Role, Scope
from precedent.security.secret_text import fresh_token
from precedent.server import create

SCOPES = (Scope.READ, Scope.WRITE, Scope.UPLOAD, Scope.JOBS)
PEOPLE = (Role.VIEWER, Role.MEMBER, Role.REVIEWER, Role.ADMIN)
NOBODY = ("anonymous", "expired", "revoked", "deactivated", "unknown", "not ASCII", "ended session")
FILLED = "own", "other", "absent"


class World(NamedTuple):
    """A server with every kind of caller, and what there is of somebody for each parameter of a path."""

    url: str
    routes: list[RouteAccess]
    wrong: dict[str, dict[str, str]]
    right: dict[str, tuple[Principal, dict[str, str]]]
    things: dict[str, tuple[str, str, str]]


@pytest.fixture
def world(make_app: MakeApp, manual_time: ManualTime, tmp_path: Path) -> Iterator[World]:
    app = make_app(scheduler_token=SCHEDULER_SECRET)
    for number, name in enumerate(("member", "other"), 1):
        home = home_of(tmp_path, name)
        put(claude_path(home.path, session_id(number)), claude_session(session_id(number)))
        app.collect([home])
    app.run_processor("usage")
    with serving(app) as url:
        yield made(app, url, manual_time)


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def made(app: App, url: str, manual_time: ManualTime) -> World:
    expired = token(app, person(app, "old"), days=1)
    manual_time.advance(2 * 86_400)
    revoked = token(app, person(app, "rev"))
    app.tokens.revoke(app.tokens.listed("rev")[0].id, by=BY_COMMAND_LINE)
    gone = token(app, person(app, "gone"))
    app.accounts.change("gone", active=False, by=BY_COMMAND_LINE)
    wrong = {
        "anonymous": {},
        "expired": bearer(expired),
        "revoked": bearer(revoked),
        "deactivated": bearer(gone),
        "unknown": bearer(fresh_token()),
        "not ASCII": {"authorization": "Bearer \xe9"},
        "ended session": {"cookie": "precedent-session=ended"},
    }
    right: dict[str, tuple[Principal, dict[str, str]]] = {"scheduler": (SCHEDULER, bearer(SCHEDULER_SECRET))}
    for role in PEOPLE:
        key = person(app, role.value, role)
        user_id = app.accounts.get(key).user_id
        for scope in SCOPES if role is Role.ADMIN else ():  # a scope means the same for every role
            principal = Principal(name=key, role=role, user_id=user_id, scopes=scope.implied)
            right[f"{role}, {scope} token"] = principal, bearer(token(app, key, scope))
        with app.store.write() as tx:
            cookie = app.logins.begin(tx, user_id, by=BY_COMMAND_LINE, how="test").cookie
        session = {"cookie": f"precedent-session={cookie}", "sec-fetch-site": "same-origin"}
        right[f"{role}, session"] = Principal(name=key, role=role, user_id=user_id), session
    return World(
        url, [each for each in routes_of(create(app)) if each.path not in OPEN_PATHS], wrong, right, things(app)
    )


def things(app: App) -> dict[str, tuple[str, str, str]]:
    """Return, by parameter of a path, a thing of the member, one of somebody else, and one that is not there."""
    person(app, "other")
    numbers = [
        app.tokens.create(key, name="spare", scopes=[Scope.READ], by=BY_COMMAND_LINE).token.id
        for key in ("member", "other")
    ]
    return {
        "key": ("member", "other", "absent"),
        "session": (session_id(1), session_id(2), session_id(3)),
        "native_id": (session_id(1), session_id(2), session_id(3)),
        "agent": ("claude-code",) * 3,
        "token_id": (str(numbers[0]), str(numbers[1]), "999999"),
    }


def filled(path: str, which: str, kept: dict[str, tuple[str, str, str]]) -> str:
    """Return the path with a thing in the place of each parameter."""

    def thing(match: re.Match[str]) -> str:
        own, other, absent = kept.get(match.group(1), ("1", "1", "999999"))
        return {"own": own, "other": other, "absent": absent}[which]

    return re.sub(r"\{(\w+)(?::\w+)?\}", thing, path)


def call(http: httpx.Client, route: RouteAccess, path: str, headers: dict[str, str]) -> httpx.Response:
    """Call with nothing in it that would change or wait for anything."""
    given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    # Who asks for a run waits for its end otherwise; a route that reads takes no parameter that it does not know.
    params = {"wait": "0"} if route.method == "POST" else {}
    with http.stream(route.method, path, params=params, headers=given) as answer:
        if answer.status_code >= 400:
            answer.read()
        return answer


def expected(access: Access, principal: Principal | None) -> int | None:
    """Return the refusal that a route declares for a caller; None where it lets them in."""
    if not access.roles:
        return None
    if principal is None:
        return 401
    return None if principal.may(roles=access.roles, scope=access.scope) else 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.timeout(300)
def test_every_cell_of_the_matrix_is_as_its_route_declares(world: World) -> None:
    wrong_cells: list[tuple[str, str, str, int, int | str | None]] = []
    cells = 0
    with client(world.url) as http:
        for route in world.routes:
            assert route.access is not None
            path = filled(route.path, "own", world.things)
            for name, headers in world.wrong.items():
                status = call(http, route, path, headers).status_code
                cells += 1
                if route.access.roles and status != 401:
                    wrong_cells.append((route.method, path, name, status, 401))
                elif not route.access.roles and status >= 500:
                    wrong_cells.append((route.method, path, name, status, "no 5xx"))
            for which in FILLED if "{" in route.path else FILLED[:1]:
                path = filled(route.path, which, world.things)
                for name, (principal, headers) in world.right.items():
                    wanted = expected(route.access, principal)
                    if wanted is None and ends_callers(route, which):
                        continue
                    answer = call(http, route, path, headers)
                    cells += 1
                    fits = answer.status_code == wanted if wanted else answer.status_code not in {401, 403}
                    if not fits or answer.status_code >= 500:
                        wrong_cells.append((route.method, path, name, answer.status_code, wanted))
    assert wrong_cells == []
    assert cells >= len(world.routes) * len(world.wrong)


def ends_callers(route: RouteAccess, which: str) -> bool:
    """Tell whether a call that is let in could end the proof that the next calls need; other tests are about those."""
    return route.path in {"/api/auth/logout", "/logout"} or (route.method == "DELETE" and which != "absent")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.timeout(300)
def test_a_thing_of_somebody_else_is_answered_like_one_that_is_not_there(world: World) -> None:
    differences = []
    with client(world.url) as http:
        for route in world.routes:
            if "{" not in route.path or not route.access or not route.access.roles:
                continue
            for name, (principal, headers) in world.right.items():
                # Runs and jobs are nobody's, and an admin sees everybody's.
                if principal.role in {Role.ADMIN, Role.SCHEDULER} or expected(route.access, principal) is not None:
                    continue
                answers = [
                    call(http, route, filled(route.path, which, world.things), headers) for which in ("other", "absent")
                ]
                shapes = [(each.status_code, shape(each)) for each in answers]
                if shapes[0] != shapes[1]:
                    differences.append((route.method, route.path, name, shapes))
    assert differences == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_matrix_asks_for_sessions_that_are_there(world: World) -> None:
    _, headers = world.right["member, session"]
    with client(world.url) as http:
        found = [
            call(
                http, RouteAccess("GET", "/api/sessions/{session}", None), f"/api/sessions/{each}", headers
            ).status_code
            for each in world.things["session"]
        ]
    assert found == [200, 404, 404]


def shape(answer: httpx.Response) -> str:
    """Return an error without what was asked for and without its number."""
    if answer.status_code < 400:
        return ""
    error = answer.json()["error"]
    return re.sub(r"'[^']*'|\d+|absent|other", "…", f"{error['code']} {error['message']}")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_route_declares_who_may_call_it(app: App) -> None:
    routes = routes_of(create(app))
    assert len(routes) > 20  # the routes of included routers are seen
    assert [each.path for each in routes if each.access is None] == list(OPEN_PATHS)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_route_without_a_declared_role_stops_the_start(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from precedent.api import health

    monkeypatch.setattr(health.routes, "routes", list(health.routes.routes))
    health.routes.add_api_route("/api/forgotten", lambda: None)
    with pytest.raises(ContractBroken, match="GET /api/forgotten"):
        create(app)


def test_undeclared_routes_are_named() -> None:
    with pytest.raises(ContractBroken, match="GET /a, POST /b"):
        check([RouteAccess("GET", "/a", None), RouteAccess("POST", "/b", None)])


def test_each_role_includes_those_below_it_and_the_scheduler_none() -> None:
    for at, role in enumerate(PEOPLE):
        assert [role.includes(each) for each in PEOPLE] == [other <= at for other in range(4)]
        assert not role.includes(Role.SCHEDULER) and not Role.SCHEDULER.includes(role)
    assert Role.SCHEDULER.includes(Role.SCHEDULER)


def test_no_scope_of_a_token_leads_to_logins() -> None:
    assert all(Scope.LOGIN not in scope.implied for scope in SCOPES)
