"""OpenCode's own store, filled with sessions in the shape of its export: the database, and the older small files."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from more_builders import EPOCH_MS

DATA = ".local/share/opencode"
SECRET = "refresh-token-that-nobody-may-read"
SCHEMA = """
CREATE TABLE project (id TEXT PRIMARY KEY, worktree TEXT NOT NULL);
CREATE TABLE session (
    id TEXT PRIMARY KEY, project_id TEXT NOT NULL, parent_id TEXT, slug TEXT NOT NULL, directory TEXT NOT NULL,
    title TEXT NOT NULL, version TEXT NOT NULL, share_url TEXT, summary_diffs TEXT, revert TEXT, permission TEXT,
    time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL, time_compacting INTEGER, time_archived INTEGER
);
CREATE TABLE message (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE TABLE part (
    id TEXT PRIMARY KEY, message_id TEXT NOT NULL, session_id TEXT NOT NULL, time_created INTEGER NOT NULL,
    time_updated INTEGER NOT NULL, data TEXT NOT NULL
);
CREATE TABLE account (id TEXT PRIMARY KEY, refresh_token TEXT NOT NULL);
CREATE TABLE credential (id TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE session_share (session_id TEXT PRIMARY KEY, secret TEXT NOT NULL);
CREATE INDEX message_session_time_created_id_idx ON message (session_id, time_created, id);
CREATE INDEX part_message_id_id_idx ON part (message_id, id);
CREATE INDEX part_session_idx ON part (session_id);
"""


def parts_of(message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return a message's parts with their ids."""
    return [(f"prt_{message['info']['id']}_{number:03}", part) for number, part in enumerate(message["parts"])]


class Database:
    """The agent's database, open for writing as the agent has it while it runs.

    Args:
        home: a person's home.
        name: of the file.
        journal: how the database keeps its changes.
    """

    def __init__(self, home: Path, *, name: str = "opencode.db", journal: str = "wal") -> None:
        self.path = home / DATA / name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._ticks = 0
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute(f"PRAGMA journal_mode = {journal}")
        self.connection.executescript(SCHEMA)
        for table in ("account", "credential", "session_share"):
            self.connection.execute(f"INSERT INTO {table} VALUES (?, ?)", ("a1", SECRET))

    def put(self, session: dict[str, Any]) -> None:
        """Write a session as it is now; what is there already is changed, nothing is taken away."""
        info = session["info"]
        times = info["time"]
        self._upsert(
            "session",
            {
                "id": info["id"], "project_id": info["projectID"], "parent_id": info.get("parentID"),
                "slug": info["slug"], "directory": info["directory"], "title": info["title"],
                "version": info["version"], "time_created": times["created"], "time_updated": self._now(),
            },
        )  # fmt: skip
        for message in session["messages"]:
            own = {name: value for name, value in message["info"].items() if name not in {"id", "sessionID"}}
            id_, created = message["info"]["id"], message["info"]["time"]["created"]
            row = {"id": id_, "session_id": info["id"], "time_created": created, "time_updated": self._now()}
            self._upsert("message", row | {"data": json.dumps(own, separators=(",", ":"))})
            for part_id, part in parts_of(message):
                ids = {"id": part_id, "message_id": id_, "session_id": info["id"], "time_created": created}
                self._upsert(
                    "part", ids | {"time_updated": self._now(), "data": json.dumps(part, separators=(",", ":"))}
                )

    def execute(self, statement: str, *values: object) -> None:
        """Change something by hand."""
        self.connection.execute(statement, values)

    def close(self) -> None:
        """Quit the agent: the log goes into the database, and it and its index are removed."""
        self.connection.close()

    def _now(self) -> int:
        self._ticks += 1
        return EPOCH_MS + self._ticks

    def _upsert(self, table: str, row: dict[str, Any]) -> None:
        """A row that stays as it was keeps its time, as the agent's do."""
        found = self.connection.execute(f"SELECT * FROM {table} WHERE id = ?", (row["id"],))
        names = [column[0] for column in found.description]
        old = dict(zip(names, found.fetchone() or [], strict=False))
        if all(old.get(name) == value for name, value in row.items() if name != "time_updated"):
            return
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        changes = ", ".join(f"{name} = excluded.{name}" for name in row if name != "id")
        self.connection.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}",
            tuple(row.values()),
        )


def put_files(home: Path, session: dict[str, Any]) -> Path:
    """Write a session as the versions before the database did; return the session's own file."""
    storage, info = home / DATA / "storage", session["info"]
    own = _json(storage / "session" / info["projectID"] / f"{info['id']}.json", info)
    for message in session["messages"]:
        id_ = message["info"]["id"]
        _json(storage / "message" / info["id"] / f"{id_}.json", message["info"])
        for part_id, part in parts_of(message):
            whole = {"id": part_id, "sessionID": info["id"], "messageID": id_, **part}
            _json(storage / "part" / id_ / f"{part_id}.json", whole)
    return own


def _json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2), "utf-8")
    return path
