"""Reads any database that SQLAlchemy speaks to, row by row; SQLite among them, from a file."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import sqlalchemy as sa

from precedent.tables.rows import BATCH, RowFile

from .contract import Place, SourceAway, SourceFault
from .local import inside

_T = TypeVar("_T")

PASSING = (
    "can't connect", "cannot connect", "lost connection", "refused", "timed out", "timeout", "locked", "gone away",
)  # fmt: skip
"""Of what drivers say, what passes."""


class Database:
    """See `contract.SourceReader`; a server that the place names by a URL of SQLAlchemy."""

    def fingerprint(self, place: Place) -> str:
        """Return what the question `changes` answers; empty without one."""
        changes = str(place.order.selection.get("changes", ""))
        if not changes:
            return ""
        with self._connect(place) as connection:
            return repr(_told(lambda: connection.exec_driver_sql(changes).fetchmany(2)))

    def select(self, place: Place) -> str:
        """See `contract.SourceReader`."""
        rows = RowFile(place.folder / "rows.ndjson")
        with self._connect(place) as connection:
            statement, values = _statement(place, connection.dialect)
            result = _told(lambda: connection.execution_options(stream_results=True).execute(statement, values))
            names = list(result.keys())
            if len(set(names)) != len(names):
                raise SourceFault(f"two columns have one name; name each with AS: {', '.join(names)}")

            rows.write(_rows(result, names, most=place.order.max_rows + 1))  # one more shows that there are too many
        return rows.select()

    def _connect(self, place: Place) -> sa.Connection:
        scheme = urlsplit(place.order.place).scheme
        place.egress.check(place.order.place, schemes=(scheme,))
        try:
            url = sa.make_url(place.order.place)
            if url.get_backend_name() == "sqlite":
                raise SourceFault("SQLite is a kind of its own: set the kind to sqlite and the place to its file")
            if place.order.secret:
                url = url.set(password=place.order.secret)
            url = url.set(username=str(place.order.options.get("user", "")) or None)
            engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
            raise SourceFault(
                f"there is no driver for {scheme}: {error}. Install it where the worker runs, and write the place as "
                "dialect+driver://host/database"
            ) from error
        return _told(engine.connect)


class SQLite(Database):
    """See `contract.SourceReader`; a file below the folder for local files, read while others write it."""

    def fingerprint(self, place: Place) -> str:
        """Return size and time of the file and of its log."""
        path = inside(place, place.order.place)
        found = []
        for each in (path, path.with_name(f"{path.name}-wal")):
            try:
                seen = each.stat()
            except FileNotFoundError:
                found.append("none")
            else:
                found.append(f"{seen.st_ino}/{seen.st_size}/{seen.st_mtime_ns}")
        return " ".join(found)

    def _connect(self, place: Place) -> sa.Connection:
        path: Path = inside(place, place.order.place)
        url = f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true"
        connection = _told(sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True).connect)
        _told(lambda: connection.exec_driver_sql("PRAGMA query_only = ON"))
        return connection


def _rows(result: "sa.CursorResult[Any]", names: Sequence[str], *, most: int) -> Iterator[dict[str, Any]]:
    left = most
    while left > 0:
        batch = _told(partial(result.fetchmany, min(BATCH, left)))
        if not batch:
            return
        left -= len(batch)
        yield from (dict(zip(names, row, strict=True)) for row in batch)


def _statement(place: Place, dialect: sa.Dialect) -> tuple[sa.TextClause, dict[str, Any]]:
    """Return what is asked, and the values that it takes."""
    selection = place.order.selection
    quoted = dialect.identifier_preparer.quote_identifier
    if "table" in selection:
        asked = f"SELECT * FROM {'.'.join(map(quoted, str(selection['table']).split('.')))}"
    else:
        asked = str(selection["query"]).strip().rstrip(";")
    asked = asked.replace(":", "\\:")  # a colon is text, and no parameter of ours
    if not place.since:
        return sa.text(asked), {}
    column = quoted(place.order.cursor_column).replace(":", "\\:")
    return sa.text(f"SELECT * FROM ({asked}) AS wanted WHERE {column} >= :since"), {"since": _value(place, dialect)}


def _value(place: Place, dialect: sa.Dialect) -> object:
    """Return the cursor's value as the column's type is compared."""
    kind = next((each.type for each in place.order.columns if each.name == place.order.cursor_column), "VARCHAR")
    if kind in {"BIGINT", "HUGEINT"}:
        return int(place.since)
    if kind == "DOUBLE":
        return float(place.since)
    if kind.startswith("TIMESTAMP") and dialect.name != "sqlite":
        return datetime.fromisoformat(place.since)
    return place.since


def _told(ask: Callable[[], _T]) -> _T:
    """Ask, and tell what the database says as ours: does it pass?"""
    try:
        return ask()
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.DBAPIError) as error:
        said = " ".join(str(error.orig).split())
        lowered = said.lower()
        passes = error.connection_invalidated or any(each in lowered for each in PASSING)
        raise (SourceAway if passes else SourceFault)(said) from error
