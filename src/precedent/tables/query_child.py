"""The process that answers one question: `python -m precedent.tables.query_child`.

Its input is a `Question`, its output one line, `Answer` or `NoAnswer`. What it can do is bounded several times over:
one statement, of which DuckDB itself says that it is a SELECT; the files of the caller's tables and no others; no file
may be written by this process at all; the configuration is locked before the question is seen; rows of other persons
are never loaded; address space, processor time and the time of the question are limited.
"""

import os
import resource
import signal
import sys
import threading
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from precedent import children

from . import sql
from .asking import MAX_ANSWER_BYTES, Answer, NoAnswer, Question
from .model import TOOLS, USAGE

if TYPE_CHECKING:
    import duckdb

ADDRESS_SPACE_BYTES = 1 << 30
"""For the library itself and for what its functions take beside the memory that it counts."""

HARD_S = 0.5
"""After the time of a question: what does not look whether it is interrupted is killed."""

MAX_ERROR = 500
BATCH = 1_000
SAFE_INTEGER = 1 << 63


def main() -> None:
    """Answer the question."""
    output = children.answers()
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    os.chdir(question.folder)
    found = msgspec.json.encode(_answer(question), enc_hook=str)
    if len(found) > MAX_ANSWER_BYTES:
        found = msgspec.json.encode(
            NoAnswer(error=f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB; ask for less")
        )
    output.write(found)
    output.close()


def _answer(question: Question) -> Answer | NoAnswer:
    import duckdb  # noqa: PLC0415  # loaded after the output is set up

    _limit(question)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{question.memory_mb}MB",
        "threads": 2,
        "temp_directory": "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }
    with duckdb.connect(":memory:", config=config) as base:
        try:
            _prepare(base, question)
            statements = base.extract_statements(question.sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                return NoAnswer(error="one SELECT is answered, and nothing else")
            ends = threading.Timer(question.time_s, base.interrupt)
            ends.daemon = True
            ends.start()
            signal.setitimer(signal.ITIMER_REAL, question.time_s + HARD_S)
            result = base.execute(statements[0])
            return _rows(result, question)
        except duckdb.InterruptException:
            return NoAnswer(error=f"the question takes longer than {question.time_s:g} s; ask for less")
        except duckdb.OutOfMemoryException:
            return NoAnswer(error=f"the question takes more than {question.memory_mb} MB of memory; ask for less")
        except duckdb.Error as error:
            return NoAnswer(error=" ".join(str(error).split())[:MAX_ERROR])
        except (RuntimeError, ValueError, OverflowError, MemoryError, RecursionError) as error:
            return NoAnswer(error=f"this cannot be answered: {type(error).__name__}")


def _prepare(base: "duckdb.DuckDBPyConnection", question: Question) -> None:
    """Make the tables and take everything else away."""
    base.execute("SET TimeZone = 'UTC'")
    allowed = sorted({path for paths in question.files.values() for path in paths})
    base.execute(f"SET allowed_paths = [{', '.join(map(sql.text, allowed))}]")
    for name, paths in question.files.items():
        base.execute(f"CREATE VIEW {sql.name(name)} AS SELECT * FROM {sql.files(paths)}")
    # Rows of usage are loaded, as their file holds everybody's.
    for name, columns, path in (("usage", USAGE, question.usage), ("usage_tools", TOOLS, question.tools)):
        _make(base, name, columns, path, _whose(question))
    _make(base, "usage_team", {each: kind for each, kind in USAGE.items() if each != "person"}, "", "")
    if question.usage:
        sums = ", ".join(f"sum({each}) AS {each}" for each, kind in USAGE.items() if kind not in {"VARCHAR", "DATE"})
        base.execute(
            f"INSERT INTO usage_team BY NAME SELECT day, agent, model, project, {sums} "
            f"FROM {sql.files([question.usage])} GROUP BY day, agent, model, project"
        )
    base.execute("SET enable_external_access = false")
    base.execute("SET lock_configuration = true")


def _make(base: "duckdb.DuckDBPyConnection", name: str, columns: dict[str, str], path: str, where: str) -> None:
    """Make a table with its columns and the rows that may be seen."""
    base.execute(f"CREATE TABLE {name} ({', '.join(f'{each} {kind}' for each, kind in columns.items())})")
    if path:
        base.execute(f"INSERT INTO {name} BY NAME SELECT * FROM {sql.files([path])} {where}")


def _whose(question: Question) -> str:
    if question.persons is None:
        return ""
    return f"WHERE list_contains([{', '.join(map(sql.text, question.persons))}]::VARCHAR[], person)"


def _rows(result: "duckdb.DuckDBPyConnection", question: Question) -> Answer:
    columns = [str(each[0]) for each in result.description or ()]
    types = [str(each[1]) for each in result.description or ()]
    rows: list[list[Any]] = []
    while len(rows) <= question.max_rows and (batch := result.fetchmany(BATCH)):
        rows += [[_plain(value) for value in row] for row in batch]
    return Answer(columns=columns, types=types, rows=rows[: question.max_rows], truncated=len(rows) > question.max_rows)


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it without loss."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -SAFE_INTEGER <= value < SAFE_INTEGER else str(value)
        case float():
            return value if value == value and abs(value) != float("inf") else str(value)  # noqa: PLR0124  # NaN
        case Decimal():
            return format(value, "f")
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case timedelta() | UUID():
            return str(value)
        case list() | tuple():
            return [_plain(each) for each in value]
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
    return str(value)


def _limit(question: Question) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    seconds = int(question.time_s * 4) + 10
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


if __name__ == "__main__":
    main()
