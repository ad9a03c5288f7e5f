"""Transcripts in which people state something, or only seem to, with what is to be found in each."""

from collections.abc import Callable, Iterator
from typing import Any

from .session import Session
from .stated import AGENT, ANSWER, ERRAND, HUMAN, INTERRUPTED, NOTICE, QUEUED, REFUSED, SLASH, SUMMARY, TOOL, Story
from .statement_stories import STORIES
from .stories import AGENTS

_BUILDERS: dict[str, str] = {
    HUMAN: "prompt", AGENT: "reply", TOOL: "bash", QUEUED: "queue", ANSWER: "ask", REFUSED: "reject", SLASH: "slash",
    INTERRUPTED: "interrupt", SUMMARY: "compact", NOTICE: "meta", ERRAND: "spawn",
}  # fmt: skip
"""Methods of sessions that write a step; not every agent writes each."""

_TELL: dict[str, Callable[[Any, str], object]] = {
    TOOL: lambda write, text: write("cat notes.txt", output=text),
    ANSWER: lambda write, text: write("Which one?", text),
    REFUSED: lambda write, text: write("Edit", {"file_path": "gen/quay.py"}, said=text),
    SLASH: lambda write, text: write("/review", text),
    INTERRUPTED: lambda write, _: write(),
}


def statements() -> Iterator[tuple[Story, Session]]:
    """Yield every story as each agent would write it that writes all of its steps; of an errand both transcripts."""
    for agent, make in AGENTS.items():
        for story in STORIES:
            session = make(f"{story.name} {agent}")
            able = all(hasattr(session, _BUILDERS[speaker]) for speaker, _ in story.steps)
            if not able or (story.agents and agent not in story.agents):
                continue
            told = [_tell(session, speaker, text) for speaker, text in story.steps]
            yield story, session
            yield from ((story, each) for each in told if isinstance(each, Session) and each is not session)


def _tell(session: Session, speaker: str, text: str) -> object:
    write = getattr(session, _BUILDERS[speaker])
    return _TELL[speaker](write, text) if speaker in _TELL else write(text)
