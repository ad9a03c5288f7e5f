"""The usage ledger: every billed response of the team once, every tool call once, and the sums over them.

Figures only rise while transcripts come, grow, shrink and vanish; only an explicit removal takes anything away.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec
import sqlalchemy as sa

from precedent.archive.naming import storable
from precedent.faults import reach
from precedent.pipeline import state
from precedent.pipeline.contract import Extracted, TranscriptRef
from precedent.store import bulk
from precedent.store.schema import (
    transcript,
    usage_activity,
    usage_copy,
    usage_defect,
    usage_event,
    usage_event_copy,
    usage_request,
    usage_standin,
    usage_subagent,
    usage_transcript,
)

from .activity import Span, length, union
from .names import Names
from .observation import (
    EventSeen,
    Found,
    RequestSeen,
    combine_events,
    combine_requests,
    effective_event,
    effective_request,
    worse,
)
from .price_tables import PriceTables
from .prices import PriceTable
from .pricing import Pricing
from .rollups import Owner, Rollups
from .shared import Kind, Shared

REQUESTS = Kind(
    RequestSeen,
    usage_request,
    ("cost_usd_micros", "price_version_id"),
    usage_copy,
    combine_requests,
    effective_request,
)
REPRICED_AT_ONCE = 20_000
NAMES_AT_ONCE = 500
PROCESSOR = "usage"
"""Name of the processor whose ledger this is."""
EVENTS = Kind(EventSeen, usage_event, (), usage_event_copy, combine_events, effective_event)


class Ledger:
    """Writes usage; requests are priced by the table in force when they are written."""

    def __init__(self) -> None:
        self._tables = PriceTables()

    def store(self, batch: Sequence[Extracted], tx: sa.Connection) -> list[int]:
        """Write what was extracted from several transcripts, each at most once; return the new items of each."""
        return _Write(self._tables.current(tx), tx, batch).run()

    def remove(self, transcript_ids: Sequence[int], tx: sa.Connection) -> None:
        """Remove everything that was derived from transcripts."""
        _Write(self._tables.current(tx), tx, ()).remove(transcript_ids)
        _forget_subagents(transcript_ids, tx)

    def reprice(self, tx: sa.Connection) -> int:
        """Price every request anew by the table in force; return how many costs changed."""
        return _Write(self._tables.current(tx), tx, ()).reprice()


class _Write:
    """One transaction's work."""

    def __init__(self, prices: PriceTable, tx: sa.Connection, batch: Sequence[Extracted]) -> None:
        self._tx, self._names, self._batch = tx, Names(tx), batch
        self._found = [_FOUND.decode(each.payload) for each in batch]
        agents = {("agent", each.ref.agent) for each in batch}
        self._names.add({pair for found in self._found for pair in found.names} | agents)
        self._owner = {each.ref.id: _owner(each.ref, self._names) for each in batch}
        self._rollups = Rollups()
        version = self._names.id("prices", prices.version)
        pricing = Pricing(prices, self._rollups, name_of=self._names.name, version_id=version)
        self._requests = Shared(REQUESTS, tx, effect=pricing, owners=self._owners)
        self._events = Shared(EVENTS, tx, effect=_EventEffect(self._rollups), owners=self._owners)

    def run(self) -> list[int]:
        items = []
        for each in self._batch:
            if each.restarted:
                self._requests.remove([each.ref.id], generation=each.ref.generation)
                self._events.remove([each.ref.id], generation=each.ref.generation)
        requests: list[RequestSeen] = []
        events: list[EventSeen] = []
        void = self._void_standins()
        for each, found in zip(self._batch, self._found, strict=True):
            ids = [self._names.id(kind, name) for kind, name in found.names]
            number, generation = each.ref.id, each.ref.generation
            for request in found.requests:
                if request.key in void:
                    continue
                request.transcript_id, request.generation = number, generation
                request.project_id, request.model_id = ids[request.project_id], ids[request.model_id]
                request.modifiers_id = ids[request.modifiers_id]
                requests.append(request)
            for event in found.events:
                event.transcript_id, event.generation = number, generation
                event.project_id, event.model_id = ids[event.project_id], ids[event.model_id]
                event.name_id = ids[event.name_id]
                events.append(event)
            items.append(len(found.requests) + len(found.events))
        self._requests.add(requests)
        reach("store.requests")
        self._events.add(events)
        reach("store.events")
        self._late()
        self._arrived()
        self._facts()
        self._rollups.apply(self._tx)
        reach("store.rollups")
        return items

    def remove(self, transcript_ids: Sequence[int]) -> None:
        self._requests.remove(transcript_ids)
        self._events.remove(transcript_ids)
        self._left(transcript_ids)
        for table in (usage_transcript, usage_activity, usage_defect, usage_standin):
            bulk.delete_in(self._tx, table, "transcript_id", transcript_ids)
        self._rollups.apply(self._tx)

    def reprice(self) -> int:
        columns = [*REQUESTS.columns, *REQUESTS.further]
        changed, last = 0, -(1 << 63)
        while True:
            query = (
                sa.select(*[usage_request.c[name] for name in columns])
                .where(usage_request.c.key > last)
                .order_by(usage_request.c.key)
                .limit(REPRICED_AT_ONCE)
            )
            found = [tuple(row) for row in self._tx.execute(query)]
            if not found:
                break
            changed += self._requests.refresh(found)
            last = found[-1][0]
        self._rollups.apply(self._tx)
        return changed

    def _owners(self, transcript_ids: Iterable[int]) -> dict[int, Owner]:
        missing = sorted({each for each in transcript_ids if each not in self._owner})
        columns = ["id", "user_id", "agent", "native_id", "agent_id", "session_file"]
        for number, user_id, agent, native_id, agent_id, name in bulk.select_in(
            self._tx, transcript, columns, "id", missing
        ):
            rank = f"{native_id}\0{agent_id}\0{name}"
            self._owner[number] = Owner(user_id, self._names.id("agent", agent), rank)
        return self._owner

    def _void_standins(self) -> set[int]:
        """Requests that a transcript of their own reports in full; all are remembered, for it may come or go."""
        rows = [
            (storable(name), key, each.ref.id)
            for each, found in zip(self._batch, self._found, strict=True)
            for name, key in found.standins
        ]
        there: set[str] = set()
        for kind, column in (("agent:", transcript.c.agent_id), ("session:", transcript.c.native_id)):
            wanted = sorted({name.removeprefix(kind) for name, _, _ in rows if name.startswith(kind)})
            for start in range(0, len(wanted), NAMES_AT_ONCE):
                query = sa.select(column).where(column.in_(wanted[start : start + NAMES_AT_ONCE]))
                there.update(f"{kind}{found}" for found in self._tx.scalars(query))
        bulk.insert_new(self._tx, usage_standin, ["name", "key", "transcript_id"], rows)
        return {key for name, key, _ in rows if name in there}

    def _arrived(self) -> None:
        """Drop the requests that only stood in for these transcripts."""
        names = [standin_name(each.ref.native_id, each.ref.agent_id) for each in self._batch]
        void = set(self._tx.scalars(sa.select(usage_standin.c.key).where(usage_standin.c.name.in_(names))))
        self._requests.remove_keys(sorted(void))

    def _left(self, transcript_ids: Sequence[int]) -> None:
        """Read those transcripts anew whose stand-ins are no longer void, because what they stood in for is gone."""
        columns = ["native_id", "agent_id"]
        gone = bulk.select_in(self._tx, transcript, columns, "id", transcript_ids)
        names = [standin_name(native_id, agent_id) for native_id, agent_id in gone]
        query = sa.select(usage_standin.c.transcript_id).where(usage_standin.c.name.in_(names)).distinct()
        again = set(self._tx.scalars(query)) - set(transcript_ids)
        state.read_anew(self._tx, PROCESSOR, sorted(again))

    def _late(self) -> None:
        outcomes: dict[int, Callable[[EventSeen], None]] = {}
        searches: dict[int, Callable[[RequestSeen], None]] = {}
        transcript_of: dict[int, int] = {}
        for each, found in zip(self._batch, self._found, strict=True):
            for key, outcome in found.late_outcomes:
                outcomes[key] = _set_outcome(outcome)
                transcript_of[key] = each.ref.id
            for key, count in found.late_searches:
                searches[key] = _add_searches(count)
                transcript_of[key] = each.ref.id
        if outcomes:
            self._events.change(outcomes, transcript_of=transcript_of)
        if searches:
            self._requests.change(searches, transcript_of=transcript_of)

    def _active_before(self) -> dict[int, list[Span]]:
        """When transcripts were active whose content was replaced: what is gone from a file was spent all the same."""
        replaced = [each.ref.id for each in self._batch if each.ref.generation]
        columns = ["transcript_id", "start_at", "end_at"]
        found: dict[int, list[Span]] = {}
        for number, start, end in bulk.select_in(self._tx, usage_activity, columns, "transcript_id", replaced):
            found.setdefault(number, []).append((start, end))
        return found

    def _facts(self) -> None:
        ids = [each.ref.id for each in self._batch]
        before = self._active_before()
        bulk.delete_in(self._tx, usage_activity, "transcript_id", ids)
        restarted = [each.ref.id for each in self._batch if each.restarted]
        bulk.delete_in(self._tx, usage_defect, "transcript_id", restarted)
        rows: list[bulk.Row] = []
        spans: list[bulk.Row] = []
        defects: list[bulk.Row] = []
        subagents: list[bulk.Row] = []
        for each, found in zip(self._batch, self._found, strict=True):
            facts, number = found.facts, each.ref.id
            active = union([*facts.active, *before.get(number, ())])
            project = self._names.id(*found.names[facts.project])
            title, version = facts.title.replace("\0", "\ufffd"), facts.version.replace("\0", "\ufffd")[:100]
            rows.append(
                (
                    number, facts.first_at, facts.last_at, length(active), project, title, version, facts.lines,
                    facts.blank_lines, facts.event_lines, facts.ignored_lines, facts.unknown_lines,
                    facts.broken_lines, facts.defects,
                )
            )  # fmt: skip
            spans.extend((number, start, end) for start, end in active)
            defects.extend((number, offset, line, reason) for offset, line, reason in found.defects)
            subagents.extend(tuple(map(storable, each)) for each in found.subagents)
        bulk.replace(self._tx, usage_transcript, [column.name for column in usage_transcript.c], rows)
        bulk.insert(self._tx, usage_activity, ["transcript_id", "start_at", "end_at"], spans)
        bulk.insert(self._tx, usage_defect, ["transcript_id", "byte_offset", "line", "reason"], defects)
        bulk.replace(self._tx, usage_subagent, ["native_id", "agent_id", "agent_type"], subagents)


class _EventEffect:
    """What a change of an event does to the sums."""

    def __init__(self, rollups: Rollups) -> None:
        self._rollups = rollups

    def add(self, row: EventSeen, owner: Owner) -> tuple[()]:
        self._rollups.event(row, owner, sign=1)
        return ()

    def take_away(self, row: EventSeen, _stored: tuple[()], owner: Owner) -> None:
        self._rollups.event(row, owner, sign=-1)


def _forget_subagents(transcript_ids: Sequence[int], tx: sa.Connection) -> None:
    """Forget what the main transcripts of sessions said of their sub-agents; they are still catalogued."""
    named = {row[0] for row in bulk.select_in(tx, transcript, ["native_id"], "id", transcript_ids)}
    if named:
        staying = sa.select(transcript.c.native_id).where(
            transcript.c.agent_id == "", transcript.c.id.not_in(transcript_ids)
        )
        which = usage_subagent.c.native_id.in_(named), usage_subagent.c.native_id.not_in(staying)
        tx.execute(usage_subagent.delete().where(*which))


def standin_name(native_id: str, agent_id: str) -> str:
    """Return under which name requests stand in for a transcript."""
    return f"agent:{agent_id}" if agent_id else f"session:{native_id}"


def _owner(ref: TranscriptRef, names: Names) -> Owner:
    return Owner(ref.user_id, names.id("agent", ref.agent), f"{ref.native_id}\0{ref.agent_id}\0{ref.session_file}")


def _set_outcome(outcome: int) -> Callable[[EventSeen], None]:
    def change(row: EventSeen) -> None:
        row.outcome = worse(row.outcome, outcome)

    return change


def _add_searches(count: int) -> Callable[[RequestSeen], None]:
    def change(row: RequestSeen) -> None:
        row.result_searches += count

    return change


_FOUND = msgspec.msgpack.Decoder(Found)
