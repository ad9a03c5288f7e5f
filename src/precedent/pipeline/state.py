"""What each processor still has to do: table `session_processor_state`.

Truth about work stands here alone. A row is pending, done, dead or dropped; a change of its transcript makes it
pending.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from precedent.clock import SECOND
from precedent.store import bulk
from precedent.store.schema import processor, run, state, transcript

from .contract import Processor, TranscriptRef

SUSPECT_CLAIMS = 2
"""A transcript claimed this often without any outcome may kill its workers: it is taken last, and alone."""

MAX_OPEN_CLAIMS = 20
"""A transcript claimed this often without any outcome kills its workers: it goes to the dead letter."""


IMPORTED = -1
"""Processor version of a row that `precedent import-state` brought: its content hash is that of another program."""

IMPORTED_ANEW = -2
"""The same, of a processor whose results must be derived here whatever was done elsewhere."""


class Work(NamedTuple):
    """One transcript to be processed.

    Attributes:
        object_key: where the archive keeps the content.
        claim: fencing token; only the holder of the newest one may store.
        attempts: failed attempts so far.
        cursor: where the last extraction stopped; None to begin anew.
        restarted: it was stored before and begins anew on the same content.
        file_hash: content that was last processed.
        pending: false when it is only reprocessed for a new version.
        imported_hash: of the content that another program had processed; empty for none.
    """

    ref: TranscriptRef
    object_key: str
    claim: int
    attempts: int
    cursor: bytes | None
    restarted: bool
    file_hash: str
    pending: bool
    imported_hash: str = ""


def register(tx: sa.Connection, found: Processor, *, now: int) -> None:
    """Note a processor and its version; one never seen gets every transcript as pending."""
    known = tx.execute(sa.select(processor.c.version).where(processor.c.name == found.name)).first()
    if known is None:
        if tx.dialect.name == "postgresql":
            # A collector that has read the list of processors must commit before we look for its transcripts.
            tx.exec_driver_sql("LOCK TABLE processor IN EXCLUSIVE MODE")
        bulk.insert_new(tx, processor, ["name", "version", "registered_at"], [(found.name, found.version, now)])
        mark_pending(tx, sa.true(), now=now, names=[found.name])
    elif known.version != found.version:
        tx.execute(processor.update().where(processor.c.name == found.name).values(version=found.version))


def is_registered(tx: sa.Connection, name: str, *, version: int) -> bool:
    """Tell whether a processor is known in this version."""
    return tx.scalar(sa.select(processor.c.version).where(processor.c.name == name)) == version


def mark_pending(
    tx: sa.Connection, which: sa.ColumnElement[bool], *, now: int, names: Sequence[str] | None = None
) -> None:
    """Make transcripts pending for the registered processors, in the transaction that changed them.

    A failing transcript keeps its attempts and its delay: growing must not bring poison back early. A dead one stays
    dead until its content is replaced or an admin retries it.
    """
    chosen = sa.select(
        processor.c.name,
        transcript.c.session_file,
        transcript.c.id,
        sa.literal_column("(SELECT key FROM user_account WHERE user_account.id = transcript.user_id)"),
        sa.literal("pending"),
        transcript.c.revision,
        sa.literal(now, sa.BigInteger),
    ).where(which, transcript.c.object_key != "")
    if names is not None:
        chosen = chosen.where(processor.c.name.in_(names))
    if tx.dialect.name == "postgresql":
        chosen = chosen.with_for_update(read=True, of=processor)
    columns = ["processor_name", "session_file", "transcript_id", "username", "status", "revision", "pending_since"]
    insert = _upsert(tx).from_select(columns, chosen.select_from(processor.join(transcript, sa.true())))
    given_up = sa.and_(
        state.c.status.in_(("dead", "dropped")),
        # As text: a column here would add the whole table to the inner query instead of naming the row in conflict.
        sa.select(transcript.c.generation)
        .where(transcript.c.id == sa.literal_column("session_processor_state.transcript_id"))
        .scalar_subquery()
        == state.c.generation,
    )
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=["processor_name", "session_file"],
            set_={
                "status": sa.case((given_up, state.c.status), else_="pending"),
                # An imported row knows neither until its transcript is collected.
                "transcript_id": insert.excluded.transcript_id,
                "username": insert.excluded.username,
                "revision": insert.excluded.revision,
                "pending_since": sa.case(
                    (state.c.status == "pending", state.c.pending_since), else_=insert.excluded.pending_since
                ),
            },
        )
    )


def _upsert(tx: sa.Connection) -> sqlite.Insert:
    if tx.dialect.name == "postgresql":
        # Loading the dialect takes a tenth of a start-up, and only who uses it needs it.
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        return cast(sqlite.Insert, postgresql.insert(state))  # the two are alike in what we use
    return sqlite.insert(state)


def take(tx: sa.Connection, name: str, *, now: int, limit: int, run_id: int) -> list[Work]:
    """Claim what is due: owners in turn, never-failed transcripts before retries.

    Whoever held them before can no longer store. What another worker of an open run holds is passed over. An index
    look-up: with nothing pending, no other table is touched.
    """
    failed = sa.case((state.c.attempts > 0, 1), else_=0)
    turn = sa.func.row_number().over(
        partition_by=(failed, state.c.username), order_by=(state.c.pending_since, state.c.transcript_id)
    )
    chosen = (
        sa.select(state.c.session_file, _SUSPECT, failed.label("failed"), turn.label("turn"), state.c.username)
        .where(
            state.c.processor_name == name,
            state.c.status == "pending",
            state.c.next_attempt_at <= now,
            _not_held(),
        )
        .order_by("suspect", "failed", "turn", state.c.username)
        .limit(limit)
        .subquery()
    )
    order = (chosen.c.suspect, chosen.c.failed, chosen.c.turn, chosen.c.username)
    return _claimed(tx, name, chosen, order, run_id, pending=True)


def take_outdated(tx: sa.Connection, name: str, *, version: int, limit: int, run_id: int) -> list[Work]:
    """Claim done transcripts that an older version of the processor did."""
    chosen = (
        sa.select(state.c.session_file, _SUSPECT, state.c.processor_version, state.c.transcript_id)
        .where(
            state.c.processor_name == name,
            state.c.processor_version < version,
            state.c.status == "done",
            _not_held(),
        )
        .order_by("suspect", state.c.processor_version, state.c.transcript_id)
        .limit(limit)
        .subquery()
    )
    order = (chosen.c.suspect, chosen.c.processor_version, chosen.c.transcript_id)
    return _claimed(tx, name, chosen, order, run_id, pending=False)


_SUSPECT = sa.case((state.c.claims_open >= SUSPECT_CLAIMS, state.c.claims_open), else_=0).label("suspect")


def _not_held() -> sa.ColumnElement[bool]:
    open_runs = sa.select(run.c.id).where(run.c.finished_at.is_(None))
    return sa.or_(state.c.claim_run == 0, state.c.claim_run.not_in(open_runs))


def _claimed(
    tx: sa.Connection,
    name: str,
    chosen: sa.Subquery,
    order: tuple[sa.ColumnElement[object], ...],
    run_id: int,
    *,
    pending: bool,
) -> list[Work]:
    query = (
        _work_query()
        .join(chosen, chosen.c.session_file == state.c.session_file)
        .where(state.c.processor_name == name)
        .order_by(*order)
    )
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(of=state, skip_locked=True)
    works: list[Work] = []
    for row in tx.execute(query).all():
        suspect = row._mapping["claims_open"] >= SUSPECT_CLAIMS
        if not suspect or not works:
            works.append(_work(row, pending=pending))
        if suspect:
            break
    rows = [(work.claim, run_id, name, work.ref.session_file) for work in works]
    if rows:
        bulk.execute(
            tx,
            "UPDATE session_processor_state SET claim = ?, claim_run = ?, claims_open = claims_open + 1 "
            "WHERE processor_name = ? AND session_file = ?",
            rows,
        )
    return works


def _work_query() -> sa.Select[tuple[object, ...]]:
    current = sa.select(processor.c.version).where(processor.c.name == state.c.processor_name).scalar_subquery()
    return sa.select(
        state.c.claim,
        state.c.claims_open,
        state.c.attempts,
        state.c.cursor,
        state.c.file_hash,
        state.c.generation.label("done_generation"),
        state.c.processed_at,
        state.c.processor_version,
        (state.c.processor_version == current).label("same_version"),
        state.c.username,
        transcript.c.object_key,
        *[column for column in transcript.c if column.name in TranscriptRef.__struct_fields__],
    ).join(transcript, transcript.c.id == state.c.transcript_id)


def _work(row: sa.Row[tuple[object, ...]], *, pending: bool) -> Work:
    values = row._mapping
    ref = TranscriptRef(**{name: values[name] for name in TranscriptRef.__struct_fields__})
    imported = values["processor_version"] < 0
    before = values["processed_at"] is not None and not imported
    same_content = values["done_generation"] == ref.generation
    resumes = before and same_content and bool(values["same_version"]) and values["cursor"] is not None
    return Work(
        ref=ref,
        object_key=values["object_key"],
        claim=values["claim"] + 1,
        attempts=values["attempts"],
        cursor=values["cursor"] if resumes else None,
        restarted=before and same_content and not resumes,
        file_hash=values["file_hash"] if before and values["same_version"] else "",
        pending=pending,
        imported_hash=values["file_hash"] if values["processor_version"] == IMPORTED else "",
    )


def bury_unfinished(tx: sa.Connection, name: str, *, now: int) -> int:
    """Send transcripts whose every claim ended without an outcome to the dead letter; return how many."""
    generation = sa.select(transcript.c.generation).where(transcript.c.id == state.c.transcript_id).scalar_subquery()
    result = tx.execute(
        state.update()
        .where(
            state.c.processor_name == name,
            state.c.status.in_(("pending", "done")),  # done, and reprocessed for a new version
            state.c.next_attempt_at <= now,
            state.c.claims_open >= MAX_OPEN_CLAIMS,
        )
        .values(
            status="dead",
            error_class="unclassified",
            last_error="every worker that took it died",
            claims_open=0,
            **_given_up(generation),
        )
    )
    return result.rowcount


def _given_up(generation: int | sa.ScalarSelect[int]) -> dict[str, object]:
    """A dead letter is about one generation of a transcript; a cursor into another one is of no use then."""
    same = state.c.generation == generation
    return {"generation": generation, "cursor": sa.case((same, state.c.cursor), else_=None)}


class Success(NamedTuple):
    """A transcript whose results are being stored."""

    work: Work
    items: int
    cursor: bytes | None


def finish(tx: sa.Connection, name: str, successes: Sequence[Success], *, version: int, now: int) -> bool:
    """Record successes in the transaction that stores their results; false when any claim was taken over.

    A transcript that changed meanwhile stays pending for the rest.
    """
    statement = (
        "UPDATE session_processor_state SET status = CASE WHEN revision > ? THEN 'pending' ELSE 'done' END, "
        "processed_at = ?, items_extracted = ?, file_hash = ?, generation = ?, processor_version = ?, "
        "attempts = 0, next_attempt_at = 0, error_class = '', last_error = '', claims_open = 0, claim_run = 0, "
        "cursor = ? WHERE processor_name = ? AND session_file = ? AND claim = ?"
    )
    rows = [
        (
            work.ref.revision, now, items, work.ref.content_hash, work.ref.generation, version, cursor,
            name, work.ref.session_file, work.claim,
        )
        for work, items, cursor in successes
    ]  # fmt: skip
    return bulk.execute(tx, statement, rows) == len(rows)


def postpone(
    tx: sa.Connection,
    name: str,
    work: Work,
    *,
    status: str,
    attempts: int,
    next_attempt_at: int,
    error_class: str = "",
    error: str = "",
) -> None:
    """Record that a transcript was not done; does nothing when the claim was taken over."""
    tx.execute(
        state.update()
        .where(
            state.c.processor_name == name,
            state.c.session_file == work.ref.session_file,
            state.c.claim == work.claim,
        )
        .values(
            status=status,
            attempts=attempts,
            next_attempt_at=next_attempt_at,
            error_class=error_class,
            last_error=error,
            claims_open=0,
            claim_run=0,
            **(_given_up(work.ref.generation) if status == "dead" else {}),
        )
    )


def pause(tx: sa.Connection, name: str, reason: str) -> None:
    """Stop a processor until somebody resumes it; an empty reason resumes it."""
    tx.execute(processor.update().where(processor.c.name == name).values(paused_reason=reason))


def paused_reason(tx: sa.Connection, name: str) -> str:
    """Return why a processor is paused; empty when it is not."""
    return tx.scalar(sa.select(processor.c.paused_reason).where(processor.c.name == name)) or ""


def soon(now: int, delay_s: float) -> int:
    """Return the instant that is a delay away."""
    return now + round(delay_s * SECOND)


def settle_equal(tx: sa.Connection, name: str, works: Sequence[Work]) -> None:
    """Take transcripts off the list whose content is what was processed before."""
    rows = [(work.ref.revision, name, work.ref.session_file, work.claim) for work in works]
    bulk.execute(
        tx,
        "UPDATE session_processor_state SET status = CASE WHEN revision > ? THEN 'pending' ELSE 'done' END, "
        "attempts = 0, next_attempt_at = 0, claims_open = 0, claim_run = 0 "
        "WHERE processor_name = ? AND session_file = ? AND claim = ?",
        rows,
    )


def settle_imported(tx: sa.Connection, name: str, works: Sequence[Work], *, version: int) -> None:
    """Take transcripts off the list that another program has processed with this content."""
    rows = [
        (
            work.ref.revision, work.ref.content_hash, work.ref.generation, version,
            name, work.ref.session_file, work.claim,
        )
        for work in works
    ]  # fmt: skip
    bulk.execute(
        tx,
        "UPDATE session_processor_state SET status = CASE WHEN revision > ? THEN 'pending' ELSE 'done' END, "
        "file_hash = ?, generation = ?, processor_version = ?, attempts = 0, next_attempt_at = 0, "
        "error_class = '', last_error = '', claims_open = 0, claim_run = 0 "
        "WHERE processor_name = ? AND session_file = ? AND claim = ?",
        rows,
    )


def count_due(tx: sa.Connection, name: str, *, now: int) -> int:
    """Return how many transcripts are due."""
    return (
        tx.scalar(
            sa.select(sa.func.count()).where(
                state.c.processor_name == name, state.c.status == "pending", state.c.next_attempt_at <= now
            )
        )
        or 0
    )


def fence(tx: sa.Connection, transcript_ids: Sequence[int]) -> None:
    """Let nobody store results of these transcripts any more who holds them now."""
    tx.execute(state.update().where(state.c.transcript_id.in_(transcript_ids)).values(claim=state.c.claim + 1))


def forget(tx: sa.Connection, transcript_ids: Sequence[int]) -> None:
    """Drop all work on transcripts that are being removed."""
    # An imported row of a processor that is not installed knows its transcript by name alone.
    names = sa.select(transcript.c.session_file).where(transcript.c.id.in_(transcript_ids))
    unknown = sa.and_(state.c.transcript_id == 0, state.c.session_file.in_(names))
    tx.execute(state.delete().where(sa.or_(state.c.transcript_id.in_(transcript_ids), unknown)))


def release(tx: sa.Connection, name: str, works: Sequence[Work]) -> None:
    """Give back works that were claimed and not begun, because the budget or the run ended."""
    rows = [(name, work.ref.session_file, work.claim) for work in works]
    bulk.execute(
        tx,
        "UPDATE session_processor_state SET claim_run = 0, claims_open = 0 "
        "WHERE processor_name = ? AND session_file = ? AND claim = ?",
        rows,
    )


def release_run(tx: sa.Connection, run_id: int) -> None:
    """Give back everything that is claimed in the name of a run whose worker died."""
    tx.execute(state.update().where(state.c.claim_run == run_id).values(claim_run=0))


def read_anew(tx: sa.Connection, name: str, transcript_ids: Sequence[int]) -> None:
    """Make transcripts pending from their beginning; what was stored of them is replaced then."""
    tx.execute(
        state.update()
        .where(state.c.processor_name == name, state.c.transcript_id.in_(transcript_ids), state.c.status == "done")
        .values(status="pending", file_hash="", cursor=None)
    )
