"""Compares archived content with hashes that other programs made of it."""

import hashlib
from pathlib import Path

from .stream import PartOfFile

CHUNK_BYTES = 1 << 20
MIN_DIGITS = 16
"""A shorter hash says too little to leave a transcript out."""

_ALGORITHMS = ("md5", "sha1", "sha256", "sha512", "blake2b")


def is_hash_of(path: Path, claimed: str, *, length: int) -> bool:
    """Tell whether a hash is that of a file's first bytes, or the beginning of it.

    Args:
        path: the file.
        claimed: MD5, SHA-1, SHA-256, SHA-512 or BLAKE2b in hexadecimal, at least its first 16 digits.
        length: bytes of the content.

    Raises:
        OSError: the file cannot be read.
    """
    claimed = claimed.strip().lower().rpartition(":")[2]  # `sha256:…` is how some write it
    if len(claimed) < MIN_DIGITS:
        return False
    hashes = [hashlib.new(name, usedforsecurity=False) for name in _ALGORITHMS]
    wanted = [each for each in hashes if each.digest_size * 2 >= len(claimed)]
    stream = PartOfFile(path, start=0, end=length)
    while data := stream.read(CHUNK_BYTES):
        for each in wanted:
            each.update(data)
    return any(each.hexdigest().startswith(claimed) for each in wanted)
