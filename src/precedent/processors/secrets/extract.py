"""Finds the marks that redaction left in what people, agents and tools said: pure, incremental, in one pass."""

import re
from collections.abc import Iterator

import msgspec

from precedent.pipeline.contract import Done, Transcript
from precedent.processors.places import kept
from precedent.transcripts.events import Event, Speaker
from precedent.transcripts.reading import Position
from precedent.usage.keys import key_of

MARK = re.compile(rb"\[REDACTED:([a-z0-9-]{1,64})\]")
START = "[REDACTED:"

Part = str | msgspec.Raw


class Mark(msgspec.Struct, array_like=True):
    """Marks of one rule in one thing said; field order is that of the table's columns.

    Attributes:
        speaker: `human`, `agent`, `tool`, `system` or `subagent`.
        tool: the tool that was called or that answered; empty when neither.
        marks: how many.
    """

    key: int
    rule: str
    speaker: str
    tool: str
    folder: str
    at: int | None
    line: int
    byte_offset: int
    marks: int


class Found(msgspec.Struct, array_like=True):
    """What extraction hands to `store`; `anew`: it began at the transcript's beginning."""

    anew: bool
    marks: list[Mark]


class Cursor(msgspec.Struct, array_like=True):
    """What the next extraction of the same transcript needs."""

    position: Position = Position()
    folder: str = ""


def extract_marks(transcript: Transcript, cursor: bytes | None) -> Done:
    """Read what is new and return its marks, with a cursor for the next time."""
    before = msgspec.msgpack.decode(cursor, type=Cursor) if cursor else Cursor()
    folder, marks = before.folder, dict[int, Mark]()
    reading = transcript.read(before.position)
    unnamed = f"{transcript.ref.native_id}.{transcript.ref.agent_id}"
    for event in reading:
        folder = event.cwd or folder
        for speaker, tool, identity, part in _said(event):
            for rule in _rules(part):
                whose = identity or f"{unnamed}:{event.offset}"
                key = key_of(f"{transcript.ref.agent}:{whose}:{rule}:{speaker.name}:{tool}")
                mark = marks.get(key)
                if mark is None:
                    name, place = speaker.name.lower(), kept(folder)
                    marks[key] = Mark(key, rule, name, kept(tool), place, event.at, event.line, event.offset, 1)
                elif mark.byte_offset == event.offset:
                    mark.marks += 1  # elsewhere it is the same line again, which a resumed session may hold twice
    found = Found(before.position.offset == 0, list(marks.values()))
    after = Cursor(reading.position, folder)
    return Done(payload=msgspec.msgpack.encode(found), cursor=msgspec.msgpack.encode(after))


def _said(event: Event) -> Iterator[tuple[Speaker, str, str, Part]]:
    """Yield every piece that somebody said: speaker, tool, the id of what was said, text or arguments."""
    for call in event.calls:
        yield event.speaker, call.name, f"call:{call.id}", call.input
    if not event.results:
        for part in (event.name, *event.parts):
            yield event.speaker, "", event.id, part
        return
    for number, part in enumerate(event.parts):
        result = event.results[min(number, len(event.results) - 1)]
        yield event.speaker, result.name, f"result:{result.call_id}", part


def _rules(part: Part) -> Iterator[str]:
    """Yield the rule of each mark in a piece; encoded text is searched as it stands."""
    if isinstance(part, str):
        if START not in part:
            return
        data = part.encode("utf-8", "replace")
    else:
        data = bytes(part)
    for found in MARK.finditer(data):
        yield found.group(1).decode()
