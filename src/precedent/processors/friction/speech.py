"""Tells by fixed rules whether a person's words correct the agent: few rules that are seldom wrong.

The rules know English only. docs/reference/friction.md says how often they were right.
"""

import re

from precedent.usage.keys import key_of

CONTINUE = frozenset({"continue", "go on", "keep going", "go ahead", "proceed", "resume", "carry on", "ok", "yes"})
SAME_WORDS = 0.5  # share of words, of both texts together, from which one is a new wording of the other
MAX_WORDS = 200
_FIRST_SENTENCE = re.compile(r"[^.!?\n]{0,200}")
_NO = re.compile(
    r"(?:no(?:pe|, no)?(?:[,.!:;]| (?!problem|worries|need|idea|thanks?\b|longer|more\b|matter|rush|hurry|one\b))"
    r"|nope$|no$|wrong\b|stop(?:[,.!]|$| (?:for a|it\b|that|this|right|doing|here))|wait(?:[,.!]| (?:no|what|why|a\b))"
    r"|(?:please )?(?:don't|do not|undo|revert)\b|not (?:like|what|that|this)\b)",
    re.IGNORECASE,
)
_WRONG = re.compile(
    r"\b(?:is|are|was|were|that's|it's|seems|looks) (?:still |just |simply )?"
    r"(?:not (?:correct|right|true|what i)|incorrect|wrong)\b",
    re.IGNORECASE,
)
_MEANT = re.compile(
    r"(?:sorry,? )?(?:i (?:meant?|said|told you|asked (?:you|for)|did ?n[o']t (?:ask|mean|say|want))\b"
    r"|i(?:'m| am) talking about\b|you (?:forgot|missed|misunderstood|ignored|broke|deleted|removed)\b)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def objection(text: str) -> str:
    """Return the rule by which a prompt says that the agent is wrong: `no`, `wrong`, `meant`; empty for none."""
    said = text.lstrip(" \t\r\n\"'*-").replace("\u2019", "'")
    if _NO.match(said):
        return "no"
    first = _FIRST_SENTENCE.match(said)
    if first and not text.rstrip().endswith("?") and _WRONG.search(first.group()):
        return "wrong"
    return "meant" if _MEANT.match(said) else ""


def words(text: str) -> list[int]:
    """Return digests of a text's words, each once: enough to tell a new wording from other words, and no text."""
    found = dict.fromkeys(_WORD.findall(text.lower()[: MAX_WORDS * 20]))
    return [key_of(word) for word in list(found)[:MAX_WORDS]]


def is_rewording(before: list[int], after: list[int]) -> bool:
    """Tell whether a prompt says in other words what the one before it said."""
    first, second = set(before), set(after)
    return bool(first) and first != second and len(first & second) >= SAME_WORDS * len(first | second)


def goes_on(text: str) -> bool:
    """Tell whether a prompt only lets the agent go on."""
    return text.strip().rstrip(".!").lower() in CONTINUE
