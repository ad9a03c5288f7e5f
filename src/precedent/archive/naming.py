"""Names of transcripts: `<user key>/<native id>[.<agent id>].jsonl`."""

import hashlib

from precedent.transcripts.contract import Identity

GENERATION_BYTES = 12
"""Room that a name leaves for the generation in its object's key."""


def session_file(user_key: str, identity: Identity, *, max_bytes: int, apart: str = "") -> str:
    """Return a transcript's name.

    Args:
        user_key: of its person.
        identity: which transcript it is.
        max_bytes: longest last part, the generation of the object's key included.
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


def object_key(name: str, *, generation: int) -> str:
    """Return where the archive keeps a generation of a transcript."""
    return name if not generation else f"{name.removesuffix('.jsonl')}~g{generation}.jsonl"


def _plain(text: str) -> str:
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "-_") else "_" for each in text)
    # Two names that differ only in what is not plain must not become one.
    return kept if kept == text and kept else f"{kept[:100]}~{_short(text)}"


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
