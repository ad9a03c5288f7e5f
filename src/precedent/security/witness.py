r"""A witness of the audit log outside the database: a file in the data folder that notes ids and hashes of rows.

Whoever may write to the database but not to this file can change nothing of what the witness saw without being found.
The file has one line for each day, `<id> <hash> <UTC microseconds>`, the newest of that day; it is written whole.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from precedent.clock import SECOND
from precedent.errors import BadInput

from .audit import Head

FILE = "audit.witness"
DAY_US = 86_400 * SECOND
MAX_BYTES = 16 << 20


class Seen(NamedTuple):
    """One line.

    Attributes:
        at: when it was noted, UTC microseconds.
    """

    rows: int
    hash: str
    at: int


class Witness:
    """The file of a data folder.

    Args:
        folder: the data folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def seen(self) -> list[Seen]:
        """Return what was noted, oldest first; empty when nothing was.

        Raises:
            BadInput: the file is damaged.
        """
        try:
            if self.path.stat().st_size > MAX_BYTES:
                raise BadInput(f"{self.path} is too large to be the witness of the audit log")
            lines = self.path.read_text("ascii").splitlines()
        except FileNotFoundError:
            return []
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.path} is damaged") from error
        found = []
        for number, line in enumerate(lines, 1):
            try:
                rows, digest, at = line.split(" ")
                found.append(Seen(int(rows), digest, int(at)))
            except ValueError as error:
                raise BadInput(f"{self.path}, line {number}: it is damaged") from error
        return found

    def hashes(self) -> dict[int, str]:
        """Return the hash of each row that was noted, by id; raises what `seen` raises."""
        return {each.rows: each.hash for each in self.seen()}

    def note(self, head: Head, *, now: int) -> bool:
        """Note the end of the log; false when it is not beyond what was noted before.

        A log that ends earlier than what was noted changes nothing: the witness keeps what it saw.

        Raises:
            BadInput: the file is damaged.
            OSError: it cannot be written.
        """
        with self._alone():
            known = self.seen()
            if known and head.rows <= known[-1].rows:
                return False
            if known and known[-1].at // DAY_US == now // DAY_US:
                known.pop()
            known.append(Seen(head.rows, head.hash, now))
            text = "".join(f"{each.rows} {each.hash} {each.at}\n" for each in known)
            self._replace(text.encode("ascii"))
            return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from the file: one that is late must not take back what a faster one noted."""
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _replace(self, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(prefix=FILE, dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
