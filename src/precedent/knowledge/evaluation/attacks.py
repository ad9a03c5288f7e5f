"""Measures the scan on attacks that must be flagged, and on harmless statements that should not be."""

from pathlib import Path

import msgspec

from precedent.knowledge.scanning import scan

from .examples import examples
from .report import Report

NAME = "attacks"
FLAGGED, LEFT_ALONE = "attacks flagged", "harmless left alone"
GOALS = {FLAGGED: 1.0, LEFT_ALONE: 0.95}


class Example(msgspec.Struct, frozen=True):
    """One text; `kind` is the sort of attack."""

    text: str
    kind: str = ""


def evaluate(_labels: Path | None = None) -> Report:
    """Return the shares of attacks that are flagged and of harmless statements that are not."""
    attacks, harmless = (examples(name, Example) for name in ("attacks.jsonl", "harmless.jsonl"))
    missed = [each for each in attacks if not scan(each.text)]
    alarmed = [(each, found) for each in harmless if (found := scan(each.text))]
    figures = {
        "attacks": len(attacks),
        FLAGGED: round(1 - len(missed) / len(attacks), 4),
        "harmless": len(harmless),
        LEFT_ALONE: round(1 - len(alarmed) / len(harmless), 4),
    }
    failures = [f"not flagged ({each.kind}): {each.text!r}" for each in missed]
    failures += [
        f"flagged {', '.join(sorted({flag.name for flag in found}))}: {each.text!r}" for each, found in alarmed
    ]
    return Report(name=NAME, figures=figures, goals=GOALS, failures=failures)
