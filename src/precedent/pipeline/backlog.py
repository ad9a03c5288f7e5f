"""What processors have still to do and have given up on, for people who look after them."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import BadInput, NotFound
from precedent.store.schema import processor, state, transcript


class Backlog(msgspec.Struct, kw_only=True):
    """One processor.

    Attributes:
        done: transcripts that are up to date.
        backlog: transcripts that are due now.
        waiting: failed transcripts whose next attempt is in the future.
        outdated: of the done, those that an older version did.
        dead: given up on.
        withheld: kept from the processor because their person does not allow its purpose.
        lag_us: how long the oldest due transcript has waited, in microseconds.
    """

    processor: str
    version: int
    done: int
    backlog: int
    waiting: int
    outdated: int
    dead: int
    withheld: int
    lag_us: int
    paused_reason: str


class FailedTranscript(msgspec.Struct, kw_only=True):
    """A transcript that failed.

    Attributes:
        next_attempt_at: UTC microseconds; None when it was given up on.
    """

    processor: str
    session_file: str
    attempts: int
    error_class: str
    error: str
    next_attempt_at: int | None


def processors(tx: sa.Connection, *, now: int) -> list[Backlog]:
    """Return the backlog of every known processor, by name."""
    return [
        Backlog(
            processor=row.name,
            version=row.version,
            done=int(row.done),
            backlog=int(row.backlog),
            waiting=int(row.waiting),
            outdated=int(row.outdated),
            dead=int(row.dead),
            withheld=int(row.withheld),
            lag_us=max(0, now - row.oldest) if row.oldest else 0,
            paused_reason=row.paused_reason,
        )
        for row in tx.execute(_processors(), {"now": now})
    ]


@cache
def _processors() -> sa.Select[Any]:
    pending, due = state.c.status == "pending", state.c.next_attempt_at <= sa.bindparam("now", type_=sa.BigInteger)

    def number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    return (
        sa.select(
            processor.c.name,
            processor.c.version,
            processor.c.paused_reason,
            number(state.c.status == "done").label("done"),
            number(sa.and_(pending, due)).label("backlog"),
            number(sa.and_(pending, ~due)).label("waiting"),
            number(sa.and_(state.c.status == "done", state.c.processor_version < processor.c.version)).label(
                "outdated"
            ),
            number(state.c.status == "dead").label("dead"),
            number(state.c.status == "withheld").label("withheld"),
            sa.func.min(sa.case((sa.and_(pending, due), state.c.pending_since))).label("oldest"),
        )
        .outerjoin(state, state.c.processor_name == processor.c.name)
        .group_by(processor.c.name, processor.c.version, processor.c.paused_reason)
        .order_by(processor.c.name)
    )


def archive_size(tx: sa.Connection) -> tuple[int, int]:
    """Return how many transcripts are archived and their bytes."""
    row = tx.execute(_archive_size()).one()
    return int(row[0]), int(row[1])


@cache
def _archive_size() -> sa.Select[Any]:
    return sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(transcript.c.length), 0))


def failed(tx: sa.Connection, *, waiting: bool) -> list[FailedTranscript]:
    """Return the dead letter of all processors, and on request the transcripts that wait for another attempt."""
    columns = state.c
    which = columns.status == "dead"
    if waiting:
        which = sa.or_(which, sa.and_(columns.status == "pending", columns.attempts > 0))
    query = sa.select(state).where(which).order_by(columns.processor_name, columns.session_file)
    return [
        FailedTranscript(
            processor=row.processor_name,
            session_file=row.session_file,
            attempts=row.attempts,
            error_class=row.error_class,
            error=row.last_error,
            next_attempt_at=None if row.status == "dead" else row.next_attempt_at,
        )
        for row in tx.execute(query)
    ]


def chosen(sessions: Sequence[str] | None, *, every: bool) -> Sequence[str] | None:
    """Return the named sessions, or None for all of them.

    Raises:
        BadInput: neither or both were given.
    """
    if bool(sessions) == every:
        raise BadInput("name session files, or give --all")
    return sessions or None


def retry(tx: sa.Connection, sessions: Sequence[str] | None, *, processor: str | None, now: int) -> int:
    """Make dead transcripts pending, with all their attempts before them; return how many."""
    values = {"status": "pending", "attempts": 0, "next_attempt_at": 0, "claims_open": 0, "pending_since": now}
    return _change(tx, sessions, processor, values)


def drop(tx: sa.Connection, sessions: Sequence[str] | None, *, processor: str | None) -> int:
    """Take dead transcripts off the list; return how many."""
    return _change(tx, sessions, processor, {"status": "dropped"})


def _change(tx: sa.Connection, sessions: Sequence[str] | None, name: str | None, values: dict[str, object]) -> int:
    where = [state.c.status == "dead"]
    if name is not None:
        where.append(state.c.processor_name == name)
    if sessions is not None:
        where.append(state.c.session_file.in_(sessions))
        unknown = set(sessions) - set(tx.scalars(sa.select(state.c.session_file).where(*where)))
        if unknown:
            raise NotFound(f"not in the dead letter: {', '.join(sorted(unknown))}; `precedent dead list` shows what is")
    return tx.execute(state.update().where(*where).values(**values)).rowcount
