"""OpenCode's own store: a database, and the tree of small files that versions before it wrote.

An upgrade copies the files into the database and leaves them there, so the databases are looked into first. Of them,
the three tables that hold what was said are read; those with accounts, credentials and shares are not.

Source: the agent's published database schema and store of 2025, described in docs/reference/formats-more.md.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from precedent.errors import BadInput
from precedent.transcripts.contract import AgentStore, Identity, Record, StoredSession, StoreFile, Value
from precedent.transcripts.decode import HOSTILE

from .records import Stored, header, messages

TABLES = frozenset({"session", "message", "part"})
FILES = "storage/session"
_DATABASE = re.compile(r"opencode(?:-[\w.-]+)?\.db")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MILLISECOND = 1000
_MAX_AT = 1 << 62

# Rows are told apart by their number and the times of their last change: the highest, and all of them together, for a
# clock may be set back. The remainder keeps the sum within an integer.
_ROWS = """SELECT session_id, count(*) AS rows, max(time_updated) AS last, sum(time_updated % 1000003) AS times
           FROM {} NOT INDEXED GROUP BY session_id"""
_SESSIONS = f"""
SELECT session.id, session.parent_id, session.directory, session.time_updated,
       coalesce(m.rows, 0), coalesce(m.last, 0), coalesce(m.times, 0),
       coalesce(p.rows, 0), coalesce(p.last, 0), coalesce(p.times, 0)
FROM session
LEFT JOIN ({_ROWS.format("message")}) AS m ON m.session_id = session.id
LEFT JOIN ({_ROWS.format("part")}) AS p ON p.session_id = session.id
ORDER BY session.time_created, session.id"""
_SESSION = "SELECT project_id, directory, parent_id, title, version, time_created FROM session WHERE id = ?"
_MESSAGES = "SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id"
_PARTS = "SELECT id, data FROM part WHERE message_id = ? ORDER BY id"


def sessions(store: AgentStore) -> Iterator[StoredSession]:
    """Yield the sessions of all databases, then those that only the files have."""
    seen = set()
    for file in store.files(""):
        if _DATABASE.fullmatch(file.name):
            for row in store.query(file.name, _SESSIONS, tables=TABLES):
                session = _told(file.name, row)
                if _is_plain(session.identity) and (own := _own(session.identity)) not in seen:
                    seen.add(own)
                    yield session
    for project in store.folders(FILES):
        for file in store.files(f"{FILES}/{project}"):
            own = file.name.removesuffix(".json")
            if own == file.name or own in seen:
                continue
            seen.add(own)
            session = _filed(store, project, own, file.fingerprint, file.modified_at)
            if _is_plain(session.identity):
                yield session


def records(store: AgentStore, session: StoredSession) -> Iterator[Record]:
    """Yield a session's records from where it was found."""
    own = _own(session.identity)
    if session.place.endswith(".db"):
        yield from _from_database(store, session.place, own)
    else:
        yield from _from_files(store, session.place, own)


def _is_plain(identity: Identity) -> bool:
    """Tell whether ids are such as the agent gives; others would be forged, and no name or catalogue takes all."""
    own = identity.agent_id if identity.parent_id else identity.native_id
    return all(_ID.fullmatch(each) for each in (identity.native_id, own))


def _own(identity: Identity) -> str:
    return identity.agent_id or identity.native_id


def identity_of(own: str, parent: object) -> Identity:
    """Return what a session is; one with a parent is a sub-agent's."""
    if isinstance(parent, str) and parent:
        return Identity(native_id=parent, agent_id=own, parent_id=parent)
    return Identity(native_id=own)


# Database -------------------------------------------------------------------------------------------------------------


def _told(database: str, row: tuple[Value, ...]) -> StoredSession:
    own, parent, folder, *changes = row
    last = max((each for each in (changes[0], changes[2], changes[5]) if isinstance(each, int)), default=0)
    return StoredSession(
        identity=identity_of(_text(own), _text(parent)),
        fingerprint=_digest(map(repr, (database, *row))),
        modified_at=min(max(last, 0) * _MILLISECOND, _MAX_AT),
        folder=_text(folder),
        place=database,
    )


def _from_database(store: AgentStore, database: str, own: str) -> Iterator[Record]:
    for project, folder, parent, title, version, created in store.query(database, _SESSION, (own,), tables=TABLES):
        info = {"projectID": _text(project), "directory": _text(folder), "parentID": _text(parent)}
        info |= {"title": _text(title), "version": _text(version)}
        yield Record(header({"id": own, **info, "time": {"created": created if isinstance(created, int) else None}}))
        found = store.query(database, _MESSAGES, (own,), tables=TABLES)
        yield from messages(own, ((each, _parts(store, database, each.id)) for each in _rows(found)))


def _parts(store: AgentStore, database: str, message: str) -> Iterator[Stored]:
    yield from _rows(store.query(database, _PARTS, (message,), tables=TABLES))


def _rows(found: Iterable[tuple[Value, ...]]) -> Iterator[Stored]:
    for id_, data in found:
        yield Stored(_text(id_), data if isinstance(data, bytes) else b"")


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


# Files ----------------------------------------------------------------------------------------------------------------


def _filed(store: AgentStore, project: str, own: str, fingerprint: str, modified_at: int) -> StoredSession:
    """Every file of a session is looked at, none but the session's own is read."""
    try:
        info = _object(store.read(f"{FILES}/{project}/{own}.json"))
    except (OSError, BadInput):
        info = {}  # it costs this session only: reading it will say why
    marks = [fingerprint]
    for message in _json_files(store, f"storage/message/{own}"):
        marks += [message.name, message.fingerprint]
        modified_at = max(modified_at, message.modified_at)
        for part in _json_files(store, f"storage/part/{message.name.removesuffix('.json')}"):
            marks += [part.name, part.fingerprint]
            modified_at = max(modified_at, part.modified_at)
    return StoredSession(
        identity=identity_of(own, info.get("parentID")),
        fingerprint=_digest(marks),
        modified_at=modified_at,
        folder=info["directory"] if isinstance(info.get("directory"), str) else "",
        place=project,
    )


def _from_files(store: AgentStore, project: str, own: str) -> Iterator[Record]:
    info = _object(store.read(f"{FILES}/{project}/{own}.json"))
    time = info.get("time")
    kept = {name: info.get(name) for name in ("directory", "parentID", "title", "version")}
    created = time.get("created") if isinstance(time, dict) else None
    # A project's folder may be newer than what the file says.
    yield Record(header({"id": own, "projectID": project, **kept, "time": {"created": created}}))
    yield from messages(own, ((each, _parts_in_files(store, each.id)) for each in _messages_in_files(store, own)))


def _messages_in_files(store: AgentStore, own: str) -> list[Stored]:
    folder = f"storage/message/{own}"
    found = [
        Stored(file.name.removesuffix(".json"), store.read(f"{folder}/{file.name}"))
        for file in _json_files(store, folder)
    ]
    return sorted(found, key=lambda each: (_created(each.data), each.id))


def _parts_in_files(store: AgentStore, message: str) -> Iterator[Stored]:
    folder = f"storage/part/{message}"
    for file in _json_files(store, folder):
        yield Stored(file.name.removesuffix(".json"), store.read(f"{folder}/{file.name}"))


def _json_files(store: AgentStore, folder: str) -> list[StoreFile]:
    return [file for file in store.files(folder) if file.name.endswith(".json")]


def _created(data: bytes) -> float:
    time = _object(data).get("time")
    created = time.get("created") if isinstance(time, dict) else None
    return created if isinstance(created, int | float) else 0


def _object(data: bytes) -> dict[str, Any]:
    try:
        return _OBJECT.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return {}


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


_OBJECT = msgspec.json.Decoder(dict[str, Any])
