"""Archive and catalogue of the kit: what a collection leaves behind, without homes to collect from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from precedent.archive import catalogue, people
from precedent.archive.blocks import Blocks
from precedent.archive.catalogue import Change, Listener
from precedent.archive.folder import FolderArchive
from precedent.archive.naming import object_key, storable
from precedent.archive.redact import redact
from precedent.errors import NotFound
from precedent.pipeline.contract import TranscriptRef
from precedent.store import Store
from precedent.store.schema import transcript
from precedent.transcripts.contract import Identity, Reader
from precedent.transcripts.reading import is_object

Row = dict[str, Any]


class Shelf:
    """Holds transcripts as the archive does: scrubbed, appended to or replaced, one catalogue row each.

    Args:
        store: the database.
        folder: for the archived files.
        listener: told of every change in its transaction.
        now: UTC microseconds.
    """

    def __init__(self, store: Store, folder: Path, *, listener: Listener, now: Callable[[], int]) -> None:
        self._store, self._listener, self._now = store, listener, now
        self.archive = FolderArchive(folder)
        self._sources: dict[str, bytes] = {}

    def source(self, file: str) -> bytes:
        """Return the content that was shelved.

        Raises:
            NotFound: there is no such transcript.
        """
        if file not in self._sources:
            raise NotFound(f"no transcript {file!r}; there are: {', '.join(self._sources) or 'none'}")
        return self._sources[file]

    def shelve(
        self, file: str, data: bytes, *, reader: Reader, identity: Identity | None = None, person: str = ""
    ) -> None:
        """Take a source's whole lines: what is new of them is appended, changed content is a new generation.

        Args:
            file: the transcript.
            data: of the source, as it is now.
            reader: of the agent that wrote it.
            identity: of a new transcript.
            person: whom a new transcript belongs to.
        """
        data, before = whole_lines(data), self._sources.get(file)
        if data == before or not data:
            return
        with self._store.read() as tx:
            entry = catalogue.entry(tx, file)
        generation = start = length = 0
        if entry is not None and before is not None:
            if data.startswith(before):
                generation, start, length = entry.generation, len(before), entry.length
            else:
                generation = entry.generation + 1
        clean, counts = redact(data[start:])
        key = object_key(file, generation=generation)
        length = self.archive.append(key, at=length, data=[clean])
        blocks = Blocks()
        blocks.add(self.archive.read(key, start=0, end=length))
        values: Row = {
            "source_path": f"/homes/{file}", "source_offset": len(data), "source_blocks": b"",
            "object_key": key, "length": length, "generation": generation, "content_hash": blocks.content_hash(),
            "archive_blocks": bytes(blocks), "observed_at": self._now(),
            "redactions": sum(counts.values()) + (0 if entry is None else transcript.c.redactions),
            "folders": storable("\n".join(sorted(reader.folders(clean)))),
        }  # fmt: skip
        with self._store.write() as tx:
            if entry is None and identity is not None:
                values |= {
                    "session_file": file,
                    "user_id": people.ensure(tx, person, now=self._now()),
                    "agent": reader.agent,
                    "agent_type": "",
                    "native_id": storable(identity.native_id),
                    "agent_id": storable(identity.agent_id),
                    "parent_id": storable(identity.parent_id),
                }
            catalogue.commit(tx, [Change(file, entry, values, "")], listener=self._listener, now=self._now())
        self._sources[file] = data

    def remove(self, *files: str) -> None:
        """Remove transcripts; the listener is told before they are gone."""
        with self._store.write() as tx:
            ids = list(tx.scalars(sa.select(transcript.c.id).where(transcript.c.session_file.in_(files))))
            keys = catalogue.remove(tx, ids, listener=self._listener)
        for key in keys:
            self.archive.delete(key)
        for file in files:
            self._sources.pop(file, None)

    def ref(self, file: str) -> tuple[TranscriptRef, str]:
        """Return the catalogue's facts of a transcript and the key of its object.

        Raises:
            NotFound: there is no such transcript.
        """
        self.source(file)
        names = [name for name in TranscriptRef.__struct_fields__ if name != "username"]
        with self._store.read() as tx:
            row = tx.execute(sa.select(transcript).where(transcript.c.session_file == file)).one()._mapping
        person = file.partition("/")[0]
        return TranscriptRef(username=person, **{name: row[name] for name in names}), str(row["object_key"])


def whole_lines(data: bytes) -> bytes:
    """Return the content up to the last whole line; a last line without a newline counts when it is one object."""
    cut = data.rfind(b"\n") + 1
    return data if is_object(data[cut:]) else data[:cut]
