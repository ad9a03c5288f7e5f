"""What the text of Gemini CLI's records says about who speaks.

The harness records its own words as a user's: the context it gives, requests to go on. A person is what remains.
"""

import msgspec

from precedent.transcripts.decode import HOSTILE, LineDecoder
from precedent.transcripts.events import Kind, Outcome, Speaker, decode_text
from precedent.transcripts.tally import Tally

from .wire import Content, Piece

_HARNESS_STARTS = (
    "<session_context>", "<hook_context>", "<system-reminder>", "System: Please continue",
    "This is the Gemini CLI. We are setting up the context", "I ran the following shell command:",
)  # fmt: skip
_SUMMARY_STARTS = ("<state_snapshot>", "<compressed_chat>")
_CANCELLED = "Request cancelled"
OUTCOMES = {"success": Outcome.OK, "error": Outcome.ERROR, "cancelled": Outcome.INTERRUPTED}
"""How a tool call ended, by its status; other statuses mean that it has not."""


def texts(content: msgspec.Raw) -> tuple[msgspec.Raw, ...]:
    """Return the text pieces of a message's content, which is a string or a list of parts."""
    if bytes(memoryview(content)[:1]) == b'"':
        return (content,) if memoryview(content).nbytes > 2 else ()
    try:
        pieces = _PIECES.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        # What is wrong was noted for the line; a faulty part costs itself only.
        found = _CONTENT.decode(b'{"pieces":' + bytes(content) + b"}", tally=Tally(), offset=0, line=0)
        pieces = [piece for each in found for piece in each.pieces or ()]
    return tuple(each.text for each in pieces if memoryview(each.text).nbytes > 2 and not each.thought)


def spoken(said: tuple[msgspec.Raw, ...], *, restated: bool, spawned: bool) -> tuple[Kind, Speaker]:
    """Classify a user's message.

    Args:
        said: its text pieces, at least one.
        restated: it first appears in a list that replaces all messages, where no person's words first appear.
        spawned: it stands in a sub-agent's transcript.
    """
    begins = decode_text(said[0]).lstrip()
    if begins.startswith(_HARNESS_STARTS):
        return Kind.NOTICE, Speaker.SYSTEM
    if restated or begins.startswith(_SUMMARY_STARTS):
        return Kind.SUMMARY, Speaker.SYSTEM
    return (Kind.INSTRUCTION, Speaker.AGENT) if spawned else (Kind.PROMPT, Speaker.HUMAN)


def noticed(kind: str, said: tuple[msgspec.Raw, ...]) -> tuple[Kind, Speaker]:
    """Classify a message of the harness; that a request was cancelled means that a person did it."""
    if kind == "error":
        return Kind.ERROR, Speaker.AGENT
    if said and decode_text(said[0]).startswith(_CANCELLED):
        return Kind.INTERRUPTION, Speaker.HUMAN
    return Kind.NOTICE, Speaker.SYSTEM


def outcome(status: str, result: msgspec.Raw) -> Outcome:
    """Judge a tool call that has ended; one that a person did not allow is told by what it says."""
    found = OUTCOMES[status]
    if found is Outcome.INTERRUPTED and b"did not allow" in bytes(memoryview(result)[:2000]):
        return Outcome.REJECTED
    return found


_PIECES = msgspec.json.Decoder(list[Piece])
_CONTENT = LineDecoder(Content)
