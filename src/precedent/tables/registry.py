"""Sources and tables: making, changing and removing them. Every change is audited in its own transaction."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Conflict, NotFound
from precedent.schedules import parse
from precedent.security import audit, secret_references
from precedent.security.acting import By
from precedent.security.audiences import TABLES
from precedent.security.egress import WEB_SCHEMES, Egress, destination
from precedent.store import Store, bulk
from precedent.store.schema import data_file, data_refresh, data_source, data_table, data_table_team

from .model import Kind, Mode, Source, TableSpec

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
BUILT_IN = frozenset({"usage", "usage_team", "usage_tools"})
"""Names of tables that are there without anybody's doing."""

MAX_JSON_BYTES = 64 << 10
LONGEST_TIMEOUT_S = 6 * 3600
SELECTIONS: dict[Kind, tuple[str, ...]] = {
    Kind.POSTGRESQL: ("table", "query"),
    Kind.SQL: ("table", "query"),
    Kind.SQLITE: ("table", "query"),
    Kind.REST: ("endpoint",),
    Kind.FILES: ("path",),
}
"""What a selection names, one of these."""

MORE: dict[Kind, frozenset[str]] = {
    Kind.POSTGRESQL: frozenset({"changes"}),
    Kind.SQL: frozenset({"changes"}),
    Kind.FILES: frozenset({"format"}),
}
"""What it may name besides."""


class Registry:
    """Keeps sources and tables.

    Args:
        store: the database.
        egress: the guard of URLs.
        max_rows: that a table may have at most.
        max_bytes: that the files of a table may take at most.
        clock: time.
    """

    def __init__(self, store: Store, egress: Egress, *, max_rows: int, max_bytes: int, clock: Clock) -> None:
        self._store, self._egress, self._clock = store, egress, clock
        self._max_rows, self._max_bytes = max_rows, max_bytes

    def add_source(self, given: Source, *, by: By) -> None:
        """Make a source.

        Raises:
            BadInput: something of it cannot be used.
            Conflict: there is one of this name.
        """
        self._check_source(given)
        now = self._clock.now()
        row = (given.name, *_values(given).values(), now, now)
        with self._store.write() as tx:
            if not bulk.insert_new(tx, data_source, ["name", *_values(given), "created_at", "updated_at"], [row]):
                raise Conflict(f"there is a source {given.name!r} already")
            self._record(tx, by, "source.create", given.name, kind=given.kind, place=given.place, secret=given.secret)

    def change_source(self, name: str, given: Source, *, by: By) -> None:
        """Replace what is said of a source; all its tables are read whole again.

        A secret goes only to where it was given for: with another host it is dropped unless it is named again.

        Raises:
            NotFound: there is no such source.
            BadInput: something of it cannot be used, or its name or kind differs.
        """
        self._check_source(given)
        with self._store.write() as tx:
            row = _source(tx, name)
            if given.name != name or given.kind != row.kind:
                raise BadInput("name and kind of a source stay as they are; make another source")
            if not given.secret and destination(row.place) == destination(given.place):
                given = msgspec.structs.replace(given, secret=row.secret)
            this = data_source.c.id == row.id
            tx.execute(data_source.update().where(this).values(**_values(given), updated_at=self._clock.now()))
            _forget(tx, data_table.c.source_id == row.id)
            self._record(tx, by, "source.change", name, place=given.place, secret=given.secret)

    def remove_source(self, name: str, *, by: By) -> None:
        """Remove a source that no table is read from.

        Raises:
            NotFound: there is no such source.
            Conflict: tables are read from it.
        """
        with self._store.write() as tx:
            row = _source(tx, name)
            used = tx.scalars(sa.select(data_table.c.name).where(data_table.c.source_id == row.id)).all()
            if used:
                raise Conflict(f"tables are read from {name}: {', '.join(sorted(used)[:10])}; remove them first")
            tx.execute(data_source.delete().where(data_source.c.id == row.id))
            self._record(tx, by, "source.remove", name)

    def add(self, given: TableSpec, *, by: By) -> None:
        """Make a table; it is due at once.

        Raises:
            BadInput: something of it cannot be used.
            NotFound: there is no such source or team.
            Conflict: there is a table of this name.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            values = self._checked(tx, given)
            row = (given.name, *values.values(), now, now)
            if not bulk.insert_new(tx, data_table, ["name", *values, "created_at", "updated_at"], [row]):
                raise Conflict(f"there is a table {given.name!r} already")
            TABLES.assign(tx, int(_table(tx, given.name).id), given.teams)
            self._record(tx, by, "table.create", given.name, source=given.source, mode=given.mode, teams=given.teams)

    def change(self, name: str, given: TableSpec, *, by: By) -> None:
        """Replace what is said of a table; when it is read in another way it is read whole again.

        Raises:
            BadInput: something of it cannot be used, or the name differs.
            NotFound: there is no such table, source or team.
        """
        if given.name != name:
            raise BadInput("the name of a table stays as it is; make another table")
        with self._store.write() as tx:
            row, values = _table(tx, name), self._checked(tx, given)
            this = data_table.c.id == row.id
            tx.execute(data_table.update().where(this).values(**values, updated_at=self._clock.now()))
            reading = ("source_id", "selection", "mode", "cursor_column", "key_columns")
            if any(getattr(row, each) != values[each] for each in reading):
                _forget(tx, this)
            elif any(getattr(row, each) != values[each] for each in ("max_rows", "max_bytes")):
                tx.execute(data_table.update().where(this).values(fingerprint=""))
            TABLES.assign(tx, int(row.id), given.teams)
            self._record(tx, by, "table.change", name, source=given.source, mode=given.mode, teams=given.teams)

    def pause(self, name: str, reason: str, *, by: By) -> None:
        """Keep a table from being read by the schedule, or with an empty reason let it be read again.

        Raises:
            NotFound: there is no such table.
        """
        with self._store.write() as tx:
            this = data_table.c.id == _table(tx, name).id
            tx.execute(data_table.update().where(this).values(paused_reason=reason))
            self._record(tx, by, "table.pause" if reason else "table.resume", name, reason=reason)

    def remove(self, name: str, *, by: By) -> None:
        """Remove a table with its history; the files go with the next refresh.

        Raises:
            NotFound: there is no such table.
        """
        with self._store.write() as tx:
            number = int(_table(tx, name).id)
            for each in (data_file, data_refresh, data_table_team):
                tx.execute(each.delete().where(each.c.table_id == number))
            tx.execute(data_table.delete().where(data_table.c.id == number))
            self._record(tx, by, "table.remove", name)

    def _check_source(self, given: Source) -> None:
        _check_name(given.name, what="source")
        if given.secret:
            secret_references.checked(given.secret)
        _check_json(given.options, what="options")
        scheme = urlsplit(given.place).scheme if "://" in given.place else ""
        schemes: Sequence[str]
        match given.kind:
            case Kind.POSTGRESQL:
                schemes = ("postgresql",)
            case Kind.SQL:
                schemes = (scheme,) if scheme else ("mysql+pymysql",)
            case Kind.REST:
                schemes = WEB_SCHEMES
            case Kind.FILES if scheme in WEB_SCHEMES:
                schemes = WEB_SCHEMES
            case Kind.FILES if scheme:
                if endpoint := str(given.options.get("endpoint", "")):
                    self._egress.check(endpoint)
                return
            case _:
                if scheme or not given.place:
                    raise BadInput("the place of files is a path below data_files_dir, or a URL of a bucket or server")
                return
        self._egress.check(given.place, schemes=schemes)

    def _checked(self, tx: sa.Connection, given: TableSpec) -> dict[str, Any]:
        """Return the columns of a table after a look at everything that is said."""
        _check_name(given.name, what="table")
        if given.name in BUILT_IN:
            raise BadInput(f"{given.name} is a table of the server's own; choose another name")
        source = _source(tx, given.source)
        _check_selection(Kind(source.kind), given.selection)
        _check_mode(given)
        parse(given.schedule, name=given.name)
        for value, most, what in (
            (given.max_rows, self._max_rows, "max_rows"),
            (given.max_bytes, self._max_bytes, "max_bytes"),
            (given.timeout_s, LONGEST_TIMEOUT_S, "timeout_s"),
        ):
            if not 0 <= value <= most:
                raise BadInput(f"{what} is {value}; it is from 0 to {most:,} on this server")
        return {
            "source_id": int(source.id),
            "selection": msgspec.json.encode(given.selection).decode(),
            "mode": given.mode.value,
            "cursor_column": given.cursor_column,
            "key_columns": msgspec.json.encode(given.key_columns).decode(),
            "schedule": given.schedule,
            "max_rows": given.max_rows or self._max_rows,
            "max_bytes": given.max_bytes or self._max_bytes,
            "timeout_s": given.timeout_s or 600,
        }

    def _record(self, tx: sa.Connection, by: By, action: str, name: str, **details: Any) -> None:
        resource = f"data:{action.partition('.')[0]}:{name}"
        audit.record(tx, by.act(f"data.{action}", resource, **details), now=self._clock.now())


def _values(given: Source) -> dict[str, str]:
    return {
        "kind": given.kind.value,
        "place": given.place,
        "secret": given.secret,
        "options": msgspec.json.encode(given.options).decode(),
    }


def _forget(tx: sa.Connection, which: "sa.ColumnElement[bool]") -> None:
    """Have tables read whole again as soon as they are due; what is published stays until then."""
    anew: dict[str, Any] = dict.fromkeys(("fingerprint", "cursor_value", "error", "error_kind"), "")
    anew |= {"failures": 0, "next_attempt_at": None, "last_due_at": None}
    tx.execute(data_table.update().where(which).values(**anew, version=data_table.c.version + 1))


def _source(tx: sa.Connection, name: str) -> "sa.Row[Any]":
    return _named(tx, data_source, name, what="source")


def _table(tx: sa.Connection, name: str) -> "sa.Row[Any]":
    return _named(tx, data_table, name, what="table")


def _named(tx: sa.Connection, table: sa.Table, name: str, *, what: str) -> "sa.Row[Any]":
    row = tx.execute(sa.select(table).where(table.c.name == name)).first() if NAME.fullmatch(name) else None
    if row is None:
        raise NotFound(f"no {what} {name!r}; `precedent data {what}s` names them")
    return row


def _check_name(name: str, *, what: str) -> None:
    if not NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name of a {what}: small letters, digits and _, at most 63, a letter first")


def _check_json(given: dict[str, Any], *, what: str) -> None:
    if len(msgspec.json.encode(given)) > MAX_JSON_BYTES:
        raise BadInput(f"the {what} are larger than {MAX_JSON_BYTES} bytes")


def _check_selection(kind: Kind, given: dict[str, Any]) -> None:
    _check_json(given, what="selection")
    one, more = SELECTIONS[kind], MORE.get(kind, frozenset())
    if len([each for each in one if each in given]) != 1 or not set(given) <= {*one, *more}:
        extra = f", and may name {' and '.join(sorted(more))}" if more else ""
        raise BadInput(f"the selection of a {kind} source names one of {' or '.join(one)}{extra}")
    if bad := [each for each, value in given.items() if each != "endpoint" and not _is_text(value)]:
        raise BadInput(f"{bad[0]} of the selection is text")
    if "endpoint" in given and not isinstance(given["endpoint"], dict):
        raise BadInput("endpoint of the selection is an object, at least with a path")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _check_mode(given: TableSpec) -> None:
    wants_cursor, wants_keys = given.mode is not Mode.FULL, given.mode is Mode.MERGE
    if bool(given.cursor_column) != wants_cursor or bool(given.key_columns) != wants_keys:
        raise BadInput("full needs no cursor_column, append needs one, merge needs one and key_columns")
