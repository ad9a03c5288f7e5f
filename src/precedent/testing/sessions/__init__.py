"""Builders of transcripts, one for each agent, in the shape of real ones."""

from .claude_code import Call, ClaudeCode
from .codex import Codex
from .copilot_cli import CopilotCli
from .gemini_cli import GeminiCli
from .labelled import write_labelled
from .opencode import OpenCode
from .pi import Pi
from .session import CWD, TOKENS, LinedSession, Session, session_id
from .stated import Stated, Story
from .statement_stories import STORIES
from .statements import statements
from .stories import AGENTS, damaged, samples, troubled

__all__ = [
    "AGENTS",
    "CWD",
    "STORIES",
    "TOKENS",
    "Call",
    "ClaudeCode",
    "Codex",
    "CopilotCli",
    "GeminiCli",
    "LinedSession",
    "OpenCode",
    "Pi",
    "Session",
    "Stated",
    "Story",
    "damaged",
    "samples",
    "session_id",
    "statements",
    "troubled",
    "write_labelled",
]
