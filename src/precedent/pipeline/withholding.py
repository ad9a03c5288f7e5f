"""Keeps from processors what persons do not allow: status `withheld`, nothing derived.

Looked at when work is claimed, so no processor sees a transcript before; and again when a person changes their mind.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from precedent.archive import consent as wishes
from precedent.archive.catalogue import MAX_FOLDERS
from precedent.model import Purpose
from precedent.store import bulk
from precedent.store.schema import consent, state, transcript

from .contract import Processor, purpose_of
from .state import Work

WITHHELD = "withheld"


def consent_stamp(tx: sa.Connection, processor: Processor) -> tuple[int, int]:
    """Return what changes whenever a rule for a processor's purpose changes."""
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(consent.c.changed_at), 0))
    row = tx.execute(query.where(consent.c.purpose == purpose_of(processor).value)).one()
    return int(row[0]), int(row[1])


def withhold(tx: sa.Connection, processor: Processor, works: Sequence[Work]) -> set[int]:
    """Withhold what may not be read of some claimed works; return the ids of those.

    What was derived from them before goes, also from other transcripts of the same sessions: a session that has now
    entered a project whose person keeps it back is withheld as a whole.
    """
    if not works:
        return set()
    asked = wishes.of_persons(tx, purpose_of(processor), user_ids={work.ref.user_id for work in works})
    if not asked:
        return set()
    denied = _denied(tx, {user_id: each for user_id, each in asked.items() if each.depends_on_folders})
    # Who denies everything has the rest of a session withheld when it is claimed itself.
    denied |= {
        work.ref.id: (work.ref.user_id, work.ref.native_id)
        for work in works
        if work.ref.user_id in asked and not asked[work.ref.user_id].depends_on_folders
    }
    sessions = {denied[work.ref.id] for work in works if work.ref.id in denied}
    _take_back(tx, processor, [number for number, session in denied.items() if session in sessions])
    return {work.ref.id for work in works if work.ref.id in denied}


def apply(tx: sa.Connection, processor: Processor, user_id: int, *, now: int) -> tuple[int, int]:
    """Bring a processor's work on a person's transcripts in line with their wishes.

    Returns:
        How many transcripts are withheld from now on, and how many are pending again.
    """
    denied = _denied(tx, wishes.of_persons(tx, purpose_of(processor), user_ids={user_id}))
    mine = sa.select(transcript.c.id).where(transcript.c.user_id == user_id)
    where = state.c.processor_name == processor.name, state.c.transcript_id.in_(mine), state.c.status == WITHHELD
    allowed = sorted(set(tx.scalars(sa.select(state.c.transcript_id).where(*where))) - denied.keys())
    bulk.execute(
        tx,
        "UPDATE session_processor_state SET pending_since = ?, "
        "status = CASE WHEN (SELECT object_key FROM transcript WHERE id = ?) = '' THEN 'expired' ELSE 'pending' END "
        "WHERE processor_name = ? AND transcript_id = ?",
        [(now, number, processor.name, number) for number in allowed],
    )
    return _take_back(tx, processor, denied), len(allowed)


def denied(tx: sa.Connection, purpose: Purpose, *, user_ids: Iterable[int]) -> set[int]:
    """Return the transcripts of these persons that may not be used for a purpose."""
    return set(_denied(tx, wishes.of_persons(tx, purpose, user_ids=user_ids)))


def _denied(tx: sa.Connection, asked: dict[int, wishes.Consent]) -> dict[int, tuple[int, str]]:
    """Return the transcripts of these persons that may not be read, each with its session."""
    if not asked:
        return {}
    sessions: dict[tuple[int, str], list[int]] = {}
    folders: dict[tuple[int, str], set[str]] = {}
    partly: set[tuple[int, str]] = set()
    for number, user_id, native_id, named in wishes.folders_of_sessions(tx, transcript, list(asked)):
        session = user_id, native_id
        found = named.split("\n") if named else []
        sessions.setdefault(session, []).append(number)
        folders.setdefault(session, set()).update(found)
        if len(found) >= MAX_FOLDERS:
            partly.add(session)
    return {
        number: session
        for session, numbers in sessions.items()
        if not asked[session[0]].allows(folders[session], complete=session not in partly)
        for number in numbers
    }


def _take_back(tx: sa.Connection, processor: Processor, transcript_ids: Iterable[int]) -> int:
    """Take away what a processor derived from transcripts, and keep it from them; return how many are new."""
    chosen = bulk.select_in(
        tx, state, ["transcript_id", "processor_name", "status"], "transcript_id", sorted(transcript_ids)
    )
    ids = [number for number, name, status in chosen if name == processor.name and status != WITHHELD]
    if not ids:
        return 0
    # First the state: whoever is just storing has either committed, and is removed below, or is refused.
    bulk.execute(
        tx,
        "UPDATE session_processor_state SET status = 'withheld', claim = claim + 1, claim_run = 0, claims_open = 0, "
        "attempts = 0, next_attempt_at = 0, error_class = '', last_error = '', cursor = NULL, items_extracted = 0, "
        # What another program has done of a transcript stays known.
        "processed_at = CASE WHEN processor_version < 0 THEN processed_at END, "
        "file_hash = CASE WHEN processor_version < 0 THEN file_hash ELSE '' END "
        "WHERE processor_name = ? AND transcript_id = ?",
        [(processor.name, number) for number in ids],
    )
    processor.remove(ids, tx)
    return len(ids)
