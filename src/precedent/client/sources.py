"""Finds what a person's agents have written, and decides what of it may be sent at all."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from precedent.archive.naming import storable
from precedent.archive.privacy import Privacy, folder_beside
from precedent.archive.sources import Candidate, Failed, Refused, fingerprint, walk
from precedent.archive.stores import Stored, agent_type_of, stored
from precedent.archive.unpacking import unpack_file
from precedent.errors import BadInput
from precedent.transcripts.contract import Reader, StoreReader

from .memory import Pushed
from .remote import Remote
from .sending import Source, named_folders

HEAD_BYTES = 256 << 10


class Kept(NamedTuple):
    """A source that its person keeps private; what was sent of it before is to be withdrawn.

    Attributes:
        transcript: as a server addresses it.
    """

    transcript: Remote


class Finder:
    """Looks through one home.

    Args:
        home: the person's home.
        readers: by agent.
    """

    def __init__(self, home: Path, *, readers: Mapping[str, Reader]) -> None:
        self._home, self._readers = home, readers
        self._owner = home.stat().st_uid
        self._privacy = Privacy(home)

    def is_private(self, pushed: Pushed) -> bool:
        """Tell whether a source that was sent is private now."""
        return self._privacy.covers_session(pushed.native_id, pushed.agent_id) or any(
            self._privacy.covers_folder(folder) for folder in pushed.folders.split("\n") if folder
        )

    def all(
        self, *, fingerprint_of: Callable[[str], str]
    ) -> Iterator[tuple[Candidate | Stored | Refused | Failed, Reader]]:
        """Yield every source of every agent; each is usable until the next one is asked for.

        Args:
            fingerprint_of: returns the remembered fingerprint of a path; empty for an unknown one.
        """
        for reader in self._readers.values():
            for root in reader.roots:
                for found in walk(self._home, root):
                    if not isinstance(found, Candidate) or _is_source(found, reader):
                        yield found, reader
            if isinstance(reader, StoreReader):
                for each in stored(self._home, reader, known=fingerprint_of):
                    yield each, reader

    @contextmanager
    def one(self, path: Path, agent: str) -> Iterator[tuple[Candidate, Reader]]:
        """Give one file by its path, whether it is below an agent's folders or not.

        Raises:
            BadInput: there is no such file or agent.
        """
        if agent not in self._readers:
            raise BadInput(f"no agent {agent!r}; there are: {', '.join(sorted(self._readers))}")
        reader = self._readers[agent]
        path = Path(os.path.abspath(path))
        try:
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise BadInput(f"{path} cannot be opened: {error.strerror}") from error
        try:
            status = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
            yield self._candidate(path, reader, fingerprint(status), status.st_mtime_ns // 1000, folder), reader
        except FileNotFoundError as error:
            raise BadInput(f"there is no file {path}") from error
        finally:
            os.close(folder)

    def _candidate(self, path: Path, reader: Reader, mark: str, modified_at: int, folder: int) -> Candidate:
        relative = PurePosixPath(path.name)
        for root in reader.roots:
            if path.is_relative_to(self._home / root):
                relative = PurePosixPath(path.relative_to(self._home / root).as_posix())
        return Candidate(storable(str(path)), relative, mark, modified_at, folder)

    @contextmanager
    def opened(
        self, found: Candidate | Stored, reader: Reader, *, before: Pushed | None
    ) -> Iterator[Source | Kept | None]:
        """Open a source and decide what it is; None when it is no transcript, or not yet one line.

        Raises:
            BadInput: it is not safe to read, or damaged.
            OSError: it cannot be read.
        """
        if isinstance(found, Stored):
            told = found.session.identity
            ids = (told.native_id, told.agent_id, told.parent_id)
            folder = found.session.folder
            if self._privacy.covers_session(*ids) or (folder and self._privacy.covers_folder(folder)):
                yield Kept(Remote(reader.agent, storable(told.native_id), storable(told.agent_id)))
                return
        descriptor = found.open(owner=self._owner)
        if isinstance(found, Candidate) and found.form:
            descriptor = unpack_file(descriptor, form=found.form)
        try:
            yield self._decided(found, reader, descriptor, before)
        finally:
            os.close(descriptor)

    def _decided(
        self, found: Candidate | Stored, reader: Reader, descriptor: int, before: Pushed | None
    ) -> Source | Kept | None:
        head = os.pread(descriptor, HEAD_BYTES, 0)
        if not head.strip():
            return None
        if not reader.detect(head):
            others = [each for each in self._readers.values() if each.detect(head)]
            if not others:
                return None
            reader = others[0]
        identity = reader.identify(found.plain, head)
        transcript = Remote(
            agent=reader.agent,
            native_id=storable(identity.native_id),
            agent_id=storable(identity.agent_id),
            parent_id=storable(identity.parent_id),
            agent_type=agent_type_of(found, owner=self._owner) if identity.agent_id else "",
        )
        folders = named_folders(descriptor, reader, before)
        if isinstance(found, Candidate) and Path(found.path).is_relative_to(self._home):
            folders |= folder_beside(self._home, reader, path=found.path, relative=found.relative)
        if self._privacy.covers_session(transcript.native_id, transcript.agent_id, transcript.parent_id) or any(
            self._privacy.covers_folder(folder) for folder in folders
        ):
            return Kept(transcript)
        # The fingerprint of a stored session tells only now whether something of it was held back.
        return Source(found.path, found.fingerprint, descriptor, reader, transcript, frozenset(map(storable, folders)))


def _is_source(found: Candidate, reader: Reader) -> bool:
    """Tell whether a file is a transcript by its place; of one that stands there compressed as well, the plain."""
    return reader.accepts(found.plain) and not (found.form and found.has_sibling(found.plain.name))
