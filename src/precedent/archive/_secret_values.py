"""Whether what a rule has matched is a secret, or a stand-in, a word, an identifier, a path or a piece of code.

Owns the judgement of one value; knows nothing of where it was found but the byte before it.
"""

import re
from collections.abc import Callable

from precedent.archive._secret_rules import Check

_PLACEHOLDER = re.compile(
    rb"x{4}|\*{3}|\.{3}|^\$[a-z_{(]|^%[a-z_]+%$|\$[{(]|\{\{|%s|<[a-z_ -]+>|example|change.?me|placeholder|your|dummy|"
    rb"sample|redacted|process\.env|os\.environ|getenv|todo|fixme|foobar|insert.?here|replace.?(?:me|with|this)"
)
_LOUD = re.compile(rb"x{6}|\*{3}|example|your[_-]|placeholder|redacted|changeme")
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PATH = re.compile(rb"(?:[.~]{0,2}|[A-Za-z]:)/[a-z_.-]+(?:/[\w.-]*)*$|[a-z][a-z+]{1,9}://")
# Code in quotes: a call, an index, a character class, a format field.
_CODE = re.compile(rb"\w\(.{0,99}\)|^[\[({^]|\[[\w\]^-]+\]|\{\w*\}|[a-z]=>|==|&&|\|\||[+*]\)|->|::")
# Words with at most a short number each, joined by anything that joins words in identifiers: `oauth2-client_secret.v2`.
_IDENTIFIER = re.compile(rb"[A-Za-z]*[0-9]{0,4}(?:[_./:,-]+(?:[A-Za-z]+[0-9]{0,4}|[0-9]{1,4}[a-z]?))*")
_CAMEL = re.compile(rb"(?:[a-z]+|[A-Z]{2,}|[A-Z])?(?:[A-Z]+[a-z]{2,}|[_./:,-]+[A-Za-z]*)*[A-Z]{0,4}")
# Without quotes and not in a .env line, prose and code are likely: one number inside a name makes no secret.
_WORDLIKE = re.compile(rb"[A-Za-z_./,-]*[0-9]{0,9}[A-Za-z_./,-]*")
_COMMON = re.compile(
    rb"pass|pwd|secret|token|key|test|demo|admin|user|default|value|name|type|hash|auth|login|version"
)
_DEFAULTS = frozenset(
    b"password passwd pass pwd secret token pw postgres root admin user test guest dev mysql redis minio docker "
    b"changeme pass123 password123 hidden local default example x y p rabbitmq mongo".split()
)


def _is_token(value: bytes, _lead: bytes) -> bool:
    """A value with a vendor's prefix: anything but an obvious stand-in."""
    return len(set(value)) >= 8 and not _LOUD.search(value.lower())


def _is_url_password(value: bytes, _lead: bytes) -> bool:
    """The password of a URL: no stand-in, no well-known default, no port."""
    lowered = value.lower()
    return (
        len(value) >= 3
        and len(set(value)) >= 3
        and lowered not in _DEFAULTS
        and not _PLACEHOLDER.search(lowered)
        and not (value.isdigit() and len(value) < 6)
    )


def _is_header(value: bytes, _lead: bytes) -> bool:
    """The credentials of an Authorization header: encoded bytes, not words."""
    kinds = set(value.translate(_KINDS))
    if len(kinds) < 2 or len(set(value)) < 6 or not (_DIGIT in kinds or len(value) % 4 == 0):
        return False
    return not _IDENTIFIER.fullmatch(value) and not _PLACEHOLDER.search(value.lower())


def _is_aws_secret(value: bytes, _lead: bytes) -> bool:
    """40 base64 characters beside the name of an AWS secret key."""
    return len(set(value.translate(_KINDS))) >= 3 and not _LOUD.search(value.lower())


def _is_assigned(value: bytes, lead: bytes) -> bool:
    """A value behind a telling name: varied enough to be no word, identifier, path, stand-in or piece of code."""
    shape = value.translate(_KINDS)
    digits = shape.count(b"d")
    if len(value) > 4096 or (not digits and len(value) < 12 and len(set(shape)) < 3):
        return False
    if len(set(value)) < 6 or (lead in b" :" and _WORDLIKE.fullmatch(value)):
        return False
    if _IDENTIFIER.fullmatch(value) or _CAMEL.fullmatch(value):
        if digits < 2 or not value.isalnum() or _COMMON.search(value.lower()):
            return False
    elif len(set(shape)) < 2:
        return False
    lowered = value.lower()
    return not (_UUID.fullmatch(lowered) or _PATH.match(value) or _CODE.search(value) or _PLACEHOLDER.search(lowered))


def _kind(byte: int) -> bytes:
    char = bytes([byte])
    return b"d" if char.isdigit() else b"u" if char.isupper() else b"l" if char.islower() else b"s"


# A value's shape: a letter for each byte, digit, upper, lower or sign.
_KINDS = b"".join(map(_kind, range(256)))
_DIGIT = ord("d")

CHECKS: dict[Check, Callable[[bytes, bytes], bool]] = {
    "none": lambda _value, _lead: True,
    "token": _is_token,
    "url": _is_url_password,
    "header": _is_header,
    "aws": _is_aws_secret,
    "jwt": lambda value, _lead: b"eyJ" in value.partition(b".")[0],
    "assigned": _is_assigned,
}
