"""Makes a title and a sentence that stands by itself of what somebody typed."""

# ruff: noqa: E501, RUF001  # a pattern is easier to read on one line, and people type dashes

import re

from precedent.knowledge.model import MAX_CONTENT, MAX_TITLE, plain

_LEAD = re.compile(
    r"""(?ix)
    ^(?:
        (?:no|nope|nah|yes|yep|yeah|ok(?:ay)?|sure|well|so|oh|ah|hm+|wait|sorry|actually|right|correct|exactly|and|but|also
          |fyi|btw|by\ the\ way|just|please|remember|note|keep\ in\ mind|for\ context|heads\ up|not\ quite|not\ really
          |to\ be\ clear|again|one\ (?:more\ )?thing|that'?s\ (?:not\ (?:quite\ )?(?:right|correct|true)|wrong|right|correct|it)
          |i\ mean(?:\ to)?|for\ the\ record|in\ general)
        (?:\s*[,:;.!—–-]+\s*|\s+that\s+|\s+(?=(?:we|the|it|this|that|our|you|i|a|in|on|for|if|when|never|always|don'?t)\b))
    )+
    """
)
_TAIL = re.compile(r"(?i)(?:,\s*(?:or|right|no|ok(?:ay)?)(?:\s+what\s+do\s+i\s+miss)?)?\s*[?!.…;,:]*\s*$")
_QUESTION_TAIL = re.compile(
    r"(?i),?\s+(?:so\s+)?(?:why|how\s+come|what|can\s+you|could\s+you|is\s+this|is\s+that)\b[^?]*\?\s*$"
)
_ENTITY = re.compile(
    r"""(?x)
    `([^`\n]{2,60})`
    | (?<![\w/.-])((?:[\w.-]+/)+[\w.-]+ | [\w-]+\.(?:py|go|rs|ts|tsx|js|json|toml|ya?ml|md|sql|sh|lock|cfg|ini))(?![\w/])
    | \b([a-z]+(?:_[a-z0-9]+)+ | [a-z]+[A-Z]\w+ | [A-Z][a-z0-9]+[A-Z]\w* | [A-Z][A-Z0-9_]{2,} | [a-z]+-[a-z]+-[a-z]+)\b
    | (?<=[a-z,]\s)([A-Z][a-z]+(?:\s[A-Z][a-z]+)?)\b
    """
)
MAX_ENTITIES = 12


def statement(text: str) -> str:
    """Return a sentence without the words that only lead into it, as one sentence."""
    words = plain(text)
    cut = _QUESTION_TAIL.sub("", words)
    words = cut if len(cut.split()) > 3 else words
    cut = _LEAD.sub("", words)
    words = cut if len(cut.split()) > 2 else words
    words = _TAIL.sub("", words)
    if not words:
        return plain(text)[:MAX_CONTENT]
    first = words.split()[0]
    if first.isalpha() and first.islower():
        words = words[0].upper() + words[1:]
    return f"{words[: MAX_CONTENT - 1]}."


def title(content: str) -> str:
    """Return the beginning of a statement, cut between words."""
    short = content.rstrip(".")
    if len(short) <= MAX_TITLE:
        return short
    return short[: MAX_TITLE - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def entities(content: str) -> tuple[str, ...]:
    """Return names of things in a statement: identifiers, files, names; each once, in order."""
    found = (next(filter(None, each.groups())) for each in _ENTITY.finditer(content))
    return tuple(dict.fromkeys(found))[:MAX_ENTITIES]
