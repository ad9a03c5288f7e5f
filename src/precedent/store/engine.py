"""Opens the database and hands out transactions; the one place that knows which database it is."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import sqlalchemy as sa

from precedent.errors import Misconfigured

from .schema import REVISION
from .turns import Turns

BUSY_TIMEOUT_MS = 30_000
JOURNAL_RETRY_S = 0.02
TURN_LOOK_S = 0.002
"""Between two looks of a writer whether another process has ended its transaction. SQLite's own waiting looks every 25
to 100 ms and so misses the moment in which a run that stores one batch after another lets somebody in."""
CHECKPOINT_PAGES = 8_192  # 32 MiB: at the default of 4 MiB a large run waits for the disk after every commit


WIPED_AT_ONCE_BYTES = 256 << 20
"""A larger database is rewritten at night only: it takes seconds in which nobody can write."""


_DURABLE = "precedent_survives_power_loss"


def survive_power_loss(tx: sa.Connection) -> None:
    """Have a transaction on disk before `Store.write` returns, for what nobody could derive again.

    PostgreSQL does so with every transaction; with SQLite it costs some milliseconds, and results of processors, which
    are derived again, go without.
    """
    tx.info[_DURABLE] = True


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
        # Values of statements are text of transcripts; an error must not carry them into a log or an answer.
        if name == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
            self.engine = sa.create_engine(
                parsed, pool_pre_ping=True, pool_size=4, max_overflow=4, hide_parameters=True
            )
        elif name == "sqlite":
            self.engine = sa.create_engine(
                parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, hide_parameters=True
            )
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
        with turn, self.engine.connect() as connection:
            connection.info.pop(_DURABLE, None)
            with connection.begin():
                yield connection
            durable = connection.info.pop(_DURABLE, False)
        if durable and self.is_sqlite:
            self._sync()

    def _sync(self) -> None:
        """Have the disk hold what was committed: SQLite's log until the next checkpoint, which syncs by itself."""
        log = f"{self.url.database}-wal"
        try:
            descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # the last connection closed and took it into the database
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def leave_no_trace(self, tx: sa.Connection) -> None:
        """Have a transaction that has written nothing yet overwrite with zeros what it deletes; see `wipe`."""
        if self.is_sqlite:
            tx.exec_driver_sql("PRAGMA secure_delete = ON")

    def wipe(self, *, at_most_bytes: int | None = WIPED_AT_ONCE_BYTES) -> bool:
        """Rewrite the database without the remains of what was deleted, if it is not too large; tell whether it was.

        SQLite only; PostgreSQL gives its pages to be written again by itself. Writers wait meanwhile.
        """
        if not self.is_sqlite:
            return False
        with self._turns.take():
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("PRAGMA secure_delete = OFF")
                pages, size = (cursor.execute(f"PRAGMA {each}").fetchone()[0] for each in ("page_count", "page_size"))
                small = at_most_bytes is None or pages * size <= at_most_bytes
                if small:
                    cursor.execute("PRAGMA temp_store = FILE")  # as large as the database for a while
                    cursor.execute("VACUUM")
                    cursor.execute("PRAGMA temp_store = MEMORY")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError:
                return False  # somebody reads or writes all the time: housekeeping comes by again
            finally:
                connection.close()
        return small

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """Give one view of everything as it was at one instant, however long the block takes; it waits for nobody."""
        if self.is_sqlite:
            with self.read() as tx:
                yield tx
            return
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
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


def why(error: BaseException) -> BaseException:
    """Return what is to be told of an error: of a statement that the database refused the reason, and not its SQL."""
    return (error.orig or error) if isinstance(error, sa.exc.DBAPIError) else error


def serialize(tx: sa.Connection, name: str) -> None:
    """Let one transaction at a time go on from here, for what must be written in one order; SQLite's writers are."""
    if tx.dialect.name == "postgresql":
        tx.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7723646))"), {"name": name})


def _set_up_sqlite(connection: "sa.engine.interfaces.DBAPIConnection", _record: object) -> None:
    # The driver's own transaction control would begin late and deferred; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    _use_write_ahead_log(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.execute("PRAGMA cache_size = -32768")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    cursor.close()


def _use_write_ahead_log(cursor: "sa.engine.interfaces.DBAPICursor") -> None:
    """Turn the log on; it stays on for good, so only processes that open a new database together have to wait."""
    ends = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself here: two that both have read could wait for each other.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
            time.sleep(JOURNAL_RETRY_S)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("precedent_read", False):
        connection.exec_driver_sql("BEGIN")
        return
    # A writer takes its lock at the start: one that has read first and is then refused could not be retried.
    driver = connection.connection.cursor()
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        if not _has_turn(driver):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # fails again, and as an error that callers know
    finally:
        driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        driver.close()


def _has_turn(driver: "sa.engine.interfaces.DBAPICursor") -> bool:
    """Begin to write as soon as other processes let us; false when they do not or the database fails."""
    ends = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                return False
            time.sleep(TURN_LOOK_S)
        else:
            return True
