"""Pi: where its transcripts live and how to tell them.

Source: files of format version 3 and older ones, described in docs/reference/formats-more.md.
"""

import re
from pathlib import PurePosixPath

import msgspec

from precedent.transcripts.contract import Identity
from precedent.transcripts.decode import HOSTILE, head_objects
from precedent.transcripts.folders import cwd_folders

from .parser import PiParser
from .wire import Wire

__all__ = ["READER", "PiReader"]


class PiReader:
    """See `transcripts.contract.Reader`."""

    agent = "pi"
    roots = (".pi/agent/sessions",)

    def accepts(self, path: PurePosixPath) -> bool:
        """Every `.jsonl` file."""
        return path.suffix == ".jsonl"

    def detect(self, head: bytes) -> bool:
        """Judge by the session's header: a type, an id, a time and a folder, which no other agent puts so."""
        return _header(head) is not None

    def identify(self, path: PurePosixPath, head: bytes) -> Identity:
        """Take the id from the header, else from the file's name; a branched session names its origin's file."""
        header = _header(head)
        if header is None:
            return Identity(native_id=_named(path.name))
        origin = header.branchedFrom or header.parentSession or ""
        return Identity(native_id=header.id or _named(path.name), parent_id=_named(origin))

    def folders(self, data: bytes) -> set[str]:
        """Return every `cwd` that stands in the data."""
        return cwd_folders(data)

    def parser(self, state: bytes = b"") -> PiParser:
        """Return a parser, fresh or continued."""
        return PiParser(state)


def _header(head: bytes) -> Wire | None:
    for raw in head_objects(head):
        try:
            wire = _PROBE.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
            continue
        if wire.type == "session" and wire.id and wire.timestamp and wire.cwd is not None:
            return wire
    return None


def _named(path: str) -> str:
    """Return the session's id in a file name like `<time>_<id>.jsonl`."""
    name = re.split(r"[/\\]", path)[-1].removesuffix(".jsonl")
    return name.rpartition("_")[2]


_PROBE = msgspec.json.Decoder(Wire)
READER = PiReader()
