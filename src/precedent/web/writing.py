"""How pages write numbers, amounts, times and lengths: the filters of the templates."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from precedent.clock import SECOND

NONE = "\N{EN DASH}"
"""Stands where there is no value."""
_STEPS = (("", 1.0), ("K", 1e3), ("M", 1e6), ("B", 1e9), ("T", 1e12))
_TELLING = tuple(
    re.compile(rf'"{name}"\s*:\s*("(?:[^"\\]|\\.)*")')
    for name in ("command", "cmd", "file_path", "filePath", "path", "pattern", "query", "url", "skill", "description")
)
"""Fields of a tool's input by how much they tell, in the agents' tools."""
_EMPTY = frozenset({"{}", "null", ""})
_BYTES = ("B", "KB", "MB", "GB", "TB")


def number(value: int | float | None) -> str:
    """Write a number in full: `1,234,567`."""
    return NONE if value is None else f"{value:,}"


def compact(value: int | float | None) -> str:
    """Write a number with three digits at most: `1.23 M`."""
    if value is None:
        return NONE
    if abs(value) < 10_000:
        return f"{round(value):,}"
    name, step = max((each for each in _STEPS if abs(value) >= each[1]), key=lambda each: each[1])
    return f"{_three(value / step)}{name}"


def _three(value: float) -> str:
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def money(micros: int | None) -> str:
    """Write an amount given in millionths of a US dollar: `$12.34`."""
    if micros is None:
        return NONE
    amount = micros / 1e6
    if amount == 0:
        return "$0"
    return f"${amount:,.0f}" if abs(amount) >= 10_000 else f"${amount:,.2f}" if abs(amount) >= 0.1 else f"${amount:.4f}"


def size(value: int | None) -> str:
    """Write a number of bytes: `1.23 MB`."""
    if value is None:
        return NONE
    amount, unit = float(value), 0
    while amount >= 1000 and unit < len(_BYTES) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{value} B" if unit == 0 else f"{_three(amount)} {_BYTES[unit]}"


def duration(micros: int | None) -> str:
    """Write a length of time given in microseconds: `2 h 5 min`."""
    if micros is None:
        return NONE
    seconds = micros / SECOND
    if seconds < 1:
        return f"{round(micros / 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def percent(part: float | None, whole: float | None = 1) -> str:
    """Write a share: `12 %`."""
    if part is None or not whole:
        return NONE
    share = 100 * part / whole
    return f"{share:.1f} %" if 0 < share < 9.95 else f"{share:.0f} %"


def when(micros: int | None) -> Markup:
    """Write an instant given in UTC microseconds; a script writes it again in the reader's own zone."""
    if micros is None:
        return escape(NONE)
    try:
        at = datetime.fromtimestamp(micros // SECOND, UTC)
    except (ValueError, OverflowError, OSError):  # a transcript may say any time
        return Markup("<span>{}</span>").format(f"{micros} µs")
    return Markup('<time datetime="{}">{} UTC</time>').format(
        at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%Y-%m-%d %H:%M")
    )


def day(micros: int | None) -> str:
    """Write the day of an instant given in UTC microseconds: `2026-09-14`."""
    try:
        return NONE if micros is None else datetime.fromtimestamp(micros // SECOND, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):  # a transcript may say any time
        return NONE


def count(amount: int, noun: str) -> str:
    """Write how many there are of something whose plural is regular: `1 session`, `1,234 sessions`."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def clock_time(micros: int | None) -> Markup:
    """Write the time of day of an instant given in UTC microseconds, with its day beside it for who asks."""
    if micros is None:
        return escape(NONE)
    try:
        at = datetime.fromtimestamp(micros // SECOND, UTC)
    except (ValueError, OverflowError, OSError):
        return escape(NONE)
    return Markup('<time datetime="{}" data-short title="{} UTC">{}</time>').format(
        at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%Y-%m-%d %H:%M:%S"), at.strftime("%H:%M:%S")
    )


def tail(path: str) -> str:
    """Return the last part of a folder's name, which is what people call a project."""
    return path.rstrip("/").rpartition("/")[2] or path


def gist(call: str) -> str:
    """Return what tells most of a tool call, such as its command or file; `call` is its input as JSON, maybe cut."""
    for each in _TELLING:
        found = each.search(call)
        if found is not None:
            try:
                return str(json.loads(found.group(1)))
            except ValueError:  # an escape that is none, or cut in its middle
                return found.group(1)
    return "" if call in _EMPTY else call


def attributes(given: dict[str, Any]) -> Markup:
    """Write attributes of an element; those that are None or False are left out, True ones have no value."""
    found = [
        (name.replace("_", "-"), value) for name, value in given.items() if value is not None and value is not False
    ]
    return Markup("").join(
        Markup(" {}").format(name) if value is True else Markup(' {}="{}"').format(name, escape(value))
        for name, value in found
    )


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "compact": compact,
    "money": money,
    "size": size,
    "duration": duration,
    "percent": percent,
    "when": when,
    "clock": clock_time,
    "day": day,
    "count": count,
    "tail": tail,
    "gist": gist,
    "attributes": attributes,
}
