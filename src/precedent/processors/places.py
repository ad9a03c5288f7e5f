"""Rows that stand at a place of a transcript: written once however often it is read, counted once for the team.

A row's key is a digest of who said or did the thing, the same in every transcript that shows it: a resumed or forked
session repeats what its parent holds. Each transcript keeps its own rows, so removing one needs no look at another;
what counts is each key's earliest showing, and which that is, is asked when it is reported.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the extraction child must not load the database library
    import sqlalchemy as sa

MAX_TEXT = 500

Row = Sequence[Any]
Put = Callable[["sa.Connection", "sa.Table", Sequence[str], Iterable[Row]], object]
"""`store.bulk.insert_new` where the first showing in a transcript counts, `replace` where the last one does."""


def kept(text: str) -> str:
    """Return a name as a database can hold it."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def write(
    tx: "sa.Connection",
    table: "sa.Table",
    columns: Sequence[str],
    found: Sequence[tuple[int, bool, Sequence[Row]]],
    *,
    put: Put,
) -> list[int]:
    """Write what many transcripts show and return the number of rows of each.

    Args:
        tx: the transaction.
        table: has `transcript_id` and `key` as its primary key.
        columns: of the rows, `key` among them.
        found: transcript, whether it was read from its beginning (older rows are then replaced), rows.
        put: how a row meets one of the same key.
    """
    # The database library stays out of the extraction child, which imports this module too.
    from precedent.store import bulk  # noqa: PLC0415

    bulk.delete_in(tx, table, "transcript_id", [number for number, anew, _ in found if anew])
    put(tx, table, ["transcript_id", *columns], [(number, *row) for number, _, rows in found for row in rows])
    return [len(rows) for _, _, rows in found]


def once(table: "sa.Table", *, where: Sequence["sa.ColumnElement[bool]"] = ()) -> "sa.Subquery":
    """Return a query of the rows that count: of each key the earliest showing, with session, person and agent.

    Args:
        table: as in `write`; has a column `at`.
        where: conditions on the table and the catalogue that a showing must meet to be looked at.
    """
    import sqlalchemy as sa  # noqa: PLC0415  # as above

    from precedent.store.schema import transcript, user  # noqa: PLC0415

    # A copied line has the time of its original: then it is the transcripts' names, as in the usage ledger.
    named = (transcript.c.native_id, transcript.c.agent_id, transcript.c.session_file)
    order = (table.c.at.is_(None), table.c.at, *named)
    turn = sa.func.row_number().over(partition_by=table.c.key, order_by=order).label("turn")
    ranked = (
        sa.select(
            table,
            transcript.c.session_file,
            transcript.c.native_id.label("session"),
            transcript.c.agent,
            transcript.c.user_id,
            user.c.key.label("person"),
            turn,
        )
        .join(transcript, transcript.c.id == table.c.transcript_id)
        .join(user, user.c.id == transcript.c.user_id)
        .where(*where)
        .subquery()
    )
    return sa.select(ranked).where(ranked.c.turn == 1).subquery()
