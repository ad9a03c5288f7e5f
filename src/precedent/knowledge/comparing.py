"""Whether two statements say the same, the opposite, or have nothing to do with each other.

How alike they look cannot tell: "the limit is 60" and "the limit is 100" look more alike than two ways to say the same.
So what is alike is searched for differences that turn a meaning around, and any of them makes it a possible
contradiction, which a person decides.
"""

# ruff: noqa: E501, RUF001  # tables of words are easier to read on few lines, and people type such quotes

import hashlib
import re
from enum import StrEnum
from typing import NamedTuple

from .model import same_words

ALIKE = 0.5
"""Share of the shorter statement's words that the other has as well, from which on they are of one subject."""
ALIKE_LONGER = 0.34
"""The same of the longer statement's, unless the other is short: two words shared with a long story make no subject."""
MAX_TERMS = 32
SHORT = 3
"""Terms of a statement that one shared term is enough for."""

_WORD = re.compile(r"[^\W_]+(?:[._/@:-][^\W_]+)*(?:\+\+|#)?|n't", re.UNICODE)
_LABEL = re.compile(r"(?<=\w )([A-Z])\b(?!')")
"""A capital by itself within a sentence is a name, not an article: plan A."""
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_STOP = frozenset(
    """a an the and or but if of to in on at by for with from as is are was were be been being it its this that these those
    we our us you your they their he she i my me do does did has have had will would there here so than then also just
    very which who what when where how about into over each per via not no never always must should shall may can could
    might only every any all none cannot n't don doesn isn aren won shouldn mustn didn wasn weren use used uses using""".split()
)
_FILLERS = _STOP - {"use", "uses", "used", "using"}
_NEGATIONS = frozenset("not no never none nobody nothing without cannot nor neither n't".split())
_STRICT = frozenset("must always shall required mandatory every only exclusively all has-to have-to needs need".split())
_LOOSE = frozenset(
    "may can could might optional optionally sometimes usually some often should prefer preferably".split()
)
_AMOUNTS = {
    **dict.fromkeys(("every", "each", "all", "any"), "all"), **dict.fromkeys(("only", "exclusively", "solely"), "only"),
    **dict.fromkeys(("some", "most", "few", "several"), "some"), **dict.fromkeys(("none", "no", "nobody"), "none"),
}  # fmt: skip
_UNITS = {
    **dict.fromkeys(("ms", "millisecond"), "ms"), **dict.fromkeys(("s", "sec", "second"), "s"),
    **dict.fromkeys(("min", "minute"), "min"), **dict.fromkeys(("h", "hour"), "h"), "day": "day", "week": "week",
    "month": "month", "year": "year", **dict.fromkeys(("kb", "kilobyte"), "kb"), **dict.fromkeys(("mb", "megabyte"), "mb"),
    **dict.fromkeys(("gb", "gigabyte"), "gb"), "byte": "byte", "bit": "bit", **dict.fromkeys(("eur", "euro"), "eur"),
    **dict.fromkeys(("usd", "dollar"), "usd"), "cent": "cent", **dict.fromkeys(("percent", "%"), "percent"),
    **dict.fromkeys(("m", "metre", "meter"), "m"), **dict.fromkeys(("km", "kilometre", "kilometer"), "km"),
    **dict.fromkeys(("kg", "kilogram"), "kg"), **dict.fromkeys(("t", "tonne", "ton"), "t"),
    **dict.fromkeys(("foot", "feet", "ft"), "ft"),
}  # fmt: skip
_OPPOSITES = [
    frozenset(pair.split("/"))
    for pair in """enable/disable enabled/disabled allow/forbid allowed/forbidden before/after include/exclude included/excluded
    increase/decrease public/private sync/async synchronous/asynchronous up/down first/last minimum/maximum min/max on/off
    open/closed read/write old/new inside/outside left/right start/end begin/end more/less above/below accept/reject
    required/optional internal/external local/remote upper/lower ascending/descending with/without true/false
    success/failure encrypted/plain manual/automatic manually/automatically weekday/weekend same/different mutable/immutable
    stateful/stateless online/offline upstream/downstream input/output push/pull add/remove keep/delete staging/production
    staging/prod before/since parent/child client/server inclusive/exclusive lock/unlock grow/shrink forward/backward""".split()
]
_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
    )
} | {
    "twenty": "20",
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "hundred": "100",
    "once": "1",
    "twice": "2",
}


class Relation(StrEnum):
    """How two statements stand to each other."""

    SAME = "same"
    """The same words but for case, white space and final punctuation."""
    DUPLICATE = "duplicate"
    """Alike, without any difference that turns a meaning around."""
    CONTRADICTION = "contradiction"
    """Alike, with such a difference: it may be the opposite."""
    UNRELATED = "unrelated"


class Compared(NamedTuple):
    """What a comparison found.

    Attributes:
        differences: in what they differ, for people.
        score: how alike they are, thousandths.
    """

    relation: Relation
    differences: tuple[str, ...]
    score: int


def words_hash(content: str) -> str:
    """Return the fingerprint of a statement's words: equal for those that say the same in the same words."""
    return hashlib.sha256(same_words(content).encode("utf-8", "replace")).hexdigest()


def terms(content: str) -> frozenset[str]:
    """Return the words that tell what a statement is about, in their plain form."""
    found = dict.fromkeys(each for word in _words(content) if (each := _stem(word)) and word not in _STOP)
    return frozenset(list(found)[:MAX_TERMS])


def least_shared(length: int) -> int:
    """Return how many terms two statements must share, of which the shorter one has so many."""
    return 1 if length <= SHORT else 2


def compare(first: str, second: str) -> Compared:
    """Return how two statements stand to each other."""
    if same_words(first) == same_words(second):
        return Compared(Relation.SAME, (), 1000)
    ours, theirs = terms(first), terms(second)
    shared = len(ours & theirs)
    shorter, longer = sorted((len(ours), len(theirs)))
    score = round(1000 * shared / max(1, shorter))
    if score < 1000 * ALIKE or shared < least_shared(shorter) or (shorter > SHORT and shared < longer * ALIKE_LONGER):
        return Compared(Relation.UNRELATED, (), score)
    found = _differences(first, second)
    return Compared(Relation.CONTRADICTION if found else Relation.DUPLICATE, found, score)


def _differences(first: str, second: str) -> tuple[str, ...]:
    a, b = _words(first), _words(second)
    found = []
    numbers = [
        sorted(_NUMBERS.get(word, word) for word in each if _NUMBER.search(_NUMBERS.get(word, word))) for each in (a, b)
    ]
    if numbers[0] != numbers[1]:
        found.append(f"numbers: {' '.join(numbers[0]) or 'none'} / {' '.join(numbers[1]) or 'none'}")
    units = [sorted({_UNITS[_stem(word)] for word in each if _stem(word) in _UNITS}) for each in (a, b)]
    if units[0] != units[1]:
        found.append(f"units: {' '.join(units[0]) or 'none'} / {' '.join(units[1]) or 'none'}")
    if len(_NEGATIONS & set(a)) % 2 != len(_NEGATIONS & set(b)) % 2:
        found.append("negation")
    strength = [(bool(_STRICT & set(each)), bool(_LOOSE & set(each))) for each in (a, b)]
    if strength[0] != strength[1] and any(strength[0]) and any(strength[1]):
        found.append("how strictly")
    amounts = [{_AMOUNTS[word] for word in each if word in _AMOUNTS} for each in (a, b)]
    if amounts[0] != amounts[1] and all(amounts):
        found.append("how many")
    for pair in _OPPOSITES:
        ours, theirs = pair & set(a), pair & set(b)
        if ours and theirs and ours != theirs:
            found.append(f"opposites: {' '.join(sorted(ours))} / {' '.join(sorted(theirs))}")
    found += _slots(a, b)
    return tuple(found)


def _slots(a: list[str], b: list[str]) -> list[str]:
    """Return what stands in the place of something else, and what stands the other way round."""
    ours, theirs = ([_stem(_NUMBERS.get(word, word)) for word in each if word not in _FILLERS] for each in (a, b))
    only_ours = [word for word in dict.fromkeys(ours) if word not in theirs]
    only_theirs = [word for word in dict.fromkeys(theirs) if word not in ours]
    if only_ours and only_theirs:
        return [f"words: {' '.join(only_ours)} / {' '.join(only_theirs)}"]
    if named := [word for word in (*only_ours, *only_theirs) if word.startswith("label-")]:
        return [f"names: {' '.join(named)}"]
    first, second = (
        [word for word in dict.fromkeys(each) if word in ours and word in theirs] for each in (ours, theirs)
    )
    return ["the other way round"] if first != second else []


def _words(text: str) -> list[str]:
    plain = (
        same_words(_LABEL.sub(r"label-\1", text))
        .replace("’", "'")
        .replace("can't", "cannot")
        .replace("won't", "will not")
    )
    return _WORD.findall(plain.replace("n't", " not").replace("%", " percent"))


def _stem(word: str) -> str:
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith(("ss", "us", "is")):
            return word[: len(word) - len(ending)] + instead
    return word
