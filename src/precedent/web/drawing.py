"""Works out the shapes of drawings that are made on the server: sparklines, heat maps and timelines."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from .writing import count, day, number

WIDTH, HEIGHT, EDGE = 100.0, 30.0, 2.0
CELL, GAP, LEFT, TOP = 15, 3, 30, 14
EVERY_HOURS = 3
"""Hours that have their name on a heat map."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


LONG, TALL, FLOOR, DOT = 480.0, 56.0, 54.0, 4.0
"""Of a timeline: its width, its height, where bars stand, and the radius of a dot."""
BARS = 26.0
"""Height of its highest bar; dots are above."""


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


class Dot(NamedTuple):
    """Something that was said on a timeline; `title` tells when."""

    x: float
    y: float
    since: bool
    title: str


class Timeline(NamedTuple):
    """Sessions as bars with sayings as dots above them, within `LONG` by `TALL` units.

    Attributes:
        before: path of the bars until the delivery.
        since: path of the bars after it.
        delivered: where the delivery is; None without one.
        label: all of it in words.
    """

    before: str
    since: str
    dots: list[Dot]
    delivered: float | None
    label: str


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


def timeline(spans: Sequence[tuple[int, int, int]], *, delivered_at: int | None, until: int) -> Timeline:
    """Return a timeline of what was said in sessions.

    Args:
        spans: beginning in UTC microseconds, sessions, and how often it was said; equally long, at least one.
        delivered_at: when agents were first given it, UTC microseconds; None when they were not.
        until: the end of the last one, UTC microseconds.
    """
    start = spans[0][0]
    scale = LONG / max(1, until - start)
    ends = [each[0] for each in spans[1:]] + [until]
    top = max(1, *(sessions for _, sessions, _ in spans))
    paths, dots = {False: "", True: ""}, []
    for (at, sessions, said), end in zip(spans, ends, strict=True):
        x, width = (at - start) * scale, max(1.0, (end - at) * scale - 1.5)
        since = delivered_at is not None and at >= delivered_at
        if sessions:
            high = max(2.0, sessions / top * BARS)
            paths[since] += f"M{x:.1f} {FLOOR:g}v-{high:.1f}h{width:.1f}v{high:.1f}z"
        # Many in one part stand closer, so that none leaves the drawing.
        step = min(2 * DOT + 1, (FLOOR - BARS - 2 * DOT - 4) / max(1, said - 1))
        for place in range(said):
            y = FLOOR - BARS - DOT - 3 - place * step
            dots.append(Dot(round(x + width / 2, 1), round(y, 1), since, f"said {day(at)}"))
    said_in_all = sum(each[2] for each in spans)
    label = (
        f"Said {count(said_in_all, 'time')} in {count(sum(each[1] for each in spans), 'session')} since {day(start)}"
    )
    if delivered_at is None:
        return Timeline(paths[False], paths[True], dots, None, f"{label}; not delivered")
    delivered = round(min(LONG, max(0.0, (delivered_at - start) * scale)), 1)
    return Timeline(paths[False], paths[True], dots, delivered, f"{label}; delivered {day(delivered_at)}")
