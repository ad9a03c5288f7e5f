"""Names of transcripts: `<user key>/<native id>[.<agent id>].jsonl`.

Ids and names come from files and calls that nobody vouches for. Whatever they hold, a name made here has two plain
parts, and two that differ stay different also where a file system tells no case apart.
"""

import hashlib
import re

from precedent.transcripts.contract import Identity

GENERATION_BYTES = 30
"""Room that a name leaves for what its object's key adds: the generation, and what tells its case apart."""

UPLOADED = "upload:"
"""Begins the source path of an uploaded transcript; its device follows."""

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""Names of devices on some file systems, whatever their ending."""


def session_file(user_key: str, identity: Identity, *, max_bytes: int, apart: str = "") -> str:
    """Return a transcript's name.

    Args:
        user_key: of its person, as `user_key` makes it.
        identity: which transcript it is; its ids may be any text.
        max_bytes: longest last part, what the object's key adds included.
        apart: distinguishes a transcript of the same ids; any text.
    """
    name = _plain(identity.native_id)
    if identity.agent_id:
        name += f".{_plain(identity.agent_id)}"
    suffix = f"~{_short(apart)}.jsonl" if apart else ".jsonl"
    max_bytes -= GENERATION_BYTES
    if len(name) + len(suffix) > max_bytes:
        name = f"{name[: max_bytes - len(suffix) - 17]}~{_short(name)}"
    return f"{user_key}/{name}{suffix}"


def storable(text: str) -> str:
    """Return text that every database takes: PostgreSQL takes no NUL, and a file's name need not be text at all."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def user_key(name: str, *, max_bytes: int) -> str:
    """Return a person's name as it may stand in an archive key: plain ASCII, never empty; any text will do."""
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "-_.@+") else "_" for each in name)
    kept = kept.lstrip(".").rstrip(".")
    if not name:
        return "unknown"
    # Two people whose names differ only in what is not plain must not become one.
    plain = kept == name and len(kept) <= max_bytes and not _RESERVED.fullmatch(kept)
    return kept if plain else f"{kept[: max_bytes - 17]}~{_short(name)}".lstrip("~")


def object_key(name: str, *, generation: int) -> str:
    """Return where the archive keeps a generation of a transcript."""
    stem = name.removesuffix(".jsonl")
    owner, _, last = stem.rpartition("/")
    if _RESERVED.fullmatch(last):
        stem = f"{owner}/_{last}~{_short(name)}"
    elif name != name.lower():
        stem += f"~{_short(name)}"
    return f"{stem}~g{generation}.jsonl" if generation else f"{stem}.jsonl"


def _plain(text: str) -> str:
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "-_") else "_" for each in text)
    # Two names that differ only in what is not plain must not become one.
    return kept if kept == text and kept else f"{kept[:100]}~{_short(text)}"


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
