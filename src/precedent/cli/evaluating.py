"""`precedent eval`: how well knowledge is found, compared and searched, on labelled examples."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from precedent.errors import BadInput
from precedent.knowledge.evaluation import Report

from .output import print_json, print_table, say

EVALUATIONS = {
    "pairs": "precedent.knowledge.evaluation.pairs",
    "attacks": "precedent.knowledge.evaluation.attacks",
    "retrieval": "precedent.knowledge.evaluation.retrieval",
    "detection": "precedent.processors.verification.evaluation",
}
"""Modules with `evaluate(labels)`, by name."""
NEED_LABELS = frozenset({"detection"})
EVERY = "all"


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("eval")(evaluate)


def evaluate(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(EVALUATIONS)}, or {EVERY}.")] = EVERY,
    labels: Annotated[Path | None, typer.Option(help="File of judged turns, for detection.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure on labelled examples; exit code 1 when a goal is missed."""
    if name not in {*EVALUATIONS, EVERY}:
        raise BadInput(f"no evaluation {name!r}; there are: {', '.join(EVALUATIONS)}, {EVERY}")
    chosen = [each for each in EVALUATIONS if name == each or (name == EVERY and (labels or each not in NEED_LABELS))]
    if not chosen:
        raise BadInput("detection is measured on judged turns; name the file with --labels")
    reports: list[Report] = [import_module(EVALUATIONS[each]).evaluate(labels) for each in chosen]
    if as_json:
        print_json([{**msgspec.to_builtins(each), "ok": each.ok} for each in reports])
    else:
        for report in reports:
            _show(report)
    if not all(each.ok for each in reports):
        raise typer.Exit(1)


def _show(report: Report) -> None:
    rows = [
        {"evaluation": report.name, "figure": name, "value": value, "goal": report.goals.get(name)}
        for name, value in report.figures.items()
    ]
    print_table(rows, ["evaluation", "figure", "value", "goal"])
    for each in report.failures:
        say(each)
