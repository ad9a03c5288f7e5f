"""A conversation in which people state something, or only seem to."""

from dataclasses import dataclass

HUMAN, AGENT, TOOL = "human", "agent", "tool"
QUEUED, ANSWER, REFUSED, SLASH, INTERRUPTED = "queued", "answer", "refused", "slash", "interrupted"
"""Also a person: while the agent works, asked by it, on a tool that may not run, behind a command, by pressing Esc."""
SUMMARY, NOTICE, ERRAND = "summary", "notice", "errand"
"""Nobody's: the harness makes room or says something, the agent sends a sub-agent out."""


@dataclass(frozen=True)
class Stated:
    """One statement that is to be found.

    Attributes:
        kind: `correction`, `definition` or `confirmation`.
        quote: the words it rests on, a part of what the person typed.
    """

    kind: str
    quote: str


@dataclass(frozen=True)
class Story:
    """A conversation and what is stated in it.

    Attributes:
        name: of the story.
        steps: who speaks, and what.
        stated: in order; empty where nothing is to be found.
        agents: that it can be told of; every one if empty.
    """

    name: str
    steps: tuple[tuple[str, str], ...]
    stated: tuple[Stated, ...] = ()
    agents: frozenset[str] = frozenset()
