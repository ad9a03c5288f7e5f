"""Opens the database and hands out transactions; the one place that knows which database it is."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import sqlalchemy as sa

from precedent.errors import Misconfigured

from .schema import REVISION
from .turns import Turns

BUSY_TIMEOUT_MS = 30_000


class Store:
    """The application's database.

    Raises:
        Misconfigured: the URL names a database that is not supported or cannot be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise Misconfigured(
                "PRECEDENT_DATABASE_URL is no database URL; write it as postgresql://user@host/name"
            ) from error
        name = parsed.get_backend_name()
        if name == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
            self.engine = sa.create_engine(parsed, pool_pre_ping=True, pool_size=4, max_overflow=4)
        elif name == "sqlite":
            self.engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
            sa.event.listen(self.engine, "connect", _set_up_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        else:
            raise Misconfigured(f"PRECEDENT_DATABASE_URL names {name}; use postgresql:// or sqlite:///")
        self.is_sqlite = name == "sqlite"
        self.url = parsed
        self._turns = Turns()

    @classmethod
    def in_folder(cls, folder: Path) -> "Store":
        """Open the SQLite database of a data folder."""
        return cls(f"sqlite:///{folder / 'precedent.db'}")

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a transaction that commits at the end of the block and rolls back when the block raises."""
        # SQLite's own waiting is by lot: of 16 threads one may lose for half a minute.
        turn = self._turns.take() if self.is_sqlite else nullcontext()
        with turn, self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give one consistent view that takes no write lock."""
        with self.engine.connect().execution_options(precedent_read=True) as connection, connection.begin():
            yield connection

    def revision(self) -> str:
        """Return the schema revision of the database; empty when it has no tables yet.

        Raises:
            Misconfigured: it cannot be opened.
        """
        try:
            with self.read() as tx:
                if not sa.inspect(tx).has_table("alembic_version"):
                    return ""
                return str(tx.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")
        except sa.exc.DBAPIError as error:
            raise Misconfigured(f"the database cannot be opened: {error.orig}") from error

    def is_current(self) -> bool:
        """Tell whether the schema is the one this version of the program needs."""
        return self.revision() == REVISION

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _set_up_sqlite(connection: "sa.engine.interfaces.DBAPIConnection", _record: object) -> None:
    # The driver's own transaction control would begin late and deferred; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.execute("PRAGMA cache_size = -32768")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes its lock at the start: one that has read first and is then refused could not be retried.
    reading = connection.get_execution_options().get("precedent_read", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
