"""What every reader promises, as tests to run on one's own.

Derive a class, name it `Test…` and set `reader`; pytest or unittest finds the rest.
"""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import ClassVar

from precedent.transcripts.contract import DocumentParser, Reader
from precedent.transcripts.events import Event
from precedent.transcripts.reading import read_bytes
from precedent.transcripts.tally import Tally

from .hostile import LINES, variants
from .sessions import samples

HEAD_BYTES = 200_000
VARIANTS = 60  # damaged forms of each sample
CUTS = 40  # places at which a sample is cut, at most
Shown = tuple[str, ...]


class ReaderContract:
    """Derive from it for your reader; each method whose name begins with `test` is one promise.

    Attributes:
        reader: yours.
        alone: false when other readers may claim your samples too.
    """

    reader: ClassVar[Reader]
    alone: ClassVar[bool] = True

    def transcripts(self) -> Sequence[bytes]:
        """Return transcripts of your agent without faults; by default those that the kit builds for it."""
        return [each.data for each in samples() if each.agent == self.reader.agent]

    def others(self) -> Sequence[bytes]:
        """Return transcripts of other agents."""
        return [each.data for each in samples() if each.agent != self.reader.agent]

    # Which files ----------------------------------------------------------------------------------------------------

    def test_it_has_a_name_and_roots(self) -> None:
        """The agent's name is lower case; roots are folders below a home."""
        agent, roots = self.reader.agent, self.reader.roots
        assert agent and agent == agent.lower().strip(), f"{agent!r} is no plain lower-case name"
        for root in roots:
            assert root and not root.startswith("/") and ".." not in root.split("/"), f"{root!r} is not below a home"

    def test_its_transcripts_are_known_by_content(self) -> None:
        """`detect` knows them by their first part, wherever that is cut."""
        for data in self.transcripts():
            for head in (data[:HEAD_BYTES], data[: max(1500, len(data) // 2)]):
                assert self.reader.detect(head), f"not known: {head[:80]!r}"

    def test_no_other_content_is_claimed(self) -> None:
        """Neither other agents' transcripts nor what is none."""
        for head in (*LINES, *(line + b"\n" for line in LINES), b"\n\n", *(self.others() if self.alone else ())):
            assert not self.reader.detect(head[:HEAD_BYTES]), f"claimed: {head[:80]!r}"

    def test_any_place_and_content_is_named(self) -> None:
        """`accepts` and `identify` answer for any path and any bytes; a name is never empty and always the same."""
        paths = [PurePosixPath(each) for each in ("a.jsonl", "a/b/c/d.json", "\u202e.jsonl", "x" * 300, "a/b.txt")]
        for path in paths:
            assert self.reader.accepts(path) in {True, False}
            for head in (*LINES, *self.transcripts()):
                found = self.reader.identify(path, head[:HEAD_BYTES])
                assert found.native_id, f"{path} has no id"
                assert found == self.reader.identify(path, head[:HEAD_BYTES])

    def test_folders_are_found_in_any_bytes(self) -> None:
        """`folders` raises for nothing: who opted out is asked before anything is read."""
        for data in self.transcripts():
            for each in (data, *variants(data, count=VARIANTS)):
                assert all(isinstance(folder, str) for folder in self.reader.folders(each))

    # What they say --------------------------------------------------------------------------------------------------

    def test_every_line_is_accounted_for(self) -> None:
        """Of a transcript without faults every line is known."""
        for data in self.transcripts():
            reading = read_bytes(data, self.reader)
            assert list(reading), "says nothing"
            tally = reading.tally
            assert tally.lines == data.count(b"\n")
            self._adds_up(tally)
            assert (tally.unknown, tally.broken, tally.defects) == (0, 0, 0), tally

    def test_events_stand_where_they_say(self) -> None:
        """Offset and line are those of a line of the transcript, and they only go on."""
        for data in self.transcripts():
            place = 0
            for event in read_bytes(data, self.reader):
                assert data[: event.offset].count(b"\n") == event.line - 1, event
                assert place <= event.offset < len(data), event
                place = event.offset

    def test_results_are_joined_to_their_calls(self) -> None:
        """A result names its call's id and tool."""
        for data in self.transcripts():
            calls: dict[str, str] = {}
            for event in read_bytes(data, self.reader):
                calls.update({call.id: call.name for call in event.calls})
                for result in event.results:
                    assert result.call_id in calls, f"line {event.line}: no call {result.call_id!r}"
                    assert result.name == calls[result.call_id], f"line {event.line}: {result.name!r}"

    def test_tokens_are_counts(self) -> None:
        """No counter is negative or beyond what a database holds, whatever the bytes."""
        for data in self.transcripts():
            for each in (data, *variants(data, count=VARIANTS)):
                for event in read_bytes(each, self.reader):
                    for request in event.requests:
                        tokens = request.tokens
                        counters = tokens.input, tokens.output, tokens.cache_write_5m, tokens.cache_write_1h
                        assert all(0 <= number < 1 << 54 for number in (*counters, tokens.cache_read)), request

    # Growing files --------------------------------------------------------------------------------------------------

    def test_reading_on_from_any_line_gives_what_reading_whole_gives(self) -> None:
        """The parser's state holds all that later lines need."""
        for data in self.transcripts():
            self._in_pieces(data, _some(_line_ends(data)))

    def test_a_torn_last_line_waits_until_it_is_whole(self) -> None:
        """Half a line is no fault: it is read when the rest has come."""
        for data in self.transcripts():
            last = data.rindex(b"\n", 0, -1) + 1
            for cut in (last + 1, (last + len(data)) // 2, len(data) - 2):
                torn = read_bytes(data[:cut], self.reader)
                found = shown(torn)
                assert torn.tally.defects == 0, torn.tally
                assert torn.position.offset + torn.torn_bytes == cut
                rest = read_bytes(data, self.reader, start=torn.position)
                assert found + shown(rest) == shown(read_bytes(data, self.reader))

    def test_a_last_object_without_its_newline_is_read_once(self) -> None:
        """Agents that end their file without a newline lose nothing, and nothing is read twice when it comes."""
        for data in self.transcripts():
            first = read_bytes(data.rstrip(b"\n"), self.reader)
            found = shown(first)
            rest = read_bytes(data, self.reader, start=first.position)
            assert shown(rest) == []
            assert found == shown(read_bytes(data, self.reader))

    # Damaged files --------------------------------------------------------------------------------------------------

    def test_any_bytes_are_read_without_an_exception(self) -> None:
        """Every line of damaged files is accounted for, and every fault is counted with its place."""
        for number, data in enumerate(self.transcripts()):
            for each in variants(data, seed=number, count=VARIANTS):
                reading = read_bytes(each, self.reader)
                for event in reading:
                    assert isinstance(event.text, str)
                self._adds_up(reading.tally)
                assert reading.tally.broken <= reading.tally.defects
                assert reading.position.offset + reading.torn_bytes == len(each)
                assert all(0 <= fault.offset <= len(each) for fault in reading.tally.details)

    def test_damaged_files_in_pieces_give_what_they_give_whole(self) -> None:
        """Reading on is exact also where the bytes are wrong."""
        for number, data in enumerate(self.transcripts()):
            for each in variants(data, seed=1000 + number, count=VARIANTS // 4):
                self._in_pieces(each, _some(_line_ends(each), most=4))

    def test_many_lines_at_a_time_give_what_each_by_itself_gives(self) -> None:
        """A parser in a hurry finds the same events, accounts for the same lines and goes on from the same place."""
        for number, data in enumerate(self.transcripts()):
            for each in (data, *variants(data, seed=2000 + number, count=VARIANTS // 2)):
                single, many = read_bytes(each, self.reader), read_bytes(each, self.reader)
                assert shown(event for events in many.batches() for event in events) == shown(single)
                assert many.tally == single.tally
                assert (many.position, many.torn_bytes) == (single.position, single.torn_bytes)

    def test_a_broken_line_costs_only_itself(self) -> None:
        """What stands before and after is read as if the broken line were not there."""
        for data in self.transcripts():
            lines = data.splitlines(keepends=True)
            if _is_document(self.reader, data) or len(lines) < 2:
                continue
            for broken in (b'{"type":"user",', b"[1,2]", b'"text"', b"[" * 100_000):
                damaged = lines[0] + broken + b"\n" + b"".join(lines[1:])
                reading = read_bytes(damaged, self.reader)
                found = shown(reading, placed=False)
                assert found == shown(read_bytes(data, self.reader), placed=False), broken[:20]
                assert [fault.line for fault in reading.tally.details] == [2], reading.tally

    def test_a_blank_file_says_nothing(self) -> None:
        """Blank lines are lines and no faults."""
        for data in (b"", b"\n  \n\r\n"):
            reading = read_bytes(data, self.reader)
            assert shown(reading) == []
            assert (reading.tally.lines, reading.tally.defects) == (data.count(b"\n"), 0)

    # Inside ---------------------------------------------------------------------------------------------------------

    def _in_pieces(self, data: bytes, cuts: Iterable[int]) -> None:
        whole = read_bytes(data, self.reader)
        expected = shown(whole)
        for cut in cuts:
            first = read_bytes(data[:cut], self.reader)
            found = shown(first)
            rest = read_bytes(data, self.reader, start=first.position)
            assert found + shown(rest) == expected, f"cut at byte {cut}"
            assert rest.position.offset == whole.position.offset

    @staticmethod
    def _adds_up(tally: Tally) -> None:
        parts = tally.blank + tally.spoken + tally.ignored + tally.unknown + tally.broken
        assert tally.lines == parts, tally


def shown(reading: Iterable[Event], *, placed: bool = True) -> list[Shown]:
    """Return events by value: raw JSON has no equality of its own, and the ids of unnamed lines hold their place."""
    found = []
    for event in reading:
        values = {name: getattr(event, name) for name in event.__struct_fields__}
        values["parts"] = event.text
        values["calls"] = [(call.id, call.name, call.target, bytes(call.input)) for call in event.calls]
        if not placed:
            for name in ("offset", "line", "id"):
                del values[name]
        found.append(tuple(str(value) for value in values.values()))
    return found


def _is_document(reader: Reader, data: bytes) -> bool:
    """Tell whether a transcript is one object over many lines: its first line alone says nothing yet."""
    if not isinstance(reader.parser(), DocumentParser):
        return False
    reading = read_bytes(data.splitlines(keepends=True)[0], reader)
    return shown(reading) == [] and reading.position.offset == 0


def _line_ends(data: bytes) -> list[int]:
    return [place for place, byte in enumerate(data, start=1) if byte == ord("\n")]


def _some(places: list[int], *, most: int = CUTS) -> list[int]:
    return places[:: max(1, len(places) // most)]
