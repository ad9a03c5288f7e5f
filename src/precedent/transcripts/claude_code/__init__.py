"""Claude Code: where its transcripts live and how to tell them.

Source: files of versions 1.0.17 to 2.1.235, described in docs/reference/formats.md.
"""

from pathlib import PurePosixPath

import msgspec

from precedent.transcripts.contract import Identity
from precedent.transcripts.decode import head_objects
from precedent.transcripts.folders import cwd_folders

from .parser import ClaudeCodeParser

__all__ = ["READER", "ClaudeCodeReader"]

_LINE_TYPES = frozenset(
    {
        "user", "assistant", "system", "summary", "progress", "attachment", "file-history-snapshot", "queue-operation",
        "permission-mode", "mode", "last-prompt", "ai-title", "custom-title", "agent-name", "pr-link",
        "worktree-state", "atis-latch",
    }
)  # fmt: skip


class _Probe(msgspec.Struct):
    """What tells one of Claude Code's lines from another agent's."""

    type: str | None = None
    sessionId: str | None = None
    agentId: str | None = None
    isSidechain: bool | None = None
    uuid: str | None = None
    message: dict[str, msgspec.Raw] | None = None
    leafUuid: str | None = None
    messageId: str | None = None
    systemPayload: msgspec.Raw = msgspec.Raw()


class ClaudeCodeReader:
    """See `transcripts.contract.Reader`."""

    agent = "claude-code"
    roots = (".claude/projects", ".config/claude/projects")

    def accepts(self, path: PurePosixPath) -> bool:
        """Every `.jsonl` file but a workflow's journal, which repeats what other files hold."""
        return path.suffix == ".jsonl" and path.name != "journal.jsonl"

    def detect(self, head: bytes) -> bool:
        """Judge by the first lines: known types together with fields only Claude Code writes."""
        for raw in head_objects(head):
            try:
                probe = _PROBE.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if probe.type not in _LINE_TYPES or bytes(probe.systemPayload):  # the latter only Qwen Code writes
                continue
            if probe.type in {"user", "assistant"}:
                return probe.message is not None and "parts" not in probe.message
            if probe.sessionId or probe.leafUuid or probe.messageId:
                return True
        return False

    def identify(self, path: PurePosixPath, head: bytes) -> Identity:
        """Take the ids from the place; a sub-agent's flat file names its session only on its lines."""
        if not path.stem.startswith("agent-"):
            return Identity(native_id=path.stem)
        agent_id = path.stem.removeprefix("agent-")
        parts = path.parts
        if "subagents" in parts[1:]:
            session = parts[parts.index("subagents", 1) - 1]
            return Identity(native_id=session, agent_id=agent_id, parent_id=session)
        for raw in head_objects(head):
            try:
                probe = _PROBE.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if probe.sessionId:
                return Identity(native_id=probe.sessionId, agent_id=agent_id, parent_id=probe.sessionId)
        return Identity(native_id=path.stem)

    def folders(self, data: bytes) -> set[str]:
        """Return every `cwd` that stands in the data."""
        return cwd_folders(data)

    def parser(self, state: bytes = b"") -> ClaudeCodeParser:
        """Return a parser, fresh or continued."""
        return ClaudeCodeParser(state)


_PROBE = msgspec.json.Decoder(_Probe)
READER = ClaudeCodeReader()
