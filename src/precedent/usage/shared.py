"""Rows that several transcripts may show: one effective row for the team, and every showing when there are several.

Used for requests and for events alike. The owner is the showing with the earliest time, then the lowest transcript
name; so the result is the same whatever the order of arrival.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import sqlalchemy as sa

from precedent.store import bulk

from .observation import COPIED, EventSeen, RequestSeen
from .rollups import Owner

R = TypeVar("R", bound=RequestSeen | EventSeen)
R_contra = TypeVar("R_contra", bound=RequestSeen | EventSeen, contravariant=True)


class Effect(Protocol[R_contra]):
    """What a change of an effective row does to the sums."""

    def add(self, row: R_contra, owner: Owner) -> tuple[Any, ...]:
        """Count a row and return the further columns it is stored with."""
        ...

    def take_away(self, row: R_contra, stored: tuple[Any, ...], owner: Owner) -> None:
        """Uncount a row that was stored with these further columns."""
        ...


@dataclass(frozen=True)
class Kind(Generic[R]):
    """What tells requests from events.

    Attributes:
        row: type of a showing; its fields are the columns of both tables.
        table: effective rows, with further columns.
        further: names of the further columns.
        copies: showings of rows that several transcripts show.
        combine: two showings within one transcript.
        effective: all showings, the owner's first.
    """

    row: type[R]
    table: sa.Table
    further: tuple[str, ...]
    copies: sa.Table
    combine: Callable[[R, R], R]
    effective: Callable[[list[R]], R]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a showing."""
        return self.row.__struct_fields__


class Shared(Generic[R]):
    """Writes showings of one kind within one transaction.

    Args:
        kind: what to write.
        tx: the transaction.
        effect: told of every change.
        owners: returns the owners of transcripts by id.
    """

    def __init__(
        self,
        kind: Kind[R],
        tx: sa.Connection,
        *,
        effect: Effect[R],
        owners: Callable[[Iterable[int]], dict[int, Owner]],
    ) -> None:
        self._kind: Kind[R] = kind
        self._effect: Effect[R] = effect
        self._tx, self._owners = tx, owners

    def add(self, rows: Sequence[R]) -> None:
        """Write showings; what is there already is combined with them."""
        keys = [row.key for row in rows]
        awkward = {found for (found,) in bulk.select_in(self._tx, self._kind.table, ["key"], "key", keys)}
        if len(set(keys)) < len(keys):
            awkward.update(key for key, times in Counter(keys).items() if times > 1)
        if not awkward:
            self._insert(rows)
            return
        self._insert([row for row in rows if row.key not in awkward])
        several: dict[int, list[R]] = {}
        for row in rows:
            if row.key in awkward:
                several.setdefault(row.key, []).append(row)
        self._merge(several)

    def change(self, key_changes: dict[int, Callable[[R], None]], *, transcript_of: dict[int, int]) -> None:
        """Change showings in place: by key, of the transcript that the change comes from."""
        there = [row for row in self._showings(list(key_changes)) if row.transcript_id == transcript_of[row.key]]
        for row in there:
            key_changes[row.key](row)
        self._merge({row.key: [row] for row in there}, replace=True)

    def remove(self, transcript_ids: Sequence[int], *, generation: int | None = None) -> None:
        """Remove transcripts' showings; a row that others show too passes to the next of them."""
        columns = list(self._kind.columns)
        found = bulk.select_in(self._tx, self._kind.table, columns, "transcript_id", transcript_ids)
        found += bulk.select_in(self._tx, self._kind.copies, columns, "transcript_id", transcript_ids)
        gone = {
            (row.key, row.transcript_id)
            for row in (self._kind.row(*values) for values in found)
            if generation is None or row.generation == generation
        }
        keys = sorted({key for key, _ in gone})
        left: dict[int, list[R]] = {}
        for row in self._showings(keys):
            if (row.key, row.transcript_id) not in gone:
                left.setdefault(row.key, []).append(row)
        self._take_away(keys)
        bulk.delete_in(self._tx, self._kind.table, "key", keys)
        bulk.delete_in(self._tx, self._kind.copies, "key", keys)
        self._write(left)

    def remove_keys(self, keys: Sequence[int]) -> None:
        """Remove rows whoever shows them."""
        self._take_away(keys)
        bulk.delete_in(self._tx, self._kind.table, "key", keys)
        bulk.delete_in(self._tx, self._kind.copies, "key", keys)

    def refresh(self, stored: Sequence[tuple[Any, ...]]) -> int:
        """Count rows anew, for example at other prices; return how many changed their further columns."""
        size = len(self._kind.columns)
        owners = self._owners(values[1] for values in stored)
        changed = []
        for values in stored:
            row, before = self._kind.row(*values[:size]), values[size:]
            self._effect.take_away(row, before, owners[row.transcript_id])
            after = self._effect.add(row, owners[row.transcript_id])
            if after != before:
                changed.append((row.key, *after))
        bulk.update(self._tx, self._kind.table, ["key", *self._kind.further], changed)
        return len(changed)

    def _showings(self, keys: Sequence[int]) -> list[R]:
        """Every showing of these keys, those that only one transcript shows included."""
        columns = list(self._kind.columns)
        rows = [self._kind.row(*values) for values in bulk.select_in(self._tx, self._kind.table, columns, "key", keys)]
        copied = [row.key for row in rows if row.flags & COPIED]
        copies = bulk.select_in(self._tx, self._kind.copies, columns, "key", copied)
        return [row for row in rows if not row.flags & COPIED] + [self._kind.row(*values) for values in copies]

    def _merge(self, incoming: dict[int, list[R]], *, replace: bool = False) -> None:
        keys = list(incoming)
        showings: dict[int, dict[int, R]] = {key: {} for key in keys}
        for row in self._showings(keys):
            showings[row.key][row.transcript_id] = row
        for key, rows in incoming.items():
            for row in rows:
                there = showings[key].get(row.transcript_id)
                keep_both = there is not None and not replace
                showings[key][row.transcript_id] = self._kind.combine(there, row) if keep_both and there else row
        self._take_away(keys)
        bulk.delete_in(self._tx, self._kind.table, "key", keys)
        bulk.delete_in(self._tx, self._kind.copies, "key", keys)
        self._write({key: list(rows.values()) for key, rows in showings.items()})

    def _write(self, showings: dict[int, list[R]]) -> None:
        owners = self._owners(row.transcript_id for rows in showings.values() for row in rows)
        effective: list[R] = []
        copies: list[R] = []
        for rows in showings.values():
            rows.sort(key=lambda row: (row.at, owners[row.transcript_id].rank))
            row = self._kind.effective(rows)
            row.flags = row.flags | COPIED if len(rows) > 1 else row.flags & ~COPIED
            effective.append(row)
            if len(rows) > 1:
                copies.extend(rows)
        self._insert(effective)
        bulk.insert(self._tx, self._kind.copies, self._kind.columns, [msgspec.structs.astuple(row) for row in copies])

    def _take_away(self, keys: Sequence[int]) -> None:
        columns = [*self._kind.columns, *self._kind.further]
        size = len(self._kind.columns)
        stored = bulk.select_in(self._tx, self._kind.table, columns, "key", keys)
        owners = self._owners(values[1] for values in stored)
        for values in stored:
            row = self._kind.row(*values[:size])
            self._effect.take_away(row, values[size:], owners[row.transcript_id])

    def _insert(self, rows: Sequence[R]) -> None:
        """Count rows and write them with the further columns that counting gives."""
        owners = self._owners({row.transcript_id for row in rows})
        columns = [*self._kind.columns, *self._kind.further]
        count, astuple = self._effect.add, msgspec.structs.astuple
        values = [astuple(row) + count(row, owners[row.transcript_id]) for row in rows]
        bulk.insert(self._tx, self._kind.table, columns, values)
