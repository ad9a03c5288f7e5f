"""Builders of transcripts, one for each agent, in the shape of real ones."""

from .claude_code import Call, ClaudeCode
from .codex import Codex
from .copilot_cli import CopilotCli
from .gemini_cli import GeminiCli
from .opencode import OpenCode
from .pi import Pi
from .session import CWD, TOKENS, LinedSession, Session, session_id
from .stories import AGENTS, damaged, samples, troubled

__all__ = [
    "AGENTS",
    "CWD",
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
    "damaged",
    "samples",
    "session_id",
    "troubled",
]
