"""What processors have still to do and have given up on, for people who look after them."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import BadInput, NotFound
from precedent.store.schema import ASIDE, PENDING, processor, state, transcript


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
    """Return the backlog of every known processor, by name.

    Nearly all transcripts are done, so these are what is left of all when the others are taken away: to count by an
    index takes a seventh of the time of looking at every row.
    """
    every = Counter({(name, version): count for name, version, count in tx.execute(_by_version())})
    pending, aside = tx.execute(_pending(), {"now": now}).all(), tx.execute(_aside()).all()
    for row in (*pending, *aside):
        every[row.processor_name, row.processor_version] -= row.number
    return [
        Backlog(
            processor=name,
            version=version,
            done=sum(count for (of, _), count in every.items() if of == name),
            backlog=sum(row.due for row in pending if row.processor_name == name),
            waiting=sum(row.number - row.due for row in pending if row.processor_name == name),
            outdated=sum(count for (of, by), count in every.items() if of == name and by < version),
            dead=sum(row.number for row in aside if (row.processor_name, row.status) == (name, "dead")),
            withheld=sum(row.number for row in aside if (row.processor_name, row.status) == (name, "withheld")),
            lag_us=max((now - row.oldest for row in pending if row.processor_name == name and row.oldest), default=0),
            paused_reason=reason,
        )
        for name, version, reason in tx.execute(_known())
    ]


@cache
def _known() -> sa.Select[Any]:
    return sa.select(processor.c.name, processor.c.version, processor.c.paused_reason).order_by(processor.c.name)


@cache
def _by_version() -> sa.Select[Any]:
    of = state.c.processor_name, state.c.processor_version
    return sa.select(*of, sa.func.count()).group_by(*of)


@cache
def _pending() -> sa.Select[Any]:
    # The sum keeps SQLite from going through all rows in the order of the groups, by the index of versions.
    of = state.c.processor_name, (state.c.processor_version + sa.literal_column("0")).label("processor_version")
    due = state.c.next_attempt_at <= sa.bindparam("now")
    one, none = sa.literal_column("1", sa.BigInteger), sa.literal_column("0", sa.BigInteger)
    return (
        sa.select(
            *of,
            sa.func.count().label("number"),
            sa.cast(sa.func.sum(sa.case((due, one), else_=none)), sa.BigInteger).label("due"),
            sa.func.min(sa.case((due, state.c.pending_since))).label("oldest"),
        )
        .where(sa.text(PENDING))
        .group_by(*of)
    )


@cache
def _aside() -> sa.Select[Any]:
    of = state.c.processor_name, state.c.status, state.c.processor_version
    return sa.select(*of, sa.func.count().label("number")).where(sa.text(ASIDE)).group_by(*of)


def archive_size(tx: sa.Connection) -> tuple[int, int]:
    """Return how many transcripts are archived and their bytes."""
    row = tx.execute(_archive_size()).one()
    return int(row[0]), int(row[1])


@cache
def _archive_size() -> sa.Select[Any]:
    return sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(transcript.c.length), 0))


def failed(tx: sa.Connection, *, waiting: bool) -> list[FailedTranscript]:
    """Return the dead letter of all processors, and on request the transcripts that wait for another attempt."""
    found = list(tx.execute(sa.select(state).where(sa.text(ASIDE), state.c.status == "dead")))
    if waiting:
        found += tx.execute(sa.select(state).where(sa.text(PENDING), state.c.attempts > 0))
    return [
        FailedTranscript(
            processor=row.processor_name,
            session_file=row.session_file,
            attempts=row.attempts,
            error_class=row.error_class,
            error=row.last_error,
            next_attempt_at=None if row.status == "dead" else row.next_attempt_at,
        )
        for row in sorted(found, key=lambda each: (each.processor_name, each.session_file))
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
    where = [sa.literal_column(ASIDE, sa.Boolean), state.c.status == "dead"]
    if name is not None:
        where.append(state.c.processor_name == name)
    if sessions is not None:
        where.append(state.c.session_file.in_(sessions))
        unknown = set(sessions) - set(tx.scalars(sa.select(state.c.session_file).where(*where)))
        if unknown:
            raise NotFound(f"not in the dead letter: {', '.join(sorted(unknown))}; `precedent dead list` shows what is")
    return tx.execute(state.update().where(*where).values(**values)).rowcount
