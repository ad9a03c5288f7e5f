"""Answers SQL over tables and usage figures, each question in a process of its own; see `query_child`."""

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from precedent.errors import BadInput, Exhausted, Transient

MAX_SQL = 20_000
"""Characters of a question."""

MAX_ROWS = 10_000
TIME_S = 1.0
MEMORY_MB = 256
MAX_ANSWER_BYTES = 32 << 20
START_S = 10.0
"""For the process to start; its own clock begins with the question."""

AT_A_TIME = 2
RETRY_S = 1.0


class Question(msgspec.Struct, kw_only=True):
    """What a process is asked.

    Attributes:
        sql: one SELECT.
        folder: in which paths are relative.
        files: the Parquet files of each table, as paths below the folder.
        persons: whose rows of `usage` and `usage_tools` may be seen; None for everybody's.
        usage: snapshot of the sums by person below the folder; empty for none.
        tools: snapshot of the tools by person; empty for none.
        max_rows: of the answer.
        time_s: for the question.
    """

    sql: str
    folder: str
    files: dict[str, list[str]]
    persons: list[str] | None
    usage: str = ""
    tools: str = ""
    max_rows: int = MAX_ROWS
    time_s: float = TIME_S
    memory_mb: int = MEMORY_MB


class Answer(msgspec.Struct, tag="answer", kw_only=True):
    """Rows of an answer.

    Attributes:
        columns: names, in order.
        types: of the columns, as DuckDB calls them.
        rows: values ready for JSON: decimals, times and numbers beyond 64 bits are text, bytes are hexadecimal.
        truncated: there were more rows than are given.
    """

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    truncated: bool


class NoAnswer(msgspec.Struct, tag="refused", kw_only=True):
    """Why there is none."""

    error: str


class Asking:
    """Asks questions, `AT_A_TIME` at a time in one process of ours.

    Args:
        root: folder of all tables.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._free = threading.BoundedSemaphore(AT_A_TIME)

    def ask(
        self,
        sql: str,
        *,
        files: Mapping[str, Sequence[Path]],
        persons: Sequence[str] | None,
        usage: Path | None = None,
        tools: Path | None = None,
        max_rows: int = MAX_ROWS,
    ) -> Answer:
        """Return the answer to one SELECT.

        Args:
            sql: the question.
            files: of each table that may be asked.
            persons: whose own rows of usage may be seen; None for everybody's.
            usage: snapshot of usage by person, see `usage_snapshots`.
            tools: snapshot of tools by person.
            max_rows: of the answer, at most `MAX_ROWS`.

        Raises:
            BadInput: it is no SELECT, or it fails, or it takes too long or too much.
            Exhausted: too many are being asked.
            Transient: the process died.
        """
        if not sql.strip() or len(sql) > MAX_SQL or "\0" in sql:
            raise BadInput(f"a question has 1 to {MAX_SQL} characters and no NUL")
        if not self._free.acquire(timeout=TIME_S):
            raise Exhausted(f"{AT_A_TIME} questions are being answered already", retry_after_s=RETRY_S)
        try:
            question = Question(
                sql=sql,
                folder=str(self._root.resolve()),
                files={name: [self._below(each) for each in paths] for name, paths in files.items()},
                persons=None if persons is None else list(persons),
                usage=self._below(usage) if usage else "",
                tools=self._below(tools) if tools else "",
                max_rows=min(max_rows, MAX_ROWS),
            )
            return _asked(question)
        finally:
            self._free.release()

    def _below(self, path: Path) -> str:
        return str(path.relative_to(self._root))


def _asked(question: Question) -> Answer:
    process = subprocess.Popen(
        [sys.executable, "-m", "precedent.tables.query_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": ":".join(each for each in sys.path if each)},
    )
    try:
        answer, _ = process.communicate(msgspec.json.encode(question), timeout=START_S + question.time_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise BadInput(f"the question takes longer than {question.time_s:g} s; ask for less") from None
    try:
        found = msgspec.json.decode(answer, type=Answer | NoAnswer)
    except msgspec.DecodeError:
        if process.returncode < 0:
            raise BadInput("the question takes too much memory or time; ask for less") from None
        raise Transient(f"the process that answers ended without an answer (status {process.returncode})") from None
    if isinstance(found, NoAnswer):
        raise BadInput(found.error)
    return found
