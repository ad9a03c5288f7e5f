"""The audit log: one row per act, written in the transaction of the act, each row's hash covering the one before.

Whoever deletes, changes or reorders rows breaks the chain, and `verify` names the first row that does not fit. The
head, a row of its own, says how many rows there are and the hash of the last, so that a cut end shows as well. A
witness outside the database (`security.witness`) finds even a chain that was computed anew.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from precedent.store import serialize, survive_power_loss
from precedent.store.schema import audit, audit_head

MAX_DETAILS_BYTES = 8192
MAX_TEXT = 300
"""Characters of a column of text."""
GENESIS = "0" * 64
"""What the first row's hash covers instead of a row before it."""
_HEAD = "audit"


class Act(NamedTuple):
    """What was done.

    Attributes:
        principal: who did it.
        action: for example `run_session_processor:usage`.
        resource: what it was done to, for example `job:session-processor:usage`.
        result: `ok`, `denied`, `conflict`, `invalid`, `failed` or what the action defines.
        duration_us: microseconds it took.
        details: ready for JSON; cut when larger than `MAX_DETAILS_BYTES`.
        request_id: of the HTTP request.
        address: of the caller.
    """

    principal: str
    action: str
    resource: str
    result: str
    duration_us: int = 0
    details: Mapping[str, Any] = {}
    request_id: str = ""
    address: str = ""


class Row(NamedTuple):
    """One row of the log; columns of the same names."""

    id: int
    at: int
    principal: str
    action: str
    resource: str
    result: str
    duration_us: int
    request_id: str
    address: str
    details: str
    hash: str


class Head(NamedTuple):
    """The end of the log.

    Attributes:
        rows: how many there are, and so the last one's id.
        hash: of the last one.
    """

    rows: int
    hash: str


class Verdict(NamedTuple):
    """What `verify` found.

    Attributes:
        rows: how many rows fit.
        head: the last row that fits.
        fault: what is wrong; empty when nothing is.
        row: id of the first row that does not fit or is not there; None when all do.
    """

    rows: int
    head: Head
    fault: str = ""
    row: int | None = None


class Page(NamedTuple):
    """Rows, newest first.

    Attributes:
        next: the `before` of the next page; None at the end.
    """

    rows: list[Row]
    next: int | None


class Filter(NamedTuple):
    """Which rows; everything that is given must hold.

    Attributes:
        action: or the beginning of one, if it ends in `*`.
        since: from this instant on, UTC microseconds.
        until: before this instant, UTC microseconds.
    """

    principal: str | None = None
    action: str | None = None
    resource: str | None = None
    result: str | None = None
    since: int | None = None
    until: int | None = None


def record(tx: sa.Connection, act: Act, *, now: int) -> int:
    """Append an act to the log in the transaction that does it; return the row's id.

    Never refuses an act: what cannot be kept as it is is cut or replaced.
    """
    serialize(tx, "audit")
    survive_power_loss(tx)
    before = head(tx) or Head(0, GENESIS)
    row = Row(
        before.rows + 1,
        now,
        _text(act.principal),
        _text(act.action),
        _text(act.resource),
        _text(act.result),
        max(0, min(act.duration_us, 2**62)),
        _text(act.request_id),
        _text(act.address),
        _details(act.details),
        "",
    )
    row = row._replace(hash=_hash(before.hash, row))
    # Values beside a statement, not in it: to build one of eleven values takes as long as all the rest.
    tx.execute(audit.insert(), row._asdict())
    values = {"rows": row.id, "hash": row.hash}
    if not tx.execute(_move_head(), values).rowcount:
        tx.execute(audit_head.insert(), {"name": _HEAD, **values})
    return row.id


@cache
def _move_head() -> sa.Update:
    return audit_head.update().where(audit_head.c.name == _HEAD)


@cache
def _read_head() -> "sa.Select[Any]":
    return sa.select(audit_head.c.rows, audit_head.c.hash).where(audit_head.c.name == _HEAD)


def head(tx: sa.Connection) -> Head | None:
    """Return the end of the log as it was written; None when it is empty."""
    found = tx.execute(_read_head()).first()
    return None if found is None else Head(*found)


def verify(tx: sa.Connection, *, seen: Mapping[int, str] | None = None) -> Verdict:
    """Check every row against the one before it, and the last against the head.

    Args:
        tx: a transaction that reads.
        seen: hashes by id that a witness noted; the rows must still have them.
    """
    wanted = dict(seen or {})
    first = head(tx)  # others may write meanwhile: the log must reach this head, and not go beyond the one at the end
    last = Head(0, GENESIS)
    columns = [audit.c[name] for name in Row._fields]
    with tx.execution_options(yield_per=1000).execute(sa.select(*columns).order_by(audit.c.id)) as rows:
        for values in rows:
            row = Row(*values)
            if fault := _misfit(row, last, wanted.pop(row.id, row.hash), first):
                return Verdict(last.rows, last, fault, min(row.id, last.rows + 1))
            last = Head(row.id, row.hash)
    return _end(last, first, head(tx), wanted)


def _misfit(row: Row, last: Head, seen: str, written: Head | None) -> str:
    """Say why a row does not fit the one before it; empty when it does."""
    if row.id != last.rows + 1:
        return f"row {last.rows + 1} is missing; row {row.id} follows row {last.rows}"
    if row.hash != _hash(last.hash, row):
        return f"row {row.id} was changed, moved or put in"
    if row.hash != seen:
        return f"row {row.id} is not the one that the witness saw: the log was written anew up to there"
    if written is not None and row.id == written.rows and row.hash != written.hash:
        return f"row {row.id} is not the one that the head was written with"
    return ""


def _end(last: Head, first: Head | None, now: Head | None, wanted: Mapping[int, str]) -> Verdict:
    if now is None and last.rows:
        return Verdict(last.rows, last, "the head of the log is missing", last.rows)
    if first is not None and first.rows > last.rows:
        said = f"rows {last.rows + 1} to {first.rows} at the end are missing"
        return Verdict(last.rows, last, said, last.rows + 1)
    if now is not None and (now.rows < last.rows or (now.rows == last.rows and now.hash != last.hash)):
        return Verdict(last.rows, last, f"the head was written for row {now.rows}, not {last.rows}", last.rows)
    if wanted:
        said = f"the log ends at row {last.rows}, but the witness saw row {max(wanted)}: its end was cut"
        return Verdict(last.rows, last, said, last.rows + 1)
    return Verdict(last.rows, last)


def find(tx: sa.Connection, wanted: Filter, *, limit: int, before: int | None = None) -> Page:
    """Return rows, newest first; `before` is the id to go on from."""
    query = _where(wanted).order_by(audit.c.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(audit.c.id < before)
    rows = [Row(*each) for each in tx.execute(query)]
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def each(tx: sa.Connection, wanted: Filter) -> Iterator[Row]:
    """Yield rows, oldest first; never all of them in memory."""
    with tx.execution_options(yield_per=1000).execute(_where(wanted).order_by(audit.c.id)) as rows:
        for values in rows:
            yield Row(*values)


def _where(wanted: Filter) -> "sa.Select[Any]":
    query = sa.select(*[audit.c[name] for name in Row._fields])
    for name in ("principal", "resource", "result"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(audit.c[name] == value)
    if wanted.action is not None and wanted.action.endswith("*"):
        query = query.where(audit.c.action.startswith(wanted.action[:-1], autoescape=True))
    elif wanted.action is not None:
        query = query.where(audit.c.action == wanted.action)
    if wanted.since is not None:
        query = query.where(audit.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(audit.c.at < wanted.until)
    return query


def _hash(before: str, row: Row) -> str:
    content = msgspec.json.encode([before, *row[:-1]])
    return hashlib.sha256(content).hexdigest()


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:MAX_TEXT]


def _details(details: Mapping[str, Any]) -> str:
    try:
        encoded = msgspec.json.encode(details, enc_hook=str)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        encoded = msgspec.json.encode({"cut": True, "reason": type(error).__name__})
    if len(encoded) > MAX_DETAILS_BYTES:
        keys = [_text(str(key))[:40] for key in sorted(details, key=str)[:50]]
        encoded = msgspec.json.encode({"cut": True, "size_bytes": len(encoded), "keys": keys})
    return encoded.decode().replace("\\u0000", "\ufffd")
