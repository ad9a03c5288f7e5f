"""Cuts text into the word pieces that BERT's uncased vocabularies are made of.

Source: google-research/bert, `tokenization.py`, and its description in Devlin et al., "BERT" (2018), section 3.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

CLS, SEP, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
MAX_WORD = 100
"""Characters from which on a word is unknown."""

_CHINESE = "\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002ceaf\uf900-\ufaff\U0002f800-\U0002fa1f"
# Every sign of ASCII that is no letter, figure or space stands by itself, and so does each Chinese character.
_WORD = re.compile(rf"[{_CHINESE}]|[!-/:-@\[-`{{-~]|[^\s{_CHINESE}!-/:-@\[-`{{-~]+")


class WordPieces:
    """A vocabulary.

    Args:
        vocabulary: its pieces; their places are their numbers.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self._first, self._last = self._numbers[CLS], self._numbers[SEP]
        self._unknown = self._numbers[UNKNOWN]

    def numbers(self, text: str, *, limit: int) -> list[int]:
        """Return the numbers of a text's pieces, those of begin and end included.

        Args:
            text: any; a letter is taken without its case and accents.
            limit: numbers at most; what follows is left out.
        """
        found = [self._first]
        for word in _words(text):
            found += self._pieces(word)
            if len(found) >= limit:
                break
        return [*found[: limit - 1], self._last]

    def _pieces(self, word: str) -> list[int]:
        """Return the longest pieces from the left; a word that is not made of pieces is unknown as a whole."""
        if len(word) > MAX_WORD:
            return [self._unknown]
        found: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                number = self._numbers.get(("##" if start else "") + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return [self._unknown]
        return found


def _words(text: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFD", text.lower())
    kept = "".join(" " if sign.isspace() else sign for sign in plain if not _dropped(sign))
    for found in _WORD.finditer(kept):
        yield from _apart(found.group())


def _dropped(sign: str) -> bool:
    """Tell whether a sign is an accent, or is not to be seen."""
    kind = unicodedata.category(sign)
    return kind == "Mn" or (kind[0] == "C" and not sign.isspace()) or sign == "\ufffd"


def _apart(word: str) -> Iterator[str]:
    """Yield a word's parts: punctuation beyond ASCII stands by itself as well."""
    if word.isascii():
        yield word
        return
    start = 0
    for place, sign in enumerate(word):
        if unicodedata.category(sign)[0] == "P":
            if place > start:
                yield word[start:place]
            yield sign
            start = place + 1
    if start < len(word):
        yield word[start:]
