"""What the readers of Pi, Copilot CLI, Gemini CLI and OpenCode make of their agents' files, in one object or lines."""

import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from builders import session_id, stamp
from more_builders import (
    CWD,
    EPOCH_MS,
    copilot_line,
    copilot_reply,
    copilot_result,
    copilot_shutdown,
    copilot_start,
    copilot_transcript,
    gemini_document,
    gemini_header,
    gemini_messages,
    gemini_reply,
    gemini_transcript,
    gemini_user,
    lines,
    opencode_document,
    opencode_dump,
    opencode_lines,
    opencode_reply,
    opencode_session,
    opencode_tool,
    opencode_user,
    pi_header,
    pi_message,
    pi_reply,
    pi_result,
    pi_transcript,
)
from precedent.model import Tokens
from precedent.transcripts import claude_code, codex, copilot_cli, gemini_cli, opencode, pi
from precedent.transcripts.contract import Identity, Reader
from precedent.transcripts.events import Event, Kind, Outcome, Request, Speaker
from precedent.transcripts.reading import Position, Reading, read_bytes

MORE: dict[str, Reader] = {
    "pi": pi.READER,
    "copilot-cli": copilot_cli.READER,
    "gemini-cli": gemini_cli.READER,
    "opencode": opencode.READER,
}
READERS: dict[str, Reader] = {"claude-code": claude_code.READER, "codex": codex.READER, **MORE}
LINED = [
    ("pi", pi_transcript()),
    ("copilot-cli", copilot_transcript()),
    ("gemini-cli", gemini_transcript()),
    ("opencode", opencode_lines()),
]
DOCUMENTS = [("gemini-cli", gemini_document()), ("opencode", opencode_document())]
ALL = [*LINED, *DOCUMENTS]

every = pytest.mark.parametrize(("agent", "data"), ALL, ids=[f"{name}-{len(data)}" for name, data in ALL])
lined = pytest.mark.parametrize(("agent", "data"), LINED, ids=[name for name, _ in LINED])
documents = pytest.mark.parametrize(("agent", "data"), DOCUMENTS, ids=[name for name, _ in DOCUMENTS])


def events_of(agent: str, data: bytes) -> list[Event]:
    return list(read_bytes(data, MORE[agent]))


def requests_of(agent: str, data: bytes) -> list[Request]:
    return [request for event in events_of(agent, data) for request in event.requests]


def encoded(event: Event, *, placed: bool = True) -> tuple[str, ...]:
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    values["parts"] = event.text
    values["calls"] = [(call.id, call.name, call.target, bytes(call.input)) for call in event.calls]
    if not placed:
        del values["offset"], values["line"]
        values["calls"] = [(call.id, call.name, call.target, json.loads(bytes(call.input))) for call in event.calls]
    return tuple(map(str, values.values()))


def said_by_people(agent: str, data: bytes) -> list[str]:
    return [event.text for event in events_of(agent, data) if event.speaker is Speaker.HUMAN]


# All of them --------------------------------------------------------------------------------------------------------


def test_readers_fulfil_the_contract() -> None:
    for name, reader in MORE.items():
        assert reader.agent == name
    assert [reader.roots for reader in MORE.values()] == [
        (".pi/agent/sessions",),
        (".copilot/session-state",),
        (".gemini/tmp",),
        (".local/share/opencode/exports",),
    ]


@every
def test_each_agent_is_known_by_content_alone(agent: str, data: bytes) -> None:
    for head in (data, data[:1500]):
        assert [name for name, reader in READERS.items() if reader.detect(head)] == [agent]


@pytest.mark.parametrize("agent", MORE)
@pytest.mark.parametrize(
    "head",
    [
        b"", b"\n\n", b"{}", b"[]\n", b"\xff\xfe\x00", b'{"type":"message","role":"user"}\n', b"{\n", b'{"info":',
        b'{"info":{"id":7,"slug":"x"}}', b"{" * 10_000, b'{"a":' * 100_000, b'{"type":"session"}\n',
        b'{"sessionId":"s","type":"user"}\n',
    ],
)  # fmt: skip
def test_nothing_else_is_claimed(agent: str, head: bytes) -> None:
    assert not MORE[agent].detect(head)
    assert MORE[agent].identify(PurePosixPath("p/chats/x.json"), head).native_id


@every
def test_every_line_is_accounted_for(agent: str, data: bytes) -> None:
    reading = read_bytes(data, MORE[agent])
    list(reading)
    tally = reading.tally
    assert tally.lines == data.count(b"\n")
    assert tally.lines == tally.blank + tally.spoken + tally.ignored + tally.unknown + tally.broken
    assert (tally.unknown, tally.broken, tally.defects) == (0, 0, 0)
    assert reading.position == Position(len(data), data.count(b"\n"), reading.position.state)


@documents
def test_a_half_written_document_waits_and_is_read_when_it_is_whole(agent: str, data: bytes) -> None:
    whole = [encoded(event) for event in events_of(agent, data)]
    for cut in range(1, len(data) - 1, 7):
        torn = read_bytes(data[:cut], MORE[agent])
        assert list(torn) == []
        assert (torn.position.offset, torn.torn_bytes, torn.tally.lines) == (0, cut, 0)
        assert [encoded(event) for event in read_bytes(data, MORE[agent], start=torn.position)] == whole


@documents
def test_a_document_without_a_last_newline_is_read_once(agent: str, data: bytes) -> None:
    first = read_bytes(data[:-1], MORE[agent])
    found = [encoded(event) for event in first]
    again = read_bytes(data, MORE[agent], start=first.position)
    assert list(again) == []
    assert found == [encoded(event) for event in events_of(agent, data)]


@every
def test_offsets_and_lines_point_at_the_cited_line(agent: str, data: bytes) -> None:
    for event in events_of(agent, data):
        assert data[: event.offset].count(b"\n") == event.line - 1


@documents
def test_a_documents_events_point_at_their_own_message(agent: str, data: bytes) -> None:
    assert b'\n  "messages"' in data
    for event in events_of(agent, data):
        if event.kind not in {Kind.CONTEXT, Kind.TITLE}:
            shown, _ = json.JSONDecoder().raw_decode(data[event.offset :].decode())
            own = shown["info"]["id"] if agent == "opencode" else shown["id"]
            assert event.id in {"", own, f"{event.session_id}:{own}"}


@every
def test_every_result_is_joined_to_its_call(agent: str, data: bytes) -> None:
    found = events_of(agent, data)
    calls = {call.id: call.name for event in found for call in event.calls}
    results = [result for event in found for result in event.results]
    assert len(calls) == len(results) == 6
    assert {result.call_id: result.name for result in results} == calls
    keys = {request.key for event in found for request in event.requests}
    assert {result.request_key for result in results} - {""} <= keys


@every
def test_only_what_a_person_typed_is_a_prompt(agent: str, data: bytes) -> None:
    prompts = [event for event in events_of(agent, data) if event.kind is Kind.PROMPT]
    assert [(event.text, event.speaker) for event in prompts] == [("use pnpm", Speaker.HUMAN)]
    assert prompts[0].id


@every
def test_every_event_has_a_time_and_a_session(agent: str, data: bytes) -> None:
    for event in events_of(agent, data):
        assert event.at is not None
        assert EPOCH_MS * 1000 <= event.at < EPOCH_MS * 1000 + 60_000_000
        assert event.session_id


def test_a_broken_first_line_of_lines_is_no_document() -> None:
    reading = read_bytes(b'{"id":"x",\n' + gemini_transcript(), MORE["gemini-cli"])
    assert [encoded(each, placed=False) for each in reading] == [
        encoded(each, placed=False) for each in events_of("gemini-cli", gemini_transcript())
    ]
    assert [(each.line, each.reason) for each in reading.tally.details] == [(1, "not JSON")]


@documents
def test_what_follows_a_document_is_read_as_lines(agent: str, data: bytes) -> None:
    reading = read_bytes(data + b"\nnonsense\n", MORE[agent])
    assert [encoded(each) for each in reading] == [encoded(each) for each in events_of(agent, data)]
    assert (reading.tally.blank, reading.tally.broken, reading.tally.lines) == (1, 1, data.count(b"\n") + 2)


@documents
def test_an_object_that_is_no_session_is_one_defect(agent: str, data: bytes) -> None:
    reading = read_bytes(b'{\n  "a": 1\n}\n', MORE[agent])
    assert list(reading) == []
    tally = reading.tally
    assert (tally.lines, tally.broken, tally.ignored, tally.defects) == (3, 1, 2, 1)


@documents
@pytest.mark.parametrize("wrap", [lambda data: b"\xef\xbb\xbf" + data, lambda data: data.replace(b"\n", b"\r\n")])
def test_a_documents_mark_and_line_ends_do_not_matter(agent: str, data: bytes, wrap: Any) -> None:
    wrapped = wrap(data)
    reading = read_bytes(wrapped, MORE[agent])
    found = list(reading)
    assert [encoded(each, placed=False)[1:] for each in found] == [
        encoded(each, placed=False)[1:] for each in events_of(agent, data)
    ]
    assert reading.tally.defects == 0
    assert all(wrapped[: each.offset].count(b"\n") == each.line - 1 for each in found)


@documents
def test_half_a_surrogate_pair_does_not_hold_a_document_back(agent: str, data: bytes) -> None:
    reading = read_bytes(data.replace(b"use pnpm", b"use pnpm \\ud83d"), MORE[agent])
    assert any(each.text.startswith("use pnpm") for each in reading)
    assert "not standard JSON" in {each.reason for each in reading.tally.details}


@pytest.mark.parametrize(("agent", "data"), LINED)
def test_half_a_surrogate_pair_costs_a_line_nothing(agent: str, data: bytes) -> None:
    reading = read_bytes(data.replace(b'use pnpm"', b'use pnpm \\ud83d"'), MORE[agent])
    assert [each.text[:8] for each in reading if each.kind is Kind.PROMPT] == ["use pnpm"]
    assert reading.tally.broken == 0


@documents
def test_a_document_on_one_line_says_the_same(agent: str, data: bytes) -> None:
    compact = json.dumps(json.loads(data)).encode()
    reading = read_bytes(compact, MORE[agent])
    assert [encoded(each, placed=False)[2:] for each in reading if each.id] == [
        encoded(each, placed=False)[2:] for each in events_of(agent, data) if each.id
    ]
    assert (reading.tally.lines, reading.tally.spoken, reading.tally.defects) == (1, 1, 0)


@documents
def test_a_document_beyond_the_limit_is_read_as_lines(agent: str, data: bytes) -> None:
    reading = Reading(io.BytesIO(data), MORE[agent], max_line=1000)
    list(reading)
    assert reading.tally.lines == data.count(b"\n") == reading.tally.broken + reading.tally.unknown


@documents
def test_a_wrong_field_costs_that_field_only(agent: str, data: bytes) -> None:
    broken = data.replace(b'"output": 20', b'"output": "many"')
    reading = read_bytes(broken, MORE[agent])
    requests = [request for event in reading for request in event.requests]
    assert {(request.tokens.output, request.tokens.cache_read) for request in requests} == {(5, 40)}
    assert reading.tally.broken == 0
    assert {each.reason for each in reading.tally.details} <= {
        "wrong type at tokens.output",
        "wrong type at info.tokens.output",
    }


# Pi -----------------------------------------------------------------------------------------------------------------


def test_pi_bills_each_reply_with_its_recorded_cost() -> None:
    requests = requests_of("pi", pi_transcript())
    assert len({request.key for request in requests}) == len(requests) == 7
    assert {request.tokens for request in requests} == {Tokens(100, 20, 4, 0, 30)}
    assert {(request.model, request.recorded_cost_micros) for request in requests} == {("gpt-5.4", 250_000)}


def test_a_branched_pi_session_is_the_same_requests_and_prompts() -> None:
    origin = f"/home/ada/.pi/agent/sessions/--work--/2026-01-05T09-00-00_{session_id(1)}.jsonl"
    body = pi_transcript().split(b"\n", 1)[1]
    branched = lines(pi_header(2, branchedFrom=origin)) + body
    assert [each.key for each in requests_of("pi", branched)] == [
        each.key for each in requests_of("pi", pi_transcript())
    ]
    identity = MORE["pi"].identify(PurePosixPath("--work--/x.jsonl"), branched)
    assert identity == Identity(native_id=session_id(2), parent_id=session_id(1))


def test_what_a_person_ran_themselves_in_pi_is_a_command() -> None:
    (command,) = [event for event in events_of("pi", pi_transcript()) if event.kind is Kind.COMMAND]
    assert (command.speaker, command.name, command.text) == (Speaker.HUMAN, "!", "git status")


def test_a_stopped_and_a_failed_reply_of_pi_are_told_apart() -> None:
    nothing: dict[str, Any] = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}
    data = lines(
        pi_header(), pi_reply("b1", 1, stop="aborted", **nothing), pi_reply("b2", 2, stop="error", **nothing),
        pi_result("c1", 3, "gone", failed=True),
    )  # fmt: skip
    found = events_of("pi", data)
    assert [event.kind for event in found] == [
        Kind.CONTEXT, Kind.REPLY, Kind.INTERRUPTION, Kind.REPLY, Kind.ERROR, Kind.RESULT,
    ]  # fmt: skip
    assert not any(event.requests for event in found)
    assert (found[-1].results[0].name, found[-1].results[0].outcome) == ("bash", Outcome.ERROR)


def test_an_old_pi_file_without_ids_is_read() -> None:
    user = pi_message("", 1, role="user", content="use pnpm")
    del user["id"], user["parentId"]
    assert said_by_people("pi", lines(pi_header(), user)) == ["use pnpm"]


# Copilot CLI --------------------------------------------------------------------------------------------------------


def test_copilot_bills_what_the_end_of_a_run_reports() -> None:
    (request,) = requests_of("copilot-cli", copilot_transcript())
    assert (request.model, request.tokens) == ("gpt-5-mini", Tokens(550, 60, 50, 0, 400))


def test_copilot_bills_each_model_and_what_summaries_cost() -> None:
    used = {"inputTokens": 100, "outputTokens": 9, "cacheReadTokens": 60, "cacheWriteTokens": 0, "model": "gpt-5-mini"}
    data = lines(
        copilot_start(),
        copilot_line(
            "session.compaction_complete", 1, success=True, summaryContent="so far", compactionTokensUsed=used
        ),
        copilot_shutdown(2, gpt_5_mini=(10, 2, 0, 0), claude_haiku=(20, 3, 5, 0)),
    )
    assert [(each.model, each.tokens) for each in requests_of("copilot-cli", data)] == [
        ("gpt-5-mini", Tokens(40, 9, 0, 0, 60)),
        ("gpt-5-mini", Tokens(10, 2)),
        ("claude-haiku", Tokens(15, 3, 0, 0, 5)),
    ]


def test_a_resumed_copilot_session_adds_its_runs_up() -> None:
    data = lines(
        copilot_start(), copilot_reply(1, output=60), copilot_shutdown(2, m=(1000, 60, 0, 0)),
        copilot_line("session.resume", 3), copilot_reply(4, output=90), copilot_shutdown(5, m=(1500, 90, 0, 0)),
    )  # fmt: skip
    requests = requests_of("copilot-cli", data)
    assert [each.tokens for each in requests] == [Tokens(1000, 60), Tokens(1500, 90)]
    assert len({each.key for each in requests}) == 2


def test_a_copilot_report_over_all_runs_is_billed_by_its_rise() -> None:
    data = lines(
        copilot_start(), copilot_reply(1, output=60), copilot_shutdown(2, m=(1000, 60, 0, 0)),
        copilot_line("session.resume", 3), copilot_reply(4, output=90), copilot_shutdown(5, m=(2500, 150, 0, 0)),
    )  # fmt: skip
    assert [each.tokens for each in requests_of("copilot-cli", data)] == [Tokens(1000, 60), Tokens(1500, 90)]


def test_a_killed_copilot_session_has_replies_and_no_request() -> None:
    data = lines(copilot_start(), copilot_reply(1, output=60))
    assert [event.kind for event in events_of("copilot-cli", data)] == [Kind.CONTEXT, Kind.REPLY]
    assert requests_of("copilot-cli", data) == []


@pytest.mark.parametrize(
    ("line", "kind", "speaker"),
    [
        (copilot_line("user.message", 1, content="go"), Kind.PROMPT, Speaker.HUMAN),
        (copilot_line("user.message", 1, content="go", delivery="steering"), Kind.PROMPT, Speaker.HUMAN),
        (copilot_line("user.message", 1, content="go", agentMode="autopilot"), Kind.PROMPT, Speaker.HUMAN),
        (copilot_line("user.message", 1, content="", isAutopilotContinuation=True), Kind.NOTICE, Speaker.SYSTEM),
        (copilot_line("user.message", 1, content="x", source="skill-release"), Kind.NOTICE, Speaker.SYSTEM),
        (copilot_line("user.message", 1, content="x", source="agent-1"), Kind.INSTRUCTION, Speaker.AGENT),
        (copilot_line("user.message", 1, agent="call_1", content="x"), Kind.INSTRUCTION, Speaker.AGENT),
        (copilot_line("abort", 1, reason="user"), Kind.INTERRUPTION, Speaker.HUMAN),
        (copilot_reply(1, output=3, agent="call_1"), Kind.REPLY, Speaker.SUBAGENT),
    ],
)
def test_a_person_is_told_from_the_harness_in_copilot(line: dict[str, Any], kind: Kind, speaker: Speaker) -> None:
    (event,) = events_of("copilot-cli", lines(line))
    assert (event.kind, event.speaker) == (kind, speaker)


def test_a_copilot_tool_that_was_not_allowed_is_told_from_one_that_failed() -> None:
    data = lines(
        copilot_result(1, "a", success=False, error={"message": "no", "code": "denied"}),
        copilot_result(2, "b", success=False, error={"message": "no", "code": "failure"}),
    )
    outcomes = [event.results[0].outcome for event in events_of("copilot-cli", data)]
    assert outcomes == [Outcome.REJECTED, Outcome.ERROR]


# Gemini CLI ---------------------------------------------------------------------------------------------------------


def test_gemini_counts_a_rewritten_message_once_and_its_calls_when_they_come() -> None:
    found = events_of("gemini-cli", gemini_transcript())
    requests = [request for event in found for request in event.requests]
    assert len(requests) == 7
    assert {request.tokens for request in requests} == {Tokens(60, 25, 0, 0, 40)}
    assert {request.key.rpartition(":")[0] for request in requests} == {f"gemini:{session_id(1)}"}
    assert Counter(event.text for event in found if event.kind is Kind.REPLY)["reply g0"] == 1


def test_both_layouts_of_gemini_say_the_same() -> None:
    kinds = {Kind.PROMPT, Kind.RESULT}
    one, other = events_of("gemini-cli", gemini_transcript()), events_of("gemini-cli", gemini_document())
    assert [e.text for e in one if e.kind in kinds] == [e.text for e in other if e.kind in kinds]
    assert requests_of("gemini-cli", gemini_transcript()) == requests_of("gemini-cli", gemini_document())


def test_gemini_counters_that_come_later_are_billed_under_the_same_key() -> None:
    reply = gemini_reply("g1", 1)
    bare = {name: value for name, value in reply.items() if name != "tokens"}
    first = gemini_reply("g1", 1, output=2, total=107)
    requests = requests_of("gemini-cli", lines(gemini_header(), bare, first, reply))
    assert [each.tokens.output for each in requests] == [7, 25]
    assert len({each.key for each in requests}) == 1


@pytest.mark.parametrize(("total", "into"), [(125, 60), (132, 67), (0, 67)])
def test_gemini_tool_tokens_are_input_unless_the_total_shows_they_are_counted(total: int, into: int) -> None:
    (request,) = requests_of("gemini-cli", lines(gemini_header(), gemini_reply("g1", 1, tool=7, total=total)))
    assert request.tokens == Tokens(into, 25, 0, 0, 40)


def test_a_replaced_list_of_gemini_brings_no_prompts() -> None:
    repeated, summary = gemini_user("u1", 1, "use pnpm"), gemini_user("u9", 2, "We agreed to use pnpm")
    patch = {"$set": {"messages": [repeated, summary, gemini_reply("g1", 1)]}}
    data = lines(gemini_header(), repeated, gemini_reply("g1", 1), patch, {"$rewindTo": "u1"})
    found = events_of("gemini-cli", data)
    assert [event.kind for event in found] == [Kind.CONTEXT, Kind.PROMPT, Kind.REPLY, Kind.SUMMARY]
    assert said_by_people("gemini-cli", data) == ["use pnpm"]


def test_what_was_typed_wins_over_what_it_was_expanded_to_in_gemini() -> None:
    user = gemini_user("u1", 1, "look at @a.py\n--- content ---", displayContent=[{"text": "look at @a.py"}])
    assert said_by_people("gemini-cli", lines(gemini_header(), user)) == ["look at @a.py"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("success", Outcome.OK), ("error", Outcome.ERROR), ("cancelled", Outcome.INTERRUPTED), ("executing", None)],
)
def test_a_gemini_tools_outcome_is_its_status(status: str, outcome: Outcome | None) -> None:
    data = lines(gemini_header(), gemini_reply("g1", 1, calls=("c1",), status=status))
    results = [result.outcome for event in events_of("gemini-cli", data) for result in event.results]
    assert results == ([] if outcome is None else [outcome])


def test_a_nested_gemini_file_is_a_sub_agents() -> None:
    data = lines(
        gemini_header("sub", kind="subagent", directories=[CWD]),
        gemini_user("u1", 1, "look around"),
        gemini_reply("g1", 2),
    )
    place = PurePosixPath("0a1b/chats") / session_id(1) / "sub.jsonl"
    assert MORE["gemini-cli"].identify(place, data) == Identity(
        native_id=session_id(1), agent_id=session_id("sub"), parent_id=session_id(1)
    )
    assert MORE["gemini-cli"].folders(data) == {CWD, "sha256:" + "ab" * 32}
    assert [(event.speaker, event.sidechain) for event in events_of("gemini-cli", data)[1:]] == [
        (Speaker.AGENT, True),
        (Speaker.SUBAGENT, True),
    ]


def test_an_unknown_message_of_a_gemini_document_is_counted() -> None:
    odd = {"id": "x1", "timestamp": stamp(3), "type": "riddle", "content": "?"}
    reading = read_bytes(gemini_document(*gemini_messages(), odd, odd), MORE["gemini-cli"])
    list(reading)
    assert reading.tally.unknown_types == {"riddle": 2}
    tally = reading.tally
    assert tally.unknown == 2
    assert tally.lines == tally.blank + tally.spoken + tally.ignored + tally.unknown + tally.broken


# OpenCode -----------------------------------------------------------------------------------------------------------


def test_opencode_bills_each_answer_with_its_recorded_cost() -> None:
    requests = requests_of("opencode", opencode_document())
    assert [each.key for each in requests] == [f"opencode:ses_a1:msg_a{number}" for number in range(6)]
    assert {(each.model, each.tokens, each.recorded_cost_micros) for each in requests} == {
        ("claude-sonnet-4-5", Tokens(100, 25, 7, 0, 40), 500_000)
    }


def opencode_request(*parts: dict[str, Any], **more: Any) -> Tokens:
    data = opencode_document(opencode_session(opencode_reply("msg_a1", 1, *parts, **more)))
    (request,) = requests_of("opencode", data)
    return request.tokens


def test_opencode_reasoning_is_not_counted_twice() -> None:
    counters = {"input": 100, "output": 20, "reasoning": 5, "cache": {"read": 40, "write": 7}}
    assert opencode_request(tokens=counters | {"total": 167}).output == 20
    assert opencode_request(tokens=counters | {"total": 172}).output == 25


def test_an_opencode_answer_of_several_steps_is_the_sum_of_its_steps() -> None:
    step = {
        "type": "step-finish",
        "tokens": {"input": 10, "output": 2, "reasoning": 0, "cache": {"read": 1, "write": 0}},
    }
    assert opencode_request(step, step) == Tokens(20, 4, 0, 0, 2)
    assert opencode_request(step) == Tokens(100, 25, 7, 0, 40)


def test_a_person_is_told_from_the_harness_in_opencode() -> None:
    session = opencode_session(
        opencode_user("msg_u1", 1, "use pnpm", {"type": "text", "text": "file content", "synthetic": True}),
        opencode_user("msg_u2", 2, "", {"type": "text", "text": "Continue", "synthetic": True}),
        opencode_user("msg_u3", 3, "", {"type": "subtask", "prompt": "review", "agent": "x", "command": "review"}),
        opencode_reply("msg_a1", 4, error={"name": "MessageAbortedError"}),
        opencode_reply("msg_a2", 5, error={"name": "APIError"}),
        opencode_reply("msg_a3", 6, summary=True),
    )
    data = opencode_document(session)
    assert [(e.kind, e.speaker, e.name) for e in events_of("opencode", data)[2:]] == [
        (Kind.PROMPT, Speaker.HUMAN, ""),
        (Kind.NOTICE, Speaker.SYSTEM, "synthetic"),
        (Kind.NOTICE, Speaker.SYSTEM, "synthetic"),
        (Kind.COMMAND, Speaker.HUMAN, "/review"),
        (Kind.REPLY, Speaker.AGENT, ""),
        (Kind.INTERRUPTION, Speaker.HUMAN, "aborted"),
        (Kind.REPLY, Speaker.AGENT, ""),
        (Kind.ERROR, Speaker.AGENT, "APIError"),
        (Kind.SUMMARY, Speaker.SYSTEM, ""),
    ]


def test_an_opencode_session_with_a_parent_is_a_sub_agents() -> None:
    session = opencode_session(
        opencode_user("msg_u1", 1, "look around"), opencode_reply("msg_a1", 2), parentID="ses_0", permission=[]
    )
    data = opencode_document(session)
    assert MORE["opencode"].identify(PurePosixPath("full.jsonl"), data) == Identity(
        native_id="ses_0", agent_id="ses_a1", parent_id="ses_0"
    )
    assert [event.speaker for event in events_of("opencode", data)[2:]] == [Speaker.AGENT, Speaker.SUBAGENT]
    assert MORE["opencode"].folders(data) == {CWD}


def test_an_opencode_session_in_lines_says_what_its_export_says() -> None:
    whole, split = opencode_document(), opencode_lines()
    assert [encoded(event, placed=False) for event in events_of("opencode", split)] == [
        encoded(event, placed=False) for event in events_of("opencode", whole)
    ]
    assert requests_of("opencode", split) == requests_of("opencode", whole)
    place = PurePosixPath("ses_a1.jsonl")
    assert MORE["opencode"].identify(place, split) == MORE["opencode"].identify(place, whole)


def test_an_opencode_message_of_an_unknown_role_is_counted() -> None:
    header, user, *rest = opencode_lines().splitlines(keepends=True)
    data = header + user.replace(b'"role":"user"', b'"role":"jester"') + b"".join(rest)
    reading = read_bytes(data, MORE["opencode"])
    list(reading)
    assert (reading.tally.unknown_types, reading.tally.unknown) == ({"message/jester": 1}, 1)


def test_a_part_that_could_not_be_read_is_a_defect_of_its_message() -> None:
    reply = opencode_reply("msg_a1", 1, {"id": "prt_1", "type": "unreadable"})
    reading = read_bytes(opencode_lines(opencode_session(reply)), MORE["opencode"])
    assert [event.kind for event in reading] == [Kind.CONTEXT, Kind.TITLE, Kind.REPLY]
    assert [each.reason for each in reading.tally.details] == ["unreadable part"]


def test_a_dump_of_opencode_bills_each_step_once_wherever_it_is_copied() -> None:
    found = requests_of("opencode", opencode_dump())
    assert [(each.model, each.tokens, each.recorded_cost_micros) for each in found] == [
        ("claude-sonnet-4-5", Tokens(input=100, output=25, cache_read=40), 500_000)
    ] * 6
    assert len({each.key for each in found}) == 6
    assert requests_of("opencode", opencode_dump() * 2)[6:] == found


def test_a_dump_of_opencode_is_known_by_its_first_line_whatever_its_file_is_called() -> None:
    known = MORE["opencode"].identify(PurePosixPath("transcript.jsonl"), opencode_dump())
    assert known == MORE["opencode"].identify(PurePosixPath("copy.jsonl"), opencode_dump())
    other = opencode_dump().replace(b"use pnpm", b"use npm", 1)
    assert known != MORE["opencode"].identify(PurePosixPath("transcript.jsonl"), other)
    assert MORE["opencode"].folders(opencode_dump()) == {CWD}


def test_what_went_wrong_in_a_dump_of_opencode_is_told_once_per_message() -> None:
    first, start, said, *_ = [json.loads(line) for line in opencode_dump().splitlines()]
    for failure, kind in (("MessageAbortedError", Kind.INTERRUPTION), ("UnknownError", Kind.ERROR)):
        failed = [each | {"_error": {"name": failure}} for each in (start, said)]
        found = events_of("opencode", lines(first, *failed))
        assert [event.kind for event in found] == [Kind.PROMPT, Kind.REPLY, kind, Kind.REPLY]


def test_an_unknown_part_in_a_dump_of_opencode_is_counted() -> None:
    odd = {"type": "hologram", "_role": "assistant", "_ts": EPOCH_MS}
    reading = read_bytes(opencode_dump() + lines(odd), MORE["opencode"])
    list(reading)
    assert (reading.tally.unknown_types, reading.tally.defects) == ({"part/assistant/hologram": 1}, 0)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ({"status": "completed"}, Outcome.OK),
        ({"status": "error", "error": "no such file"}, Outcome.ERROR),
        (
            {"status": "error", "error": "The user rejected permission to use this specific tool call."},
            Outcome.REJECTED,
        ),
        ({"status": "error", "error": "Tool execution aborted"}, Outcome.INTERRUPTED),
    ],
)
def test_an_opencode_tools_outcome_is_what_its_state_says(state: dict[str, Any], outcome: Outcome) -> None:
    tool = opencode_tool("toolcall_1", tool="task", metadata={"sessionId": "ses_b2"}, **state)
    data = opencode_document(opencode_session(opencode_reply("msg_a1", 1, tool)))
    (result,) = [result for event in events_of("opencode", data) for result in event.results]
    assert (result.name, result.outcome, result.agent_id) == ("task", outcome, "ses_b2")


# Places -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "place", "accepted"),
    [
        ("pi", "--work--/2026_x.jsonl", True),
        ("pi", "--work--/notes.json", False),
        ("copilot-cli", "1111/events.jsonl", True),
        ("copilot-cli", "1111.jsonl", True),
        ("copilot-cli", "command-history.json", False),
        ("copilot-cli", "1111/checkpoints/events.jsonl", False),
        ("copilot-cli", "1111/workspace.json", False),
        ("gemini-cli", "0a1b/chats/session-2026-01-05T09-00-1a2b3c4d.json", True),
        ("gemini-cli", "0a1b/chats/session-2026-01-05T09-00-1a2b3c4d.jsonl", True),
        ("gemini-cli", "0a1b/chats/1111/abcd.jsonl", True),
        ("gemini-cli", "0a1b/chats/notes.json", False),
        ("gemini-cli", "0a1b/logs.json", False),
        ("gemini-cli", "0a1b/checkpoints/session-x.json", False),
        ("gemini-cli", "0a1b/chats/session-x.jsonl.zst", False),
        ("opencode", "export.json", True),
    ],
)
def test_a_transcript_is_known_by_its_place(agent: str, place: str, accepted: bool) -> None:
    assert MORE[agent].accepts(PurePosixPath(place)) is accepted


# Real files ---------------------------------------------------------------------------------------------------------

CORPUS = os.environ.get("PRECEDENT_CORPUS", "")
real = pytest.mark.skipif(not CORPUS, reason="PRECEDENT_CORPUS names no corpus")


def corpus(agent: str) -> Iterator[bytes]:
    for path in sorted((Path(CORPUS) / agent).rglob("*.json*")):
        if path.name != "manifest.json":
            yield path.read_bytes()


def objects(data: bytes) -> list[dict[str, Any]]:
    try:
        return [json.loads(data)]
    except ValueError:
        return [json.loads(line) for line in data.split(b"\n") if line.strip()]


def pi_total(data: bytes) -> int:
    usages = [each["message"].get("usage", {}) for each in objects(data) if each["type"] == "message"]
    return sum(usage.get(name, 0) for usage in usages for name in ("input", "output", "cacheRead", "cacheWrite"))


def copilot_total(data: bytes) -> int:
    """Count what the service billed by kind, which includes summaries."""
    ends = [each["data"]["modelMetrics"] for each in objects(data) if each["type"] == "session.shutdown"]
    details = [model["tokenDetails"] for metrics in ends for model in metrics.values()]
    return sum(int(kind["tokenCount"]) for detail in details for kind in detail.values())


def gemini_total(data: bytes) -> int:
    last: dict[tuple[str, str], int] = {}
    session = ""
    for each in objects(data):
        session = each.get("sessionId", session)
        for message in [each, *each.get("messages", []), *each.get("$set", {}).get("messages", [])]:
            if message.get("tokens"):
                last[session, message["id"]] = message["tokens"]["total"]
    return sum(last.values())


def opencode_total(data: bytes) -> int:
    found = [each["tokens"] for each in objects(data) if each["type"] == "step-finish"]
    return sum(each["input"] + each["output"] + each["reasoning"] + sum(each["cache"].values()) for each in found)


@real
@pytest.mark.parametrize(
    ("agent", "total"),
    [("pi", pi_total), ("copilot-cli", copilot_total), ("gemini-cli", gemini_total), ("opencode", opencode_total)],
)
def test_real_files_are_known_read_whole_and_counted_right(agent: str, total: Any) -> None:
    files = list(corpus(agent))
    assert len(files) >= 9
    for data in files:
        assert [name for name, reader in READERS.items() if reader.detect(data[: 256 << 10])] == [agent]
        reading = read_bytes(data, MORE[agent])
        requests = {request.key: request.tokens.total for event in reading for request in event.requests}
        tally = reading.tally
        assert tally.lines == data.count(b"\n") + (not data.endswith(b"\n"))
        assert tally.lines == tally.blank + tally.spoken + tally.ignored + tally.unknown + tally.broken
        assert (tally.unknown, tally.broken, tally.defects, reading.torn_bytes) == (0, 0, 0, 0)
        assert sum(requests.values()) == total(data)


@real
@pytest.mark.parametrize("agent", ["claude-code", "codex"])
def test_real_files_of_other_agents_are_not_claimed(agent: str) -> None:
    for data in corpus(agent):
        assert not [name for name, reader in MORE.items() if reader.detect(data[: 256 << 10])]
