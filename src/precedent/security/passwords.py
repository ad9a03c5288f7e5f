"""Passwords: which are taken, and what is stored of them (argon2id).

Source: OWASP Password Storage Cheat Sheet (argon2id, 19 MiB, 2 passes, 1 lane) and OWASP ASVS 5.0, 6.2: at least 8
characters, no rules of composition, nothing cut off, the commonest refused.
"""

from functools import cached_property
from itertools import pairwise
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from precedent.errors import BadInput

from ._common_passwords import COMMON, WORDS

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_LENGTH, MAX_LENGTH = 8, 128
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
AT_A_TIME = 2
"""Hashes computed at a time: each holds its memory and a core."""


class Passwords:
    """Makes and checks hashes; slow on purpose, so never called on an event loop."""

    def __init__(self) -> None:
        self._turn = BoundedSemaphore(AT_A_TIME)

    @cached_property
    def _hasher(self) -> "PasswordHasher":
        # Only logins need it, not the commands.
        from argon2 import PasswordHasher  # noqa: PLC0415

        return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("the hash that is checked when there is no account")

    def hash(self, password: str) -> str:
        """Return what is stored of a password."""
        with self._turn:
            return self._hasher.hash(_bytes(password))

    def fits(self, password: str, stored: str) -> bool:
        """Tell whether a password is the stored one; takes as long when nothing is stored."""
        # Only logins need it, not the commands.
        from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

        with self._turn:
            try:
                return self._hasher.verify(stored or self._nobodys, _bytes(password)) and bool(stored)
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, stored: str) -> bool:
        """Tell whether it was stored with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)


def check(password: str, *, about: tuple[str, ...] = ()) -> None:
    """Refuse a password that is too short, too long or easily guessed.

    Args:
        password: as typed; any characters.
        about: what is known of the person, such as their key and address.

    Raises:
        BadInput: it is not taken; the message says why and never repeats it.
    """
    if len(password) < MIN_LENGTH:
        raise BadInput(f"a password has at least {MIN_LENGTH} characters; 15 or more are better")
    if len(password) > MAX_LENGTH:
        raise BadInput(f"a password has at most {MAX_LENGTH} characters")
    plain = password.casefold()
    if plain in COMMON or len(set(plain)) <= 2 or _is_walk(plain):
        raise BadInput("this password is one of the first that are guessed; take another")
    core = plain.strip("0123456789!?.,-_+*#$%&@ ")
    known = {part for each in about for part in (each.casefold(), each.casefold().partition("@")[0]) if part}
    if core in WORDS or core in known or plain in known:
        raise BadInput("this password is a common word, or says who you are, with little beside it; take another")


def _is_walk(plain: str) -> bool:
    """Tell whether it only counts up or down, or repeats a short piece."""
    steps = {ord(after) - ord(before) for before, after in pairwise(plain)}
    if len(steps) == 1:
        return True
    return any(plain == (plain[:size] * len(plain))[: len(plain)] for size in (2, 3))


def _bytes(password: str) -> bytes:
    # Half a surrogate pair may stand in JSON; it is as good as any other character.
    return password.encode("utf-8", "surrogatepass")
