"""Measures detection on human turns that people have judged."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from precedent import plugins
from precedent.errors import BadInput, NotFound
from precedent.knowledge.evaluation import Report
from precedent.knowledge.model import Kind
from precedent.pipeline.stream import PartOfFile
from precedent.transcripts.reading import Position, Reading

from .extract import is_said
from .rules import findings
from .turns import Listener, Turn

NAME = "detection"
PRECISION, RECALL, SAID = "precision", "recall", "quotes that were said"
GOALS = {PRECISION: 0.85, RECALL: 0.55, SAID: 1.0}
"""The first two of corrections and definitions together, whichever of the two a turn was taken for."""

STATED = frozenset({Kind.CORRECTION, Kind.DEFINITION})
NONE = "none"


class Label(msgspec.Struct, frozen=True):
    """One judged turn; one line of a file of labels.

    Attributes:
        file: the transcript, below the folder of the file of labels.
        line: of the turn, from 1.
        detection_type: `correction`, `unprompted_definition`, `confirmation` or `none`.
        agent: that wrote the transcript.
    """

    file: str
    line: int
    detection_type: str
    agent: str

    @property
    def kind(self) -> Kind | None:
        """What the turn states; None for nothing."""
        name = self.detection_type.removeprefix("unprompted_")
        return None if name == NONE else Kind(name)


def evaluate(labels: Path | None = None) -> Report:
    """Return precision and recall on labelled turns; a turn without a label counts for nothing.

    Args:
        labels: a file with a `Label` as JSON on each line.

    Raises:
        BadInput: there is none, or it cannot be read.
        NotFound: a transcript that it names is not there.
    """
    if labels is None:
        raise BadInput("detection is measured on judged turns; name the file with --labels")
    files: dict[tuple[str, str], list[Label]] = defaultdict(list)
    for each in _read(labels):
        files[each.agent, each.file].append(each)
    judged: list[_Judged] = []
    for (agent, file), told in files.items():
        turns = _turns(agent, labels.parent / file)
        judged += [_judge(label, turns.get(label.line, [])) for label in sorted(told, key=lambda each: each.line)]
    return Report(
        name=NAME, figures=_figures(judged), goals=GOALS, failures=[text for each in judged if (text := each.wrong())]
    )


class _Judged(NamedTuple):
    """A labelled turn with the kinds that were found in it and how many of the quotes stand in it."""

    label: Label
    kinds: frozenset[Kind]
    quotes: int
    said: int

    def wrong(self) -> str:
        """Return what is wrong with it, for people."""
        if (self.label.kind in STATED) == bool(self.kinds & STATED):
            return ""
        found = ", ".join(sorted(each.value for each in self.kinds)) or NONE
        return f"{self.label.file}:{self.label.line}: {self.label.detection_type}, found {found}"


def _judge(label: Label, turns: Sequence[Turn]) -> _Judged:
    found = [(each, turn) for turn in turns for each in findings(turn)]
    said = sum(is_said(each, turn) for each, turn in found)
    return _Judged(label, frozenset(each.kind for each, _ in found), len(found), said)


def _figures(judged: Sequence[_Judged]) -> dict[str, float]:
    figures = {"turns": float(len(judged))} | _rates(judged, STATED, of="")
    for kind in (Kind.CORRECTION, Kind.DEFINITION, Kind.CONFIRMATION):
        figures |= _rates(judged, frozenset({kind}), of=f" of {kind.value}s")
    figures[SAID] = _share(sum(each.said for each in judged), sum(each.quotes for each in judged))
    return figures


def _rates(judged: Sequence[_Judged], kinds: frozenset[Kind], *, of: str) -> dict[str, float]:
    """Return precision and recall for turns that state something of these kinds."""
    taken = [each for each in judged if each.kinds & kinds]
    there = [each for each in judged if each.label.kind in kinds]
    right = sum(each.label.kind in kinds for each in taken)
    return {PRECISION + of: _share(right, len(taken)), RECALL + of: _share(right, len(there))}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def _read(labels: Path) -> list[Label]:
    try:
        return [msgspec.json.decode(line, type=Label) for line in labels.read_bytes().splitlines() if line.strip()]
    except (OSError, msgspec.DecodeError) as error:
        raise BadInput(f"{labels} holds no labels: {error}") from error


def _turns(agent: str, path: Path) -> dict[int, list[Turn]]:
    """Return the human turns of a transcript by line."""
    readers = plugins.readers()
    if agent not in readers:
        raise BadInput(f"no reader for {agent!r}; there are: {', '.join(readers)}")
    if not path.is_file():
        raise NotFound(f"no transcript {path}")
    listener, found = Listener(), defaultdict(list)
    part = PartOfFile(path, start=0, end=path.stat().st_size)
    for event in Reading(part, readers[agent][0], start=Position()):
        if (turn := listener.hear(event)) is not None:
            found[turn.line].append(turn)
    return found
