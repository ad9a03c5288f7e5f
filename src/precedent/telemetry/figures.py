"""What the database says of the state of the server, in one cheap set of queries.

Metrics, health and alerts all read it, so they cannot contradict one another; and since it comes from the database,
each of several API processes gives the same answer.
"""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.store.schema import (
    ASIDE,
    PENDING,
    audit,
    audit_head,
    contact,
    job,
    processor,
    run,
    state,
    transcript,
    worker,
)

from . import totals


class ProcessorFigures(NamedTuple):
    """What one processor has to do.

    Attributes:
        due: transcripts that are to be processed now.
        grown: of those due, the ones that were processed before and have changed since.
        waiting: failed transcripts whose next attempt is in the future.
        dead: given up on.
        oldest_at: since when the oldest due one waits, UTC microseconds; None without any.
        registered_at: when it was first seen, UTC microseconds.
    """

    name: str
    due: int
    grown: int
    waiting: int
    dead: int
    oldest_at: int | None
    paused_reason: str
    registered_at: int


class JobFigures(NamedTuple):
    """What became of one job.

    Attributes:
        failures: failed runs since the last success.
        last_success_at: UTC microseconds; None before the first.
        queued_at: since when a run waits, UTC microseconds; None when none does.
        running_at: since when a run is under way, UTC microseconds; None when none is.
        beat_at: when that run last showed that it lives, UTC microseconds.
    """

    name: str
    paused_reason: str
    failures: int
    last_success_at: int | None
    queued_at: int | None
    running_at: int | None
    beat_at: int | None


class Figures(NamedTuple):
    """The state of the server.

    Attributes:
        at: when this was read, UTC microseconds.
        workers: how many showed that they live, ever so long ago; those that are silent are removed by the others.
        worker_at: newest heartbeat of any worker, UTC microseconds; None without any.
        scheduler_at: newest call of any scheduler, UTC microseconds; None without any.
        since: when this database was first used by a server, UTC microseconds; None when it never was.
        audit_rows: rows of the audit log by its head.
        audit_fits: whether head and last row of the audit log agree.
    """

    at: int
    revision: str
    jobs: dict[str, JobFigures]
    processors: dict[str, ProcessorFigures]
    totals: list[totals.Total]
    workers: int
    worker_at: int | None
    scheduler_at: int | None
    since: int | None
    audit_rows: int
    audit_fits: bool


class Archived(NamedTuple):
    """What the archive holds.

    Attributes:
        bytes: of the transcripts' text.
        stored_bytes: of their files; less than `bytes` where old ones are compressed.
    """

    transcripts: int
    bytes: int
    stored_bytes: int


class _Open(NamedTuple):
    name: str
    requested_at: int
    started_at: int | None
    heartbeat_at: int


def read(tx: sa.Connection, *, revision: str, now: int) -> Figures:
    """Return the state of the server; costs what is open or pending, not what exists."""
    counted = totals.totals(tx)
    workers = tx.execute(sa.select(sa.func.count(), sa.func.max(worker.c.heartbeat_at))).one()
    processors = _processors(tx, now=now)
    calls = tx.execute(sa.select(sa.func.min(contact.c.first_at), sa.func.max(contact.c.last_at))).one()
    began = [each.registered_at for each in processors.values()] + ([calls[0]] if calls[0] else [])
    rows, fits = _audit(tx)
    return Figures(
        at=now,
        revision=revision,
        jobs=_jobs(tx, counted),
        processors=processors,
        totals=counted,
        workers=int(workers[0]),
        worker_at=workers[1],
        scheduler_at=calls[1],
        since=min(began, default=None),
        audit_rows=rows,
        audit_fits=fits,
    )


def _audit(tx: sa.Connection) -> tuple[int, bool]:
    """Return how many rows the head tells of, and whether the last row is the one it was written with."""
    # One statement, so that nobody writes between two looks.
    newest = sa.select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1).subquery()
    head = sa.select(audit_head.c.rows, audit_head.c.hash).subquery()
    query = sa.select(head.c.rows, head.c.hash, newest.c.id, newest.c.hash)
    found = tx.execute(query.select_from(head.outerjoin(newest, sa.true()))).first()
    if found is None:
        return 0, tx.scalar(sa.select(audit.c.id).limit(1)) is None
    rows, digest, last, last_digest = found
    return int(rows), (rows, digest) == (last, last_digest)


def archived(tx: sa.Connection) -> Archived:
    """Return what the archive holds; looks at every row of the catalogue."""
    stored = sa.case((transcript.c.stored_bytes > 0, transcript.c.stored_bytes), else_=transcript.c.length)
    zero = sa.literal(0)
    row = tx.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(transcript.c.length), zero),
            sa.func.coalesce(sa.func.sum(stored), zero),
        )
    ).one()
    return Archived(int(row[0]), int(row[1]), int(row[2]))


def _processors(tx: sa.Connection, *, now: int) -> dict[str, ProcessorFigures]:
    due = state.c.next_attempt_at <= now
    again = sa.and_(due, state.c.processed_at.is_not(None))
    zero = sa.literal(0)
    pending = {
        row.processor_name: row
        for row in tx.execute(
            sa.select(
                state.c.processor_name,
                sa.func.sum(sa.case((due, 1), else_=zero)).label("due"),
                sa.func.sum(sa.case((again, 1), else_=zero)).label("grown"),
                sa.func.sum(sa.case((due, 0), else_=1)).label("waiting"),
                sa.func.min(sa.case((due, state.c.pending_since))).label("oldest"),
            )
            .where(sa.text(PENDING))
            .group_by(state.c.processor_name)
        )
    }
    dead: dict[str, int] = {
        row[0]: row[1]
        for row in tx.execute(
            sa.select(state.c.processor_name, sa.func.count())
            .where(sa.text(ASIDE), state.c.status == "dead")
            .group_by(state.c.processor_name)
        )
    }
    found = {}
    for row in tx.execute(sa.select(processor).order_by(processor.c.name)):
        todo = pending.get(row.name)
        found[row.name] = ProcessorFigures(
            name=row.name,
            due=int(todo.due) if todo else 0,
            grown=int(todo.grown) if todo else 0,
            waiting=int(todo.waiting) if todo else 0,
            dead=dead.get(row.name, 0),
            oldest_at=todo.oldest if todo else None,
            paused_reason=row.paused_reason,
            registered_at=row.registered_at,
        )
    return found


def _jobs(tx: sa.Connection, counted: list[totals.Total]) -> dict[str, JobFigures]:
    success: dict[str, int] = {}
    for each in counted:
        if each.outcome in totals.SUCCESS:
            success[each.job] = max(each.last_at, success.get(each.job, 0))
    memory = {row.name: row for row in tx.execute(sa.select(job))}
    columns = run.c.name, run.c.requested_at, run.c.started_at, run.c.heartbeat_at
    # The open ones only; there is at most one for each slot of a job.
    opened: dict[str, list[_Open]] = {}
    for row in tx.execute(sa.select(*columns).where(run.c.finished_at.is_(None))):
        opened.setdefault(row.name, []).append(_Open(*row))
    found = {}
    for name in {*success, *memory, *opened, *(each.job for each in counted)}:
        kept = memory.get(name)
        rows = opened.get(name, [])
        running = [row for row in rows if row.started_at is not None]
        found[name] = JobFigures(
            name=name,
            paused_reason=kept.paused_reason if kept else "",
            failures=kept.failures if kept else 0,
            last_success_at=success.get(name),
            queued_at=min((row.requested_at for row in rows if row.started_at is None), default=None),
            running_at=min((row.started_at for row in running if row.started_at is not None), default=None),
            beat_at=min((row.heartbeat_at for row in running), default=None),
        )
    return found
