"""The mark around text that we deliver, so that it is known as ours wherever it turns up; imports nothing."""

import re

BEGIN = "<!-- precedent:knowledge:begin -->"
END = "<!-- precedent:knowledge:end -->"
_OURS = re.compile(f"{re.escape(BEGIN)}.*?(?:{re.escape(END)}|\\Z)", re.DOTALL)
_NOT_NEWLINE = re.compile(r"[^\n]")


def wrap(text: str) -> str:
    """Return a text between our marks, which it cannot hold itself."""
    return f"{BEGIN}\n{unmarked(text).strip()}\n{END}\n"


def unmarked(text: str) -> str:
    """Return a text without our marks; what is left when one is taken out of another may be one again."""
    while BEGIN in text or END in text:
        text = text.replace(BEGIN, "").replace(END, "")
    return text


def hidden(text: str) -> str:
    """Return a text with blanks for what we delivered: what is left stands where it stood.

    An opening mark without a closing one hides the rest: better to hear too little than ourselves.
    """
    if BEGIN not in text:
        return text
    return _OURS.sub(lambda found: _NOT_NEWLINE.sub(" ", found[0]), text)
