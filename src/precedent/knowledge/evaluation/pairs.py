"""Measures the comparison of statements on labelled pairs: what is the opposite must never be taken for the same."""

from pathlib import Path

import msgspec

from precedent.knowledge.comparing import Relation, compare, terms, words_hash

from .examples import examples
from .report import Report

NAME = "pairs"
APART, FOUND = "contradictions kept apart", "contradictions found"
GOALS = {APART: 1.0, FOUND: 0.9}
CONTRADICTION, DUPLICATE, DISTINCT = "contradiction", "duplicate", "distinct"


class Pair(msgspec.Struct, frozen=True):
    """Two statements.

    Attributes:
        relation: `duplicate`, `contradiction`, `refinement` or `distinct`.
    """

    relation: str
    first: str
    second: str


def evaluate(_labels: Path | None = None) -> Report:
    """Return how the comparison does on our own pairs, through the same words by which candidates are found."""
    pairs, failures = examples("pairs.jsonl", Pair), []
    right = {CONTRADICTION: 0, DUPLICATE: 0, DISTINCT: 0}
    merged = 0
    count = {name: sum(each.relation == name for each in pairs) for name in right}
    for each in pairs:
        found = compare(each.first, each.second).relation
        if not terms(each.first) & terms(each.second) and found is not Relation.SAME:
            found = Relation.UNRELATED  # no candidate
        merged += each.relation == CONTRADICTION and words_hash(each.first) == words_hash(each.second)
        merged += each.relation == CONTRADICTION and found in {Relation.SAME, Relation.DUPLICATE}
        good = found in _WANTED[each.relation]
        if each.relation in right:
            right[each.relation] += good
        if not good:
            failures.append(f"{each.relation}, found {found}: {each.first} | {each.second}")
    figures = {
        "pairs": len(pairs),
        APART: round(1 - merged / count[CONTRADICTION], 4),
        FOUND: round(right[CONTRADICTION] / count[CONTRADICTION], 4),
        "duplicates seen": round(right[DUPLICATE] / count[DUPLICATE], 4),
        "distinct left alone": round(right[DISTINCT] / count[DISTINCT], 4),
    }
    return Report(name=NAME, figures=figures, goals=GOALS, failures=failures)


_WANTED = {
    CONTRADICTION: {Relation.CONTRADICTION},
    DUPLICATE: {Relation.SAME, Relation.DUPLICATE},
    "refinement": {Relation.CONTRADICTION, Relation.DUPLICATE},
    DISTINCT: {Relation.UNRELATED},
}
