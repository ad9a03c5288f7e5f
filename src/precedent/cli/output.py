"""What the commands print: tables for people, JSON and CSV for programs, progress on a terminal only.

Data goes to standard output, everything said to a person about the run to standard error. Text from transcripts is
hostile: control characters never reach a terminal.
"""

import csv
import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from precedent.clock import SECOND

if TYPE_CHECKING:  # the library for tables and bars takes as long to load as a short command runs
    from rich.progress import Progress

Row = dict[str, Any]
NEVER_CUT = frozenset({"session", "session_file", "date", "last", "start", "at", "path"})
MAX_SAID = 5
PIPED_WIDTH = 200  # columns of a table that goes to a file or a pipe


def say(message: str) -> None:
    """Tell a person something; no markup, no control characters."""
    print(safe(message), file=sys.stderr, flush=True)


def safe(text: str) -> str:
    """Return text without control, format and surrogate characters, which could steer a terminal."""
    return "".join(
        each if each in "\n\t" or unicodedata.category(each) not in {"Cc", "Cf", "Cs"} else "\ufffd" for each in text
    )


def print_json(value: Any) -> None:
    """Print one JSON value."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def print_csv(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Print rows as CSV; a cell that a spreadsheet would take for a formula is quoted as text."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in columns])


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        value = " ".join(str(each) for each in value)
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return "" if value is None else value


def print_table(
    rows: Sequence[Row], columns: Sequence[str], *, title: str = "", headers: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Print rows for people; numbers to the right."""
    from rich.console import Console  # noqa: PLC0415  # see above
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=safe(title) or None, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name in columns:
        number = any(isinstance(row.get(name), int | float) for row in rows) or name.endswith(
            ("cost", "active", "wall")
        )
        table.add_column(
            headers.get(name, name.replace("_", " ")), justify="right" if number else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*[Text(_shown(row.get(name))) for name in columns])
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPED_WIDTH)
    console.print(table)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return safe(", ".join(str(each) for each in value))
    return safe(str(value))


def say_first(lines: Sequence[str]) -> None:
    """Tell a person the first few of many lines, and how many more there are."""
    for each in lines[:MAX_SAID]:
        say(f"  {each}")
    if len(lines) > MAX_SAID:
        say(f"  and {len(lines) - MAX_SAID:,} more")


def counted(count: int, what: str) -> str:
    """Return a number of things: `1 transcript`, `2 transcripts`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def dollars(micros: int | None) -> str:
    """Return micro-dollars as shown to people."""
    return "-" if micros is None else f"${micros / 1_000_000:,.2f}"


def duration(microseconds: int) -> str:
    """Return a length of time as shown to people."""
    seconds = microseconds // SECOND
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def instant(micros: int | None, place: tzinfo = UTC) -> str:
    """Return an instant as shown to people."""
    if micros is None:
        return "-"
    return datetime.fromtimestamp(micros // SECOND, UTC).astimezone(place).strftime("%Y-%m-%d %H:%M") + (
        "Z" if place is UTC else ""
    )


def iso(micros: int | None) -> str | None:
    """Return an instant for programs."""
    if micros is None:
        return None
    moment = datetime.fromtimestamp(micros // SECOND, UTC).replace(microsecond=micros % SECOND)
    return moment.isoformat().replace("+00:00", "Z")


class Bar:
    """A progress display; does nothing when standard error is no terminal."""

    def __init__(self, progress: "Progress | None", task: Any) -> None:
        self._progress, self._task = progress, task

    def show(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
        """Update the display."""
        if self._progress is not None:
            self._progress.update(self._task, description=safe(text), completed=done, total=total)


@contextmanager
def bar(text: str) -> Iterator[Bar]:
    """Show progress while the block runs."""
    if not sys.stderr.isatty():
        yield Bar(None, None)
        return
    from rich import progress as rich  # noqa: PLC0415  # see above
    from rich.console import Console  # noqa: PLC0415

    columns = (
        rich.SpinnerColumn(), rich.TextColumn("{task.description}", markup=False), rich.BarColumn(),
        rich.TimeElapsedColumn(),
    )  # fmt: skip
    with rich.Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as progress:
        yield Bar(progress, progress.add_task(text, total=None))
