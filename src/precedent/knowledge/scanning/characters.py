"""Characters that nobody sees, that turn text around, or that are taken for others."""

import re
from typing import NamedTuple


class Rule(NamedTuple):
    """One thing to look for.

    Attributes:
        name: of its flag.
        text: what it means, for people.
        pattern: what it looks like.
    """

    name: str
    text: str
    pattern: re.Pattern[str]


CHARACTERS = (
    Rule(
        "invisible",
        "characters that nobody sees",
        re.compile(r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]+"),
    ),
    Rule("bidirectional", "characters that turn text around", re.compile(r"[\u202a-\u202e\u2066-\u2069]+")),
    Rule("tag", "tag characters, which hide whole sentences", re.compile(r"[\U000e0000-\U000e007f]+")),
    Rule(
        "variation", "variation selectors, which can carry hidden bytes",
        re.compile(r"[\ufe00-\ufe0e\U000e0100-\U000e01ef]+|\ufe0f{2,}"),
    ),
    Rule("control", "control characters", re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")),
    Rule(
        "look-alike", "letters of two scripts in one word",
        re.compile(
            r"\b(?=\w*[A-Za-z])(?=\w*[\u0370-\u03ff\u0400-\u052f\u0531-\u058f\u13a0-\u13ff\uff21-\uff5a])[A-Za-z\u0370-\u052f\u0531-\u058f\u13a0-\u13ff\uff21-\uff5a]{3,}\b"
        ),
    ),
)  # fmt: skip
