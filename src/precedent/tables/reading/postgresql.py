"""Reads PostgreSQL by DuckDB's own reader of its binary COPY, which was the fastest measured; see decision 0031."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from precedent.tables import sql

from .contract import Place, SourceAway, SourceFault

if TYPE_CHECKING:
    import duckdb

SCHEMES = ("postgresql",)
EXTENSION = "duckdb_extension_postgres_scanner"
CONNECT_S = 10
_SOURCE = "source"

PASSING = (
    "could not connect", "connection refused", "connection to server", "timeout expired", "too many clients",
    "too many connections", "the database system is", "terminating connection", "server closed the connection",
    "could not receive data", "no connection to the server", "deadlock detected", "could not serialize",
    "remaining connection slots", "conflict with recovery",
)  # fmt: skip
"""Of what PostgreSQL and libpq say, what passes; see `src/backend` and `src/interfaces/libpq` of PostgreSQL 18."""

STAYING = ("password authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")
"""Of the same, what stays although it begins like something that passes."""

# Statistics arrive within a minute of a commit and are lost by a crash: then the count differs, and the table is read.
_CHANGES = """
SELECT concat_ws('/', c.oid, c.relfilenode, s.n_tup_ins, s.n_tup_upd, s.n_tup_del, d.stats_reset, (
    SELECT md5(string_agg(concat_ws(' ', attname, atttypid, atttypmod, attisdropped), ',' ORDER BY attnum))
    FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)) AS found
FROM pg_class c JOIN pg_stat_all_tables s ON s.relid = c.oid
JOIN pg_stat_database d ON d.datname = current_database()
WHERE c.oid = to_regclass({table}) AND c.relkind = 'r'
"""


class PostgreSQL:
    """See `contract.SourceReader`."""

    def fingerprint(self, place: Place) -> str:
        """Return the table's counts of changes; of a query nothing is known but what `changes` asks for."""
        selection = place.order.selection
        changes = str(selection.get("changes", ""))
        if not changes and (table := str(selection.get("table", ""))):
            changes = _CHANGES.format(table=sql.text(sql.names(table)))
        if not changes:
            return ""
        rows = _fetch(place, f"SELECT * FROM postgres_query({sql.text(_SOURCE)}, {sql.text(changes)}) LIMIT 2")
        return repr(rows) if rows else ""

    def select(self, place: Place) -> str:
        """See `contract.SourceReader`; a condition on the cursor is left to PostgreSQL."""
        selection, since = place.order.selection, place.since
        _attach(place)
        if "table" in selection and not since:
            parts = str(selection["table"]).split(".")
            schema = parts[0] if len(parts) > 1 else "public"
            return f"SELECT * FROM {_SOURCE}.{sql.name(schema)}.{sql.name(parts[-1])}"
        asked = f"SELECT * FROM {sql.names(str(selection['table']))}" if "table" in selection else _query(selection)
        if since:
            asked = f"SELECT * FROM ({asked}) AS rows WHERE {sql.name(place.order.cursor_column)} >= {sql.text(since)}"
        return f"SELECT * FROM postgres_query({sql.text(_SOURCE)}, {sql.text(asked)})"


def told(error: "duckdb.Error") -> SourceAway | SourceFault:
    """Return an error of PostgreSQL as ours: does it pass?"""
    said = " ".join(str(error).split())
    lowered = said.lower()
    passes = any(each in lowered for each in PASSING) and not any(each in lowered for each in STAYING)
    return SourceAway(said) if passes else SourceFault(said)


def _query(selection: dict[str, object]) -> str:
    return str(selection["query"]).strip().rstrip(";")


def _fetch(place: Place, question: str) -> list[tuple[object, ...]]:
    import duckdb  # noqa: PLC0415  # only the child has it

    _attach(place)
    try:
        return place.base.execute(question).fetchall()
    except duckdb.Error as error:
        raise told(error) from error


def _attach(place: Place) -> None:
    """Connect, once, for reading only, to an address that the guard has seen."""
    import duckdb  # noqa: PLC0415  # only the child has it

    base, order = place.base, place.order
    if (_SOURCE,) in base.execute("SELECT database_name FROM duckdb_databases()").fetchall():
        return
    target = place.egress.check(order.place, schemes=SCHEMES)
    found = find_spec(EXTENSION)
    if found is None or found.origin is None:
        raise SourceFault("PostgreSQL is read with the package duckdb-extension-postgres-scanner, which is missing")
    library = next(Path(found.origin).parent.glob("extensions/*/*.duckdb_extension"))
    options = order.options
    given = {
        "host": target.host,
        "hostaddr": target.addresses[0],
        "port": str(target.port),
        "dbname": unquote(urlsplit(order.place).path.lstrip("/")) or "postgres",
        "user": str(options.get("user", "postgres")),
        "password": order.secret,
        "sslmode": str(options.get("sslmode", "prefer")),
        "connect_timeout": str(CONNECT_S),
        "application_name": "precedent",
        "options": "-c default_transaction_read_only=on -c extra_float_digits=3 -c TimeZone=UTC",
    }
    words = " ".join(f"{key}={_libpq(value)}" for key, value in given.items() if value)
    try:
        base.execute(f"LOAD {sql.text(str(library))}")
        base.execute("SET pg_connection_limit = 4")
        base.execute(f"ATTACH {sql.text(words)} AS {_SOURCE} (TYPE postgres, READ_ONLY)")
    except duckdb.Error as error:
        raise told(error) from error


def _libpq(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
