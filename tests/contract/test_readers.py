"""Promises of every reader, and what each one makes of its agent's lines."""

import itertools
import json
import tracemalloc
from pathlib import PurePosixPath
from typing import Any

import pytest

from more_builders import copilot_transcript, gemini_transcript, opencode_dump, opencode_lines, pi_transcript
from precedent import plugins, samples
from precedent.transcripts.contract import Reader
from precedent.transcripts.events import Event, Kind, Outcome, Speaker
from precedent.transcripts.reading import Position, read_bytes

READERS = {name: reader for name, (reader, _) in plugins.readers().items()}


OURS = {
    "copilot-cli": [copilot_transcript()],
    "gemini-cli": [gemini_transcript()],
    "opencode": [opencode_lines(), opencode_dump()],
    "pi": [pi_transcript()],
}
"""Transcripts in lines, of the agents that no sample is of; those in one object are in `test_more_readers.py`."""


def sample_files(agent: str) -> list[bytes]:
    return OURS.get(agent) or [
        path.read_bytes()
        for home in samples.homes()
        for root in READERS[agent].roots
        for path in sorted((home / root).rglob("*.jsonl"))
    ]


def lines(*values: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def events_of(agent: str, data: bytes) -> list[Event]:
    return list(read_bytes(data, READERS[agent]))


@pytest.mark.parametrize("agent", READERS)
def test_each_agent_is_known_by_content_alone(agent: str) -> None:
    for data in sample_files(agent):
        claimed = [name for name, reader in READERS.items() if reader.detect(data[:200_000])]
        assert claimed == [agent]


@pytest.mark.parametrize("half", [rb"\ud83d", rb"\uDE00", rb"\ud83dx\ude00", rb"\ud83d\ude00\ud83d"])
@pytest.mark.parametrize("agent", READERS)
def test_half_of_a_character_hides_no_agent(agent: str, half: bytes) -> None:
    for data in sample_files(agent):
        spoilt = b"\n".join(line.replace(b"{", b'{"said":"' + half + b'",', 1) for line in data.split(b"\n"))
        assert READERS[agent].detect(spoilt[:200_000])


@pytest.mark.parametrize("agent", READERS)
@pytest.mark.parametrize("head", [b"", b"\n\n", b"{}", b"[]\n", b"\xff\xfe\x00", b'{"type":"message","role":"user"}\n'])
def test_nothing_else_is_claimed(agent: str, head: bytes) -> None:
    assert not READERS[agent].detect(head)


@pytest.mark.parametrize("agent", READERS)
def test_every_line_is_accounted_for(agent: str) -> None:
    for data in sample_files(agent):
        reading = read_bytes(data, READERS[agent])
        list(reading)
        tally = reading.tally
        assert tally.lines == data.count(b"\n")
        assert tally.lines == tally.blank + tally.spoken + tally.ignored + tally.unknown + tally.broken
        assert (tally.unknown, tally.broken, tally.defects) == (0, 0, 0)


@pytest.mark.parametrize("agent", READERS)
def test_reading_on_from_any_line_gives_what_reading_whole_gives(agent: str) -> None:
    data = min(sample_files(agent), key=len)
    whole = [encoded(event) for event in events_of(agent, data)]
    cuts = [place for place, byte in enumerate(data, start=1) if byte == ord("\n")]
    for cut in cuts:
        first = read_bytes(data[:cut], READERS[agent])
        found = [encoded(event) for event in first]
        assert first.position.offset == cut
        second = read_bytes(data, READERS[agent], start=first.position)
        assert found + [encoded(event) for event in second] == whole


@pytest.mark.parametrize("agent", READERS)
def test_a_torn_last_line_waits_and_is_read_when_it_is_whole(agent: str) -> None:
    data = min(sample_files(agent), key=len)
    last = data.rindex(b"\n", 0, -1) + 1
    for cut in (last + 1, last + 10, len(data) - 2):
        torn = read_bytes(data[:cut], READERS[agent])
        found = [encoded(event) for event in torn]
        assert torn.position.offset == last
        assert torn.torn_bytes == cut - last
        rest = read_bytes(data, READERS[agent], start=torn.position)
        assert found + [encoded(event) for event in rest] == [encoded(event) for event in events_of(agent, data)]


@pytest.mark.parametrize("agent", READERS)
def test_an_unterminated_whole_object_is_read_at_once_and_only_once(agent: str) -> None:
    data = min(sample_files(agent), key=len)
    first = read_bytes(data[:-1], READERS[agent])
    found = [encoded(event) for event in first]
    again = read_bytes(data, READERS[agent], start=first.position)
    assert [encoded(event) for event in again] == []
    assert found == [encoded(event) for event in events_of(agent, data)]


@pytest.mark.parametrize("agent", READERS)
def test_offsets_and_lines_point_at_the_cited_line(agent: str) -> None:
    for data in sample_files(agent):
        numbered = data.split(b"\n")
        for event in events_of(agent, data):
            assert data[: event.offset].count(b"\n") == event.line - 1
            assert data[event.offset :].split(b"\n")[0] == numbered[event.line - 1]


@pytest.mark.parametrize("agent", READERS)
def test_every_result_is_joined_to_its_call(agent: str) -> None:
    calls: dict[str, str] = {}
    joined = 0
    for data in sample_files(agent):
        for event in events_of(agent, data):
            calls.update({call.id: call.name for call in event.calls})
            for result in event.results:
                assert result.name == calls[result.call_id]
                joined += 1
    assert joined > 5


@pytest.mark.parametrize("agent", READERS)
def test_a_blank_file_has_no_events_and_no_defects(agent: str) -> None:
    reading = read_bytes(b"\n  \n\r\n", READERS[agent])
    assert list(reading) == []
    assert (reading.tally.lines, reading.tally.blank, reading.tally.defects) == (3, 3, 0)


@pytest.mark.parametrize("agent", READERS)
@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'{"type":"user",', "not JSON"),
        (b"[1,2]", "not an object"),
        (b'"text"', "not an object"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_line_between_good_ones_costs_only_itself(agent: str, broken: bytes, reason: str) -> None:
    good = min(sample_files(agent), key=len).splitlines(keepends=True)
    before = good[0]
    data = before + broken + b"\n" + b"".join(good[1:])
    reading = read_bytes(data, READERS[agent])
    found = [encoded(event, placed=False) for event in reading]
    assert found == [encoded(event, placed=False) for event in events_of(agent, b"".join(good))]
    assert [(each.offset, each.line, each.reason) for each in reading.tally.details] == [(len(before), 2, reason)]


@pytest.mark.parametrize("agent", READERS)
def test_a_long_string_where_a_folder_stands_costs_no_more_memory_than_itself(agent: str) -> None:
    long = 4_000_000
    for name, value in itertools.product(("cwd", "gitRoot", "directory"), ("a" * long, "\\n" * (long // 2))):
        data = f'{{"{name}":"{value}"}}\n'.encode()
        tracemalloc.start()
        READERS[agent].folders(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 6 * long


def encoded(event: Event, *, placed: bool = True) -> tuple[Any, ...]:
    """An event by value: raw JSON has no equality of its own; the ids of unnamed lines hold their place."""
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    values["parts"] = event.text
    values["calls"] = [(call.id, call.name, call.target, bytes(call.input)) for call in event.calls]
    if not placed:
        for name in ("offset", "line", "id"):
            del values[name]
    return tuple(map(str, values.values()))


# Claude Code --------------------------------------------------------------------------------------------------------


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "user", "uuid": "u1", "sessionId": "s1", "timestamp": "2026-01-05T09:00:00.000Z", "cwd": "/code/app",
        "message": {"role": "user", "content": content}, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "kind", "speaker", "text", "name"),
    [
        (user("use pnpm"), Kind.PROMPT, Speaker.HUMAN, "use pnpm", ""),
        (user([{"type": "text", "text": "use pnpm"}]), Kind.PROMPT, Speaker.HUMAN, "use pnpm", ""),
        (user("fix it <system-reminder>be kind</system-reminder>"), Kind.PROMPT, Speaker.HUMAN, "fix it", ""),
        (user("<ide_opened_file>a.py</ide_opened_file>\nfix it"), Kind.PROMPT, Speaker.HUMAN, "fix it", ""),
        (user([{"type": "image"}]), Kind.PROMPT, Speaker.HUMAN, "", ""),
        (
            user("<command-message>x</command-message>\n<command-name>/release</command-name>"
                 "<command-args>to staging</command-args>"),
            Kind.COMMAND, Speaker.HUMAN, "to staging", "/release",
        ),
        (user("[Request interrupted by user for tool use]"), Kind.INTERRUPTION, Speaker.HUMAN, "", ""),
        (user("Base directory for this skill: /x", isMeta=True), Kind.NOTICE, Speaker.SYSTEM, None, "meta"),
        (user("<task-notification>done</task-notification>"), Kind.NOTICE, Speaker.SYSTEM, None, ""),
        (user("<local-command-stdout>ok</local-command-stdout>"), Kind.NOTICE, Speaker.SYSTEM, None, ""),
        (user("Operation stopped by hook: no"), Kind.NOTICE, Speaker.SYSTEM, None, ""),
        (user("Implement the following plan:\n\n# Plan"), Kind.INSTRUCTION, Speaker.AGENT, None, ""),
        (user("look around", isSidechain=True, agentId="a1"), Kind.INSTRUCTION, Speaker.AGENT, "look around", ""),
        (user("This session is being continued from a previous", isCompactSummary=True),
         Kind.SUMMARY, Speaker.SYSTEM, None, ""),
        (user("<system-reminder>only this</system-reminder>"), Kind.NOTICE, Speaker.SYSTEM, None, "injected"),
    ],
)  # fmt: skip
def test_a_person_is_told_from_the_harness(
    line: dict[str, Any], kind: Kind, speaker: Speaker, text: str | None, name: str
) -> None:
    (event,) = events_of("claude-code", lines(line))
    assert (event.kind, event.speaker, event.name) == (kind, speaker, name)
    if text is not None:
        assert event.text == text


def test_an_answer_to_the_agents_question_is_a_persons_statement() -> None:
    call = {
        "type": "assistant", "uuid": "a1", "timestamp": "2026-01-05T09:00:00Z",
        "message": {"id": "m1", "model": "claude-opus-4-6", "content": [
            {"type": "tool_use", "id": "t1", "name": "AskUserQuestion", "input": {}}]},
    }  # fmt: skip
    result = user(
        [{"type": "tool_result", "tool_use_id": "t1", "content": "answered"}],
        toolUseResult={"questions": [], "answers": {"Which store?": "the blue one"}},
    )
    _, outcome, answer = events_of("claude-code", lines(call, result))
    assert outcome.results[0].outcome is Outcome.OK
    assert (answer.kind, answer.speaker, answer.text) == (Kind.ANSWER, Speaker.HUMAN, "the blue one")


def test_a_rejection_is_told_from_an_error_and_its_reason_is_a_persons_statement() -> None:
    said = "The user doesn't want to proceed with this tool use. To tell you how to proceed, the user said:\nask Ada"
    rejected = user([{"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": said}])
    failed = user([{"type": "tool_result", "tool_use_id": "t2", "is_error": True, "content": "Exit code 1"}])
    outcome, answer, error = events_of("claude-code", lines(rejected, failed))
    assert outcome.results[0].outcome is Outcome.REJECTED
    assert (answer.speaker, answer.text) == (Speaker.HUMAN, "ask Ada")
    assert error.results[0].outcome is Outcome.ERROR


def test_two_objects_glued_on_one_line_are_both_read() -> None:
    glued = lines(user("first")).rstrip() + lines(user("second", uuid="u2"))
    reading = read_bytes(glued, READERS["claude-code"])
    assert [event.text for event in reading] == ["first", "second"]
    assert [each.reason for each in reading.tally.details] == ["several objects on one line"]
    assert (reading.tally.lines, reading.tally.spoken) == (1, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"type":"user","uuid":7,"message":{"content":"kept"}}', "wrong type at uuid"),
        (b'{"type":"user","timestamp":"yesterday","message":{"content":"kept"}}', "wrong type at timestamp"),
        (b'{"type":"user","message":{"content":"kept","usage":"none"}}', "wrong type at message.usage"),
        (b'{"type":"user","message":{"content":"k\xffpt"}}', "invalid UTF-8"),
        (b'{"type":"user","message":{"content":"kept \\ud800"}}', "not standard JSON"),
        (b'{"type":"user","durationMs":NaN,"message":{"content":"kept"}}', "not standard JSON"),
    ],
)
def test_a_wrong_field_costs_that_field_only(line: bytes, reason: str) -> None:
    reading = read_bytes(line + b"\n", READERS["claude-code"])
    (event,) = reading
    assert event.kind is Kind.PROMPT
    assert event.text.startswith("k")
    assert [each.reason for each in reading.tally.details] == [reason]


def test_naive_and_aware_times_are_both_utc() -> None:
    naive, aware = events_of(
        "claude-code",
        lines(user("a", timestamp="2026-01-05T09:00:00"), user("b", timestamp="2026-01-05T10:00:00+01:00")),
    )
    assert naive.at == aware.at


def test_a_separator_inside_a_string_does_not_cut_the_line() -> None:
    (event,) = events_of("claude-code", '{"type":"user","message":{"content":"one\u2028two"}}\r\n'.encode())
    assert event.text == "one\u2028two"


@pytest.mark.parametrize(
    ("place", "native_id", "agent_id"),
    [
        ("-code-app/1111.jsonl", "1111", ""),
        ("-code-app/1111/subagents/agent-a1.jsonl", "1111", "a1"),
        ("-code-app/1111/subagents/workflows/run-1/agent-a1.jsonl", "1111", "a1"),
        ("-code-app/agent-a1.jsonl", "s1", "a1"),
    ],
)
def test_a_sub_agents_file_belongs_to_its_session(place: str, native_id: str, agent_id: str) -> None:
    head = lines(user("look around", isSidechain=True, agentId="a1"))
    identity = READERS["claude-code"].identify(PurePosixPath(place), head)
    assert (identity.native_id, identity.agent_id) == (native_id, agent_id)


def test_a_workflows_journal_is_no_transcript() -> None:
    assert not READERS["claude-code"].accepts(PurePosixPath("-code-app/1111/subagents/workflows/r/journal.jsonl"))


# Codex --------------------------------------------------------------------------------------------------------------


def envelope(kind: str, payload: dict[str, Any], at: str = "2026-01-05T09:00:00.000Z") -> dict[str, Any]:
    return {"timestamp": at, "type": kind, "payload": payload}


def test_only_typed_prompts_are_a_person_in_codex() -> None:
    data = lines(
        envelope("session_meta", {"id": "c1", "cwd": "/code/app", "cli_version": "0.140.0", "source": "cli"}),
        envelope("response_item", {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "<environment_context>x</environment_context>"}]}),
        envelope("response_item", {"type": "message", "role": "developer", "content": []}),
        envelope("event_msg", {"type": "user_message", "message": "use pnpm"}),
        envelope("event_msg", {"type": "user_message",
                 "message": "# Files mentioned by the user:\n\n## a.py\n\n## My request for Codex:\nrename it"}),
    )  # fmt: skip
    prompts = [event.text for event in events_of("codex", data) if event.speaker is Speaker.HUMAN]
    assert prompts == ["use pnpm", "rename it"]


def test_a_spawned_threads_prompts_come_from_an_agent() -> None:
    source = {"subagent": {"thread_spawn": {"parent_thread_id": "c0", "depth": 1}}}
    data = lines(
        envelope("session_meta", {"id": "c1", "source": source}),
        envelope("event_msg", {"type": "user_message", "message": "look around"}),
    )
    assert [event.speaker for event in events_of("codex", data) if event.kind is Kind.INSTRUCTION] == [Speaker.AGENT]
    identity = READERS["codex"].identify(PurePosixPath("2026/01/05/rollout.jsonl"), data)
    assert (identity.native_id, identity.agent_id, identity.parent_id) == ("c0", "c1", "c0")


def test_the_layout_of_2025_is_read() -> None:
    data = lines(
        {"id": "c9", "timestamp": "2025-08-01T10:00:00Z", "instructions": None, "git": {"branch": "main"}},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
        {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "f1"},
        {"type": "function_call_output", "call_id": "f1", "output": '{"output":"","metadata":{"exit_code":2}}'},
    )
    assert READERS["codex"].detect(data)
    found = events_of("codex", data)
    assert [event.text for event in found if event.speaker is Speaker.HUMAN] == ["hello"]
    (result,) = [result for event in found for result in event.results]
    assert (result.name, result.outcome) == ("shell", Outcome.ERROR)


@pytest.mark.parametrize(
    ("output", "outcome"),
    [
        ('{"output":"x","metadata":{"exit_code":0}}', Outcome.OK),
        ('{"output":"x","metadata":{"exit_code":1}}', Outcome.ERROR),
        ("Chunk ID: 1\nProcess exited with code 127\nOutput:", Outcome.ERROR),
        ("Exit code: 0\nOutput:\nExit code: 1", Outcome.OK),
        ("aborted by user after 3.1s", Outcome.INTERRUPTED),
        ("plain text", Outcome.OK),
    ],
)
def test_a_tools_outcome_is_read_from_what_it_states_first(output: str, outcome: Outcome) -> None:
    data = lines(envelope("response_item", {"type": "function_call_output", "call_id": "f1", "output": output}))
    (event,) = events_of("codex", data)
    assert event.results[0].outcome is outcome


def test_a_position_survives_being_stored() -> None:
    data = sample_files("codex")[0]
    reading = read_bytes(data, READERS["codex"])
    list(reading)
    assert reading.position == Position(len(data), data.count(b"\n"), reading.position.state)


def test_readers_fulfil_the_contract() -> None:
    for name, reader in READERS.items():
        checked: Reader = reader
        assert checked.agent == name
        assert checked.roots
