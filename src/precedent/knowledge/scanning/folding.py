"""Undoes what orders to agents are disguised with, so that few patterns find many spellings."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)
_MARKS = re.compile(r"[*_`~|^\\\"'\u201c\u201d\u2018\u2019<>\[\]{}()#]+")
_SPACED = re.compile(r"\b(?:[a-z](?:[ .\-_/]{1,3})){3,}[a-z]\b")
_ENCODED = re.compile(r"[A-Za-z0-9+/=_-]{24,}")
_LEET = str.maketrans("013457@$!", "oieastasi")
# The letters that look like Latin ones in the scripts that are mixed in most.
_ALIKE = str.maketrans(
    "аеорсухіјѕԁԛԝһкмнтвɡαεορυνικτηωχβɑ", "aeopcyxijsdqwhkmhtbgaeopuviktnwxba"
)  # fmt: skip


def folded(text: str) -> Iterator[str]:
    """Yield readings of a text in which disguises are undone: plain, as figures for letters, and what it encodes."""
    plain = _plain(text)
    yield plain
    if (letters := plain.translate(_LEET)) != plain:
        yield letters
    for each in _ENCODED.finditer(text):
        if hidden := _decoded(each[0]):
            yield _plain(hidden)
    if "%" in text:
        yield _plain(unquote(text))


def _plain(text: str) -> str:
    if not text.isascii():
        tags = "".join(chr(ord(each) - 0xE0000) for each in text if "\U000e0020" <= each <= "\U000e007e")
        text = unicodedata.normalize("NFKD", _UNSEEN.sub("", f"{text} {tags}"))
        text = "".join(each for each in text if not unicodedata.combining(each))
    text = " ".join(_MARKS.sub(" ", text.casefold().translate(_ALIKE)).split())
    return _SPACED.sub(lambda found: re.sub(r"[ .\-_/]", "", found[0]), text)


def _decoded(text: str) -> str:
    """Return what a run of letters and figures encodes; empty when it is nothing that people read."""
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if set(text) & set("-_") else None)
        words = found.decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    return words if words.isprintable() and " " in words else ""
