"""The kit for people who write processors and readers: transcripts, a pipeline in memory, contract suites.

Nothing of the program imports it, and it needs no test framework: contract suites are classes whose methods pytest and
unittest find. See docs/reference/testing.md.
"""

from precedent.transcripts.events import Outcome

from .clock import START, START_US, ManualTime, epoch_ms, stamp
from .executor import InProcess
from .hostile import variants
from .pipeline import Pipeline, State
from .processor_contract import ProcessorContract
from .reader_contract import ReaderContract
from .sessions import (
    AGENTS,
    STORIES,
    Call,
    ClaudeCode,
    Codex,
    CopilotCli,
    GeminiCli,
    LinedSession,
    OpenCode,
    Pi,
    Session,
    Stated,
    Story,
    damaged,
    samples,
    session_id,
    statements,
    troubled,
    write_labelled,
)

__all__ = [
    "AGENTS",
    "START",
    "START_US",
    "STORIES",
    "Call",
    "ClaudeCode",
    "Codex",
    "CopilotCli",
    "GeminiCli",
    "InProcess",
    "LinedSession",
    "ManualTime",
    "OpenCode",
    "Outcome",
    "Pi",
    "Pipeline",
    "ProcessorContract",
    "ReaderContract",
    "Session",
    "State",
    "Stated",
    "Story",
    "damaged",
    "epoch_ms",
    "samples",
    "session_id",
    "stamp",
    "statements",
    "troubled",
    "variants",
    "write_labelled",
]
