"""Whether what a rule has matched is a secret, or a stand-in, a word, an identifier, a path or a piece of code.

Owns the judgement of one value; knows nothing of where it was found but the byte before it.
"""

import base64
import binascii
import re
from collections.abc import Callable

from precedent.archive._secret_rules import Check

# Looked for one by one with `in`: an alternation of them takes ten times as long.
_STAND_INS = (
    *(
        b"xxxx",
        b"***",
        b"...",
        b"${",
        b"$(",
        b"{{",
        b"example",
        b"placeholder",
        b"your",
        b"dummy",
        b"sample",
        b"redacted",
    ),
    *(b"changeme", b"change-me", b"change_me", b"process.env", b"os.environ", b"getenv", b"todo", b"fixme", b"foobar"),
    *(b"insert-here", b"insert_here", b"replace-me", b"replace_me", b"replaceme", b"replace-with", b"replace_with"),
)
_REFERENCE = re.compile(rb"\$[a-z_{(]|%[a-z_]+%$|<[a-z_ -]+>")
_LOUD = re.compile(rb"x{6}|\*{3}|example|your[_-]|placeholder|redacted|changeme")
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PATH = re.compile(rb"(?:[.~]{0,2}|[A-Za-z]:)/[a-z_.-]+(?:/[\w.-]*)*$|[a-z][a-z+]{1,9}://")
# Code in quotes: a call, an index, a character class, a format field.
_OPERATORS = (b"==", b"&&", b"||", b"=>", b"->", b"::", b"*)", b"+)")
_BRACKET = re.compile(rb"[(\[{%^]")
_CODE = re.compile(rb"\w\(.{0,99}\)|^[\[({]|^\^.*\$$|%[sd](?![A-Za-z0-9])|\[[\w\]^-]+\]|\{\w*\}")
# A name as in code: all one case or humps of at least two lower-case letters, which a random string has by chance only.
_HUMPS = rb"(?:[A-Z]++(?![a-z])|[a-z]*+(?:[A-Z]++[a-z]{2,}+)*+[A-Z]{0,4}+)"
_NAME = re.compile(rb"%b(?:[0-9]{1,4}+%b)?" % (_HUMPS, _HUMPS))
_WORD = rb"(?:[0-9]{1,4}+[a-z]?|%b[0-9]{0,4}+)" % _HUMPS
_NAMES = re.compile(rb"%b(?:[_./:,-]++%b)++" % (_WORD, _WORD))
_COMMON = re.compile(
    rb"pass|pwd|secret|token|key|test|demo|admin|user|default|value|name|type|hash|auth|login|version|"
    rb"sha|aes|rsa|hmac|utf|base|http|client|server|string|field|param|arg|env|config|option|result|data|index|item"
)
_DEFAULTS = frozenset(
    b"password passwd pass pwd secret token pw postgres root admin user test guest dev mysql redis minio docker "
    b"changeme pass123 password123 hidden local default example x y p rabbitmq mongo tiger".split()
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
        and not _is_stand_in(lowered)
        and not (value.isdigit() and len(value) < 6)
    )


def _is_header(value: bytes, _lead: bytes) -> bool:
    """The credentials of an Authorization header: encoded bytes, not words."""
    kinds = set(value.translate(_KINDS))
    if len(kinds) < 2 or len(set(value)) < 6 or not (_DIGIT in kinds or len(value) % 4 == 0):
        return False
    return not (_is_name(value) or _is_stand_in(value.lower()))


def _is_basic(value: bytes, _lead: bytes) -> bool:
    """Base64 of a name and a password, as in the settings of clients of registries."""
    try:
        name, colon, password = base64.b64decode(value + b"=" * (-len(value) % 4), validate=True).partition(b":")
    except binascii.Error:
        return False
    return bool(name and colon and len(password) >= 3) and (name + password).decode("latin-1").isprintable()


def _is_aws_secret(value: bytes, _lead: bytes) -> bool:
    """40 base64 characters beside the name of an AWS secret key."""
    return len(set(value.translate(_KINDS))) >= 3 and not _LOUD.search(value.lower())


def _is_assigned(value: bytes, lead: bytes) -> bool:
    """A value behind a telling name: varied enough to be no word, identifier, path, stand-in or piece of code."""
    shape = value.translate(_KINDS)
    if len(value) > 4096 or len(set(value)) < 6 or len(set(shape)) < 2 or _is_name(value):
        return False
    if lead in b" :" and (_NAME.fullmatch(value) or not _NUMBER_OR_SIGN.search(value)):
        return False  # without quotes and not as in a .env file, prose and code are likely
    lowered = value.lower()
    return not (_UUID.fullmatch(lowered) or _PATH.match(value) or _is_stand_in(lowered) or _is_code(value))


_NUMBER_OR_SIGN = re.compile(rb"[0-9!#%^*@~+$]")


def _is_name(value: bytes) -> bool:
    """Whether a value is an identifier; one without a separator but with a number must hold a word of code as well."""
    if _NAME.fullmatch(value):
        return value.isalpha() or _COMMON.search(value.lower()) is not None
    return _NAMES.fullmatch(value) is not None


def _is_stand_in(lowered: bytes) -> bool:
    """Whether a value in lower case is a placeholder or a reference to where the value is."""
    return any(word in lowered for word in _STAND_INS) or _REFERENCE.match(lowered) is not None


def _is_code(value: bytes) -> bool:
    """Whether a value is a piece of code."""
    if any(sign in value for sign in _OPERATORS):
        return True
    return _BRACKET.search(value) is not None and _CODE.search(value) is not None


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
    "basic": _is_basic,
}
