"""Who speaks on a Claude Code `user` line: a person, the agent, a tool or the harness.

The harness writes most of them. A person is what remains after every known wrapper is told apart.
Source: counts over 9,157 user lines, docs/reference/formats.md.
"""

import re
from typing import NamedTuple

from precedent.transcripts.events import Kind, Speaker

_COMMAND = re.compile(r"<command-name>\s*(/?[^<\s]+)\s*</command-name>")
_COMMAND_ARGS = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)
_INJECTED = re.compile(
    r"<(system-reminder|ide_opened_file|ide_selection|ide_diagnostics|new-diagnostics)>.*?</\1>\s*", re.DOTALL
)
_DENIAL = re.compile(r"the user said:\s*(.+)", re.DOTALL)
_INTERRUPTED = "[Request interrupted by user"
_HARNESS_STARTS = (
    "<task-notification>",
    "<local-command-",
    "<bash-stdout>",
    "<bash-stderr>",
    "Caveat: The messages below",
    "Operation stopped by hook:",
    "Base directory for this skill:",
    "<user-prompt-submit-hook>",
)
_AGENT_PLAN = "Implement the following plan:"
_CONTINUED = "This session is being continued from a previous conversation"


class Speech(NamedTuple):
    """What a user line is: `name` holds the command of a slash command."""

    kind: Kind
    speaker: Speaker
    text: str
    name: str = ""


def spoken(text: str) -> Speech | None:
    """Classify the text of a main-chain user line without tool results; None when only injected text stands there."""
    stripped = text.strip()
    if stripped.startswith(_INTERRUPTED):
        return Speech(Kind.INTERRUPTION, Speaker.HUMAN, "")
    command = _COMMAND.search(stripped) if stripped.startswith("<command-") else None
    if command:
        arguments = _COMMAND_ARGS.search(stripped)
        return Speech(Kind.COMMAND, Speaker.HUMAN, arguments.group(1).strip() if arguments else "", command.group(1))
    if stripped.startswith(_HARNESS_STARTS):
        return Speech(Kind.NOTICE, Speaker.SYSTEM, stripped)
    if stripped.startswith("<bash-input>"):
        return Speech(Kind.COMMAND, Speaker.HUMAN, stripped.removeprefix("<bash-input>").split("</bash-input>")[0], "!")
    if stripped.startswith(_AGENT_PLAN):
        return Speech(Kind.INSTRUCTION, Speaker.AGENT, stripped)
    if stripped.startswith(_CONTINUED):
        return Speech(Kind.SUMMARY, Speaker.SYSTEM, stripped)
    typed = _INJECTED.sub("", stripped).strip() if "<" in stripped else stripped
    return Speech(Kind.PROMPT, Speaker.HUMAN, typed) if typed else None


def denial(text: str) -> str:
    """Return the reason a person gave for not letting a tool run; empty when none is there."""
    found = _DENIAL.search(text)
    return found.group(1).strip() if found else ""
