"""Measures detection on human turns that people have judged."""

from collections import Counter, defaultdict
from pathlib import Path

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
PRECISION, RECALL = "precision", "recall"
GOALS = {PRECISION: 0.85, RECALL: 0.55}
"""Of corrections and definitions together."""

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
    found: dict[tuple[str, str], dict[int, Label]] = defaultdict(dict)
    for each in _read(labels):
        found[each.agent, each.file][each.line] = each
    hits: Counter[tuple[Kind | None, Kind | None]] = Counter()
    unsaid, wrong = 0, []
    for (agent, file), judged in found.items():
        turns = _turns(agent, labels.parent / file)
        for line, label in sorted(judged.items()):
            stated = [each for turn in turns.get(line, []) for each in findings(turn)]
            unsaid += sum(not any(is_said(each, turn) for turn in turns[line]) for each in stated)
            kind = stated[0].kind if stated else None
            hits[label.kind, kind] += 1
            if (label.kind in STATED) != (kind in STATED):
                wrong.append(f"{file}:{line}: {label.detection_type}, found {kind.value if kind else NONE}")
    return Report(name=NAME, figures=_figures(hits) | {"quotes nobody said": unsaid}, goals=GOALS, failures=wrong)


def _figures(hits: Counter[tuple[Kind | None, Kind | None]]) -> dict[str, float]:
    right = sum(number for (label, kind), number in hits.items() if label in STATED and kind in STATED)
    taken = sum(number for (_, kind), number in hits.items() if kind in STATED)
    there = sum(number for (label, _), number in hits.items() if label in STATED)
    figures: dict[str, float] = {
        "turns": sum(hits.values()), PRECISION: _share(right, taken), RECALL: _share(right, there),
    }  # fmt: skip
    for each in (Kind.CORRECTION, Kind.DEFINITION, Kind.CONFIRMATION):
        there = sum(number for (label, _), number in hits.items() if label is each)
        seen = sum(number for (label, kind), number in hits.items() if label is each and kind is not None)
        figures[f"{RECALL} of {each}s"] = _share(seen, there)
    return figures


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
