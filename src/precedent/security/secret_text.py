"""Random text that opens something: tokens, sessions, links. Only its digest is ever stored."""

import hashlib
import secrets
import string
import zlib

PREFIX = "prec_"
"""Begins every token, so that scanners for secrets know one."""

RANDOM_BYTES = 32
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY, _CHECK = 43, 6  # digits to the base of 62 that 256 and 32 bits take
LENGTH = len(PREFIX) + _BODY + _CHECK


def fresh() -> str:
    """Return 256 random bits as 43 letters and digits."""
    return _text(int.from_bytes(secrets.token_bytes(RANDOM_BYTES)), _BODY)


def fresh_token() -> str:
    """Return a new token: the prefix, 256 random bits and the CRC32 of both, 54 characters."""
    body = PREFIX + fresh()
    return body + _check(body)


def is_token(text: str) -> bool:
    """Tell whether text is a token as `fresh_token` makes them, without a look into the database.

    The checksum is no protection: it tells a token that was cut or mistyped, and a scanner what is none.
    """
    if len(text) != LENGTH or not text.startswith(PREFIX) or not text.isascii():
        return False
    return text[-_CHECK:] == _check(text[:-_CHECK])


def digest(text: str) -> str:
    """Return what is stored in place of a secret of 256 random bits: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check(body: str) -> str:
    return _text(zlib.crc32(body.encode()), _CHECK)


def _text(number: int, digits: int) -> str:
    found = []
    for _ in range(digits):
        number, digit = divmod(number, len(_DIGITS))
        found.append(_DIGITS[digit])
    return "".join(reversed(found))
