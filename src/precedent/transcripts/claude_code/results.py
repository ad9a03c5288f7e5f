"""Reads the tool results of a Claude Code line: how each call ended, what it reports, what a person said to it."""

from collections.abc import Sequence

import msgspec

from precedent.transcripts.counters import count
from precedent.transcripts.decode import HOSTILE
from precedent.transcripts.events import Event, Kind, Outcome, Request, Speaker, ToolResult, decode_text

from .place import Place
from .requests import standin, starts_object
from .speech import denial
from .state import UNKNOWN_CALL, State
from .wire import Block, ToolOutcome, Wire

AGENT_TOOLS = frozenset({"Agent", "Task"})
LOOKED_INTO = AGENT_TOOLS | {"", "WebSearch", "AskUserQuestion"}
"""Tools whose `toolUseResult` says what we need; without a name it may be any of them."""

SHELLS = frozenset({"Bash", "PowerShell"})
"""Tools that were interrupted when their `toolUseResult` says so, which needs a `true` somewhere in it."""

REJECTIONS = ("The user doesn't want to proceed", "User rejected", "The user doesn't want to take this action")
_RESULT, _TOOL, _OK = Kind.RESULT, Speaker.TOOL, Outcome.OK  # looking up an enum's member takes as long as a call


def results_of(blocks: Sequence[Block], state: State, place: Place) -> Sequence[Event]:
    """Return the event of a line with tool results, and what a person said there."""
    wire = place.wire
    results: list[ToolResult] = []
    answers: list[str] = []
    requests: tuple[Request, ...] = ()
    for block in blocks:
        call_id = block.tool_use_id or ""
        name, request_key, target = state.calls.pop(call_id, UNKNOWN_CALL)
        looked = name in LOOKED_INTO or (name in SHELLS and b"true" in bytes(wire.toolUseResult))
        detail = _detail(wire) if looked else _NOTHING
        outcome = _outcome(wire, block, detail) if block.is_error or detail.interrupted else _OK
        if outcome is Outcome.REJECTED:
            answers.append(denial(decode_text(block.content) or decode_text(wire.toolUseResult)))
        if name == "AskUserQuestion" and detail.answers:
            answers.extend(decode_text(answer) for answer in detail.answers.values())
        if name in AGENT_TOOLS and detail.agentId:
            agent_id = detail.agentId
            agent_type = detail.agentType or target
            if agent_id not in state.agents and (reported := standin(detail, agent_id=agent_id, note=place.defect)):
                requests += (reported,)
        else:
            agent_id = agent_type = ""
        results.append(
            ToolResult(
                call_id,
                name,
                request_key,
                outcome,
                _searches(call_id, detail, state, place) if name == "WebSearch" else 0,
                agent_id,
                agent_type,
            )
        )
    parts = tuple([block.content for block in blocks])
    event = place.event(_RESULT, _TOOL, "", 0, requests, (), tuple(results), parts)
    said = tuple(answer for answer in answers if answer) if answers else ()
    if not said or wire.isSidechain:
        return (event,)
    return event, place.event(Kind.ANSWER, Speaker.HUMAN, parts=said)


def _searches(call_id: str, detail: ToolOutcome, state: State, place: Place) -> int:
    found = count(detail.searchCount, note=place.defect, field="searchCount")
    if not found or call_id in state.searched:
        return 0
    state.searched.add(call_id)
    return found


def _detail(wire: Wire) -> ToolOutcome:
    if not starts_object(wire.toolUseResult):
        return _NOTHING
    try:
        return _TOOL_OUTCOME.decode(wire.toolUseResult)
    except (msgspec.DecodeError, UnicodeDecodeError, *HOSTILE):
        return _NOTHING


def _outcome(wire: Wire, block: Block, detail: ToolOutcome) -> Outcome:
    if not block.is_error:
        return Outcome.INTERRUPTED if detail.interrupted else Outcome.OK
    said = bytes(memoryview(block.content)[:400]).decode("utf-8", "replace")
    if "[Request interrupted by user" in said:
        return Outcome.INTERRUPTED
    if wire.toolDenialKind or any(rejection in said for rejection in REJECTIONS):
        return Outcome.REJECTED
    return Outcome.ERROR


_TOOL_OUTCOME = msgspec.json.Decoder(ToolOutcome)
_NOTHING = ToolOutcome()
