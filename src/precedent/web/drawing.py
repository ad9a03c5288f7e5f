"""Works out the shapes of drawings that are made on the server: sparklines and heat maps."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from .writing import number

WIDTH, HEIGHT, EDGE = 100.0, 30.0, 2.0
CELL, GAP, LEFT, TOP = 15, 3, 30, 14
EVERY_HOURS = 3
"""Hours that have their name on a heat map."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Spark(NamedTuple):
    """Paths of a sparkline within 100 by 30 units; empty when there is nothing to draw."""

    line: str
    area: str


class Cell(NamedTuple):
    """One cell of a heat map; `strength` from 0, nothing, to 1."""

    x: int
    y: int
    width: int
    height: int
    strength: float
    title: str


class Label(NamedTuple):
    """A text in a drawing."""

    x: int
    y: int
    anchor: str
    text: str


class HeatMap(NamedTuple):
    """A drawing of cells."""

    width: int
    height: int
    cells: list[Cell]
    texts: list[Label]


def sparkline(values: Sequence[float]) -> Spark:
    """Return the line of values, 0 at the bottom."""
    top = max(values, default=0)
    if len(values) < 2 or top <= 0:
        return Spark("", "")
    step, high = WIDTH / (len(values) - 1), HEIGHT - 2 * EDGE
    points = [
        f"{place * step:.2f} {HEIGHT - EDGE - max(0.0, value) / top * high:.2f}" for place, value in enumerate(values)
    ]
    line = "M" + "L".join(points)
    return Spark(line, f"{line}L{WIDTH:g} {HEIGHT:g}L0 {HEIGHT:g}Z")


def heat(rows: Sequence[Sequence[int]], *, unit: str) -> HeatMap:
    """Return a heat map of weekdays and hours.

    Args:
        rows: a list for each weekday, Monday first, with a number for each hour.
        unit: what is counted, for what is told of a cell.
    """
    top = max((value for row in rows for value in row), default=0)
    step = CELL + GAP
    cells = [
        Cell(
            LEFT + hour * step, TOP + day * step, CELL, CELL, _strength(value, top),
            f"{WEEKDAYS[day]} {hour:02d}:00: {number(value)} {unit}",
        )
        for day, row in enumerate(rows)
        for hour, value in enumerate(row)
    ]  # fmt: skip
    hours = len(rows[0]) if rows else 0
    texts = [Label(LEFT - 6, TOP + day * step + 11, "end", WEEKDAYS[day]) for day in range(len(rows))]
    texts += [
        Label(LEFT + hour * step + CELL // 2, 9, "middle", f"{hour:02d}") for hour in range(0, hours, EVERY_HOURS)
    ]
    return HeatMap(LEFT + hours * step, TOP + len(rows) * step, cells, texts)


def _strength(value: int, top: int) -> float:
    """Return how strong a cell is drawn; by the root, so that few beside many can still be seen."""
    return round(0.15 + 0.85 * math.sqrt(value / top), 3) if value and top else 0.0
