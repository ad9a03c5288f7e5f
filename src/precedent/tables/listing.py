"""What is told of sources and tables, and to whom."""

from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import NotFound
from precedent.schedules import parse, upcoming
from precedent.security.audiences import TABLES
from precedent.security.principals import Principal
from precedent.store.schema import data_file, data_refresh, data_source, data_table

from . import publishing
from .model import Column, ColumnProfile, Part, Source

SHOWN_REFRESHES = 100


class TableShown(msgspec.Struct, kw_only=True):
    """A table; times are UTC microseconds.

    Attributes:
        source: its name.
        teams: whom it is for; empty for everybody.
        version: rises with everything that is published.
        columns: of the published files.
        profile: of the published rows.
        published_at: when something new was last published.
        checked_at: when its source was last looked at.
        error: why the last look failed; empty when it did not.
        error_kind: `transient` or `permanent`.
        failures: looks in a row that failed.
        next: the next due instants.
    """

    name: str
    source: str
    selection: dict[str, Any]
    mode: str
    cursor_column: str
    key_columns: list[str]
    schedule: str
    teams: list[str]
    max_rows: int
    max_bytes: int
    timeout_s: int
    paused: str
    version: int
    rows: int
    size_bytes: int
    columns: list[Column]
    profile: list[ColumnProfile]
    published_at: int | None
    checked_at: int | None
    error: str
    error_kind: str
    failures: int
    next: list[int]


class Offered(msgspec.Struct, kw_only=True):
    """A table as those may have it whom it is for.

    Attributes:
        version: rises with everything that is published.
        files: that are the table, together.
    """

    name: str
    version: int
    rows: int
    size_bytes: int
    published_at: int
    columns: list[Column]
    profile: list[ColumnProfile]
    files: list[Part]


class RefreshShown(msgspec.Struct, kw_only=True):
    """One look at a table's source; times are UTC microseconds.

    Attributes:
        outcome: `published`, `unchanged` or `failed`.
        changes: what was new about the columns.
    """

    id: int
    run_id: int | None
    started_at: int
    finished_at: int
    outcome: str
    rows: int
    size_bytes: int
    changes: list[str]
    error: str
    error_kind: str


def sources(tx: sa.Connection) -> list[Source]:
    """Return all sources, by name."""
    rows = tx.execute(sa.select(data_source).order_by(data_source.c.name))
    return [
        msgspec.convert(
            {
                "name": row.name, "kind": row.kind, "place": row.place, "secret": row.secret,
                "options": msgspec.json.decode(row.options),
            },
            Source,
        )
        for row in rows
    ]  # fmt: skip


def source(tx: sa.Connection, name: str) -> Source:
    """Return one source.

    Raises:
        NotFound: there is no such source.
    """
    for each in sources(tx):
        if each.name == name:
            return each
    raise NotFound(f"no source {name!r}; `precedent data sources` names them")


def tables(tx: sa.Connection, *, now: int, name: str | None = None) -> list[TableShown]:
    """Return all tables, or the one of a name, with all that is known of them; for admins."""
    query = sa.select(data_table, data_source.c.name.label("source")).join(data_source).order_by(data_table.c.name)
    if name is not None:
        query = query.where(data_table.c.name == name)
    teams = TABLES.names(tx)
    return [_shown(row, teams.get(row.id, []), now) for row in tx.execute(query)]


def table(tx: sa.Connection, name: str, *, now: int) -> TableShown:
    """Return one table with all that is known of it; for admins.

    Raises:
        NotFound: there is no such table.
    """
    found = tables(tx, now=now, name=name) if name.isprintable() else []
    if not found:
        raise NotFound(f"no table {name!r}; `precedent data tables` names them")
    return found[0]


def refreshes(tx: sa.Connection, name: str, *, limit: int = SHOWN_REFRESHES) -> list[RefreshShown]:
    """Return the last looks at a table's source, newest first.

    Raises:
        NotFound: there is no such table.
    """
    number = tx.scalar(sa.select(data_table.c.id).where(data_table.c.name == name)) if name.isprintable() else None
    if number is None:
        raise NotFound(f"no table {name!r}; `precedent data tables` names them")
    query = sa.select(data_refresh).where(data_refresh.c.table_id == number).order_by(data_refresh.c.id.desc())
    return [
        RefreshShown(
            id=row.id, run_id=row.run_id, started_at=row.started_at, finished_at=row.finished_at, outcome=row.outcome,
            rows=row.rows, size_bytes=row.size_bytes, changes=msgspec.json.decode(row.changes), error=row.error,
            error_kind=row.error_kind,
        )
        for row in tx.execute(query.limit(limit))
    ]  # fmt: skip


def offered(tx: sa.Connection, who: Principal) -> list[Offered]:
    """Return the published tables that somebody may have, by name."""
    files: dict[int, list[Part]] = {}
    for row in tx.execute(sa.select(data_file).order_by(data_file.c.id)):
        files.setdefault(row.table_id, []).append(Part(sha256=row.sha256, rows=row.rows, size_bytes=row.size_bytes))
    query = sa.select(data_table).where(data_table.c.published_at.is_not(None), TABLES.includes(who))
    return [
        Offered(
            name=row.name, version=row.version, rows=row.rows, size_bytes=row.size_bytes, published_at=row.published_at,
            columns=msgspec.json.decode(row.columns, type=list[Column]),
            profile=msgspec.json.decode(row.profile, type=list[ColumnProfile]), files=files.get(row.id, []),
        )
        for row in tx.execute(query.order_by(data_table.c.name))
    ]  # fmt: skip


def paths(tx: sa.Connection, who: Principal, root: Path) -> dict[str, list[Path]]:
    """Return the files of each table that somebody may have, by the table's name."""
    query = (
        sa.select(data_table.c.id, data_table.c.name, data_file.c.sha256)
        .join(data_file)
        .where(TABLES.includes(who))
        .order_by(data_file.c.id)
    )
    found: dict[str, list[Path]] = {}
    for row in tx.execute(query):
        found.setdefault(row.name, []).append(publishing.path_of(root, row.id, row.sha256))
    return found


def path(tx: sa.Connection, who: Principal, root: Path, *, name: str, sha256: str) -> Path:
    """Return one file of a table.

    Raises:
        NotFound: there is no such table or file, or it is not for them.
    """
    for each in paths(tx, who, root).get(name, []):
        if each.stem == sha256 and each.exists():
            return each
    raise NotFound(f"no file {sha256[:64]!r} of a table {name!r} is for you; ask for the manifest again")


def _shown(row: "sa.Row[Any]", teams: list[str], now: int) -> TableShown:
    return TableShown(
        name=row.name, source=row.source, selection=msgspec.json.decode(row.selection), mode=row.mode,
        cursor_column=row.cursor_column, key_columns=msgspec.json.decode(row.key_columns), schedule=row.schedule,
        teams=teams, max_rows=row.max_rows, max_bytes=row.max_bytes, timeout_s=row.timeout_s, paused=row.paused_reason,
        version=row.version, rows=row.rows, size_bytes=row.size_bytes,
        columns=msgspec.json.decode(row.columns, type=list[Column]),
        profile=msgspec.json.decode(row.profile, type=list[ColumnProfile]), published_at=row.published_at,
        checked_at=row.checked_at, error=row.error, error_kind=row.error_kind, failures=row.failures,
        next=upcoming(parse(row.schedule, name=row.name), after=now),
    )  # fmt: skip
