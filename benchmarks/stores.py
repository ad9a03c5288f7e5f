"""Looking for changes in an agent's store, and reading a session from it: OpenCode's database and its older files.

Reference in the same run: reading the database's bytes once. Processor time, for other work on the machine does not
change it much. Argument: sessions (2000), of 20 messages and 100 parts each.
"""

import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from precedent.archive.stores import HomeStore
from precedent.transcripts.opencode import READER

from ._measure import machine

SCHEMA = """
CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT, parent_id TEXT, directory TEXT, title TEXT, version TEXT,
                      time_created INTEGER, time_updated INTEGER);
CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT);
CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, time_created INTEGER, time_updated INTEGER,
                   data TEXT);
CREATE INDEX message_session_time_created_id_idx ON message (session_id, time_created, id);
CREATE INDEX part_message_id_id_idx ON part (message_id, id);
CREATE INDEX part_session_idx ON part (session_id);
"""
EPOCH_MS = 1_767_603_600_000
MESSAGES, PARTS = 20, 5
PART_CHARS = (200, 800, 5_000, 20_000)


def main(sessions: int = 2_000) -> None:
    """Measure and print."""
    print(f"stores of {sessions:,} sessions, {sessions * MESSAGES * PARTS:,} parts; {machine()}")
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        for layout, fill in (("database", _fill_database), ("files", _fill_files)):
            home = Path(folder, layout)
            root = home / READER.stores[0]
            root.mkdir(parents=True)
            fill(root, sessions if layout == "database" else sessions // 10)
            for what, measured in (("looking for changes", _listed), ("reading every session", _read)):
                cpu_s, found = _cpu(lambda: measured(home))  # noqa: B023
                print(f"{f'{layout}: {what}':<44} {cpu_s:8.3f} s cpu  {found}")
        cpu_s, size = _cpu(lambda: len(Path(folder, "database", READER.stores[0], "opencode.db").read_bytes()))
        print(f"{'reference: reading the bytes once':<44} {cpu_s:8.3f} s cpu  {size / 1e6:,.0f} MB")


def _cpu(measured: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = measured()
    return time.process_time() - start, found


def _listed(home: Path) -> str:
    store = HomeStore(home, READER.stores[0])
    count = sum(1 for _ in READER.sessions(store))
    store.close()
    return f"{count:,} sessions"


def _read(home: Path) -> str:
    store = HomeStore(home, READER.stores[0])
    found = list(READER.sessions(store))
    size = sum(len(record.line) for session in found for record in READER.records(store, session))
    store.close()
    return f"{size / 1e6:,.0f} MB of lines"


def _story(sessions: int) -> Iterator[tuple[str, list[tuple[str, dict[str, Any], list[tuple[str, dict[str, Any]]]]]]]:
    """Yield sessions: their id and their messages, each with its id, itself and its parts by id."""
    chance = random.Random(1)
    for number in range(sessions):
        messages = []
        for place in range(MESSAGES):
            at = EPOCH_MS + number * 100_000 + place * 1_000
            info = {
                "role": "assistant" if place % 2 else "user", "time": {"created": at, "completed": at + 500},
                "modelID": "claude-sonnet-4-5", "cost": 0.1, "finish": "stop",
                "tokens": {"input": 100, "output": 20, "reasoning": 0, "cache": {"read": 40, "write": 7}},
            }  # fmt: skip
            id_ = f"msg_{number:06}_{place:03}"
            parts = [
                (f"prt_{number:06}_{place:03}_{each}", {"type": "text", "text": "x" * chance.choice(PART_CHARS)})
                for each in range(PARTS)
            ]
            messages.append((id_, info, parts))
        yield f"ses_{number:06}", messages


def _fill_database(root: Path, sessions: int) -> None:
    with sqlite3.connect(root / "opencode.db") as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.executescript(SCHEMA)
        for own, messages in _story(sessions):
            row = (own, "p1", None, "/code", "Story", "1.2.20", EPOCH_MS, EPOCH_MS)
            connection.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            for id_, info, parts in messages:
                at = info["time"]["created"]
                connection.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", (id_, own, at, at, json.dumps(info)))
                rows = [(part, id_, own, at, at, json.dumps(data)) for part, data in parts]
                connection.executemany("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.close()


def _fill_files(root: Path, sessions: int) -> None:
    def put(path: str, value: dict[str, Any]) -> None:
        target = root / "storage" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(value, indent=2), "utf-8")

    for own, messages in _story(sessions):
        put(f"session/p1/{own}.json", {"id": own, "directory": "/code", "time": {"created": EPOCH_MS}})
        for id_, info, parts in messages:
            put(f"message/{own}/{id_}.json", {"id": id_, "sessionID": own, **info})
            for part, data in parts:
                put(f"part/{id_}/{part}.json", {"id": part, "messageID": id_, "sessionID": own, **data})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
