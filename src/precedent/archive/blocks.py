"""Fingerprints of content by blocks, so that growth is told from change by reading one block."""

import hashlib
from collections.abc import Iterable

BLOCK_BYTES = 64 << 10
DIGEST_BYTES = 8


class Blocks:
    """Digests of content, block by block; the last block may be short.

    Args:
        digests: of the content so far, as `bytes(blocks)` gave them.
        length: of the content so far.
        tail: the content of the last, short block; empty when the length is a multiple of the block size.
    """

    def __init__(self, digests: bytes = b"", *, length: int = 0, tail: bytes = b"") -> None:
        whole = length // BLOCK_BYTES
        self._digests = bytearray(digests[: whole * DIGEST_BYTES])
        self._tail = bytearray(tail)
        self.length = length

    def add(self, data: bytes) -> None:
        """Append content."""
        self.length += len(data)
        view = memoryview(data)
        if self._tail:
            missing = BLOCK_BYTES - len(self._tail)
            self._tail += view[:missing]
            if len(self._tail) < BLOCK_BYTES:
                return
            self._digests += digest(self._tail)
            view = view[missing:]
        whole = len(view) // BLOCK_BYTES * BLOCK_BYTES
        for start in range(0, whole, BLOCK_BYTES):
            self._digests += digest(view[start : start + BLOCK_BYTES])
        self._tail = bytearray(view[whole:])

    def copy(self) -> "Blocks":
        """Return blocks of the same content, to be continued apart."""
        return Blocks(bytes(self._digests), length=self.length, tail=bytes(self._tail))

    def __bytes__(self) -> bytes:
        """Return the digests, that of a short last block included."""
        return bytes(self._digests) + (digest(self._tail) if self._tail else b"")

    def content_hash(self) -> str:
        """Return one fingerprint of the whole content, in hexadecimal."""
        return hashlib.blake2b(bytes(self), digest_size=16, salt=b"%d" % self.length).hexdigest()


def digest(data: bytes | bytearray | memoryview) -> bytes:
    """Return the digest of one block."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def digests_of(pieces: Iterable[bytes]) -> bytes:
    """Return the digests of content given in pieces."""
    blocks = Blocks()
    for piece in pieces:
        blocks.add(piece)
    return bytes(blocks)


def last_block_start(length: int) -> int:
    """Return where the last block of content of this length starts."""
    return max(0, length - 1) // BLOCK_BYTES * BLOCK_BYTES
