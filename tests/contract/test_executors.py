"""What every executor of `extract` promises the runner: child processes and the kit's in-process one alike."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from conftest import TESTS
from precedent.errors import ContractBroken, Misconfigured, Terminal, Transient
from precedent.pipeline.contract import Done, Extracted, Extraction, Later, Reject, Retry, Transcript, TranscriptRef
from precedent.pipeline.executor import Executor
from precedent.pipeline.pool import Limits, Pool
from precedent.pipeline.wire import Answer, Failed, Task, frame
from precedent.testing import ClaudeCode, InProcess

if TYPE_CHECKING:
    import sqlalchemy as sa

ANSWERS: dict[str, Extraction] = {
    "done": Done(payload=b"\x00\xff" * 500, cursor=b"here"),
    "retry": Retry(reason="not now", after_s=1.5),
    "later": Later(after_s=60),
    "reject": Reject(reason="never"),
}
FAILURES: dict[str, tuple[Exception, str]] = {
    "terminal": (Terminal("for good"), "terminal"),
    "transient": (Transient("for now"), "transient"),
    "misconfigured": (Misconfigured("no key"), "misconfigured"),
    "contract": (ContractBroken("wrong"), "contract"),
    "value": (ValueError("odd"), "unclassified"),
    "memory": (MemoryError(), "memory"),
    "os": (OSError("disk"), "transient"),
}


class Told:
    """Does what the session's only prompt says."""

    name, version, cadence_s = "told", 1, 60

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        (event,) = transcript.read()
        if event.text in ANSWERS:
            return ANSWERS[event.text]
        if event.text in FAILURES:
            raise FAILURES[event.text][0]
        if event.text == "cursor":
            return Done(payload=cursor or b"none")
        if event.text == "text":
            return Done(payload=cast(bytes, "not bytes"))
        if event.text == "print":
            print("garbage", "\xff\0" * 100, flush=True)
            os.write(1, b"")
        return cast(Extraction, event.text)

    def store(self, extracted: Extracted, tx: "sa.Connection") -> int:
        raise NotImplementedError

    def remove(self, transcript_ids: Sequence[int], tx: "sa.Connection") -> None:
        raise NotImplementedError


PROCESSOR = Told()
Ask = Callable[..., list[Answer]]


@pytest.fixture(params=["in process", "children"])
def ask(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """A function that has prompts extracted and returns the answers in the prompts' order."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(Path(__file__).parent)]))

    def executor() -> Executor:
        if request.param == "in process":
            return InProcess(PROCESSOR)
        return Pool("test_executors:PROCESSOR", limits=Limits(time_s=60, processes=1))

    def ask(*prompts: str, cursor: bytes | None = None) -> list[Answer]:
        tasks = [task(tmp_path, number, prompt, cursor) for number, prompt in enumerate(prompts)]
        with executor() as found:
            found.start(len(tasks))
            finished = list(found.run(iter(tasks)))
        assert sorted(each.task.ref.id for each in finished) == list(range(len(tasks)))
        return [each.answer for each in sorted(finished, key=lambda each: each.task.ref.id)]

    return ask


def task(folder: Path, number: int, prompt: str, cursor: bytes | None) -> Task:
    data = ClaudeCode(number).prompt(prompt).data
    path = folder / f"{number}.jsonl"
    path.write_bytes(data)
    ref = TranscriptRef(
        id=number, session_file=f"ada/{number}.jsonl", user_id=1, username="ada", agent="claude-code",
        native_id=str(number), agent_id="", parent_id="", generation=0, revision=1, length=len(data),
        content_hash="", observed_at=0,
    )  # fmt: skip
    return Task(ref=ref, path=str(path), reader="precedent.transcripts.claude_code:READER", cursor=cursor)


def test_every_task_is_answered_with_what_extract_returned(ask: Ask) -> None:
    assert ask(*ANSWERS) == list(ANSWERS.values())


def test_what_extract_raises_is_an_answer_of_its_class(ask: Ask) -> None:
    found = ask(*FAILURES)
    assert [cast(Failed, each).kind for each in found] == [kind for _, kind in FAILURES.values()]
    assert "for good" in cast(Failed, found[0]).error


def test_a_failure_costs_its_own_task_only(ask: Ask) -> None:
    before, failed, after = ask("done", "value", "done")
    assert before == after == ANSWERS["done"]
    assert isinstance(failed, Failed)


@pytest.mark.parametrize("prompt", ["none of the four", "text"])
def test_what_is_no_extraction_is_a_broken_contract(ask: Ask, prompt: str) -> None:
    (found,) = ask(prompt)
    assert isinstance(found, Failed) and found.kind == "contract"


@pytest.mark.parametrize("cursor", [None, b"", b"\x00\xff"])
def test_the_cursor_arrives_as_it_was_given(ask: Ask, cursor: bytes | None) -> None:
    assert ask("cursor", cursor=cursor) == [Done(payload=cursor or b"none")]


def test_printing_is_no_answer(ask: Ask, capfd: Any) -> None:
    (found,) = ask("print")
    assert isinstance(found, Failed) and found.kind == "contract"


def test_no_tasks_give_no_answers(ask: Ask) -> None:
    assert ask() == []


def test_a_child_whose_asker_has_died_ends_without_a_word(tmp_path: Path) -> None:
    asks, answers = os.pipe()
    os.close(asks)
    done = subprocess.run(
        [sys.executable, "-m", "precedent.pipeline.child", "test_executors:PROCESSOR", "0"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(Path(__file__).parent)])},
        input=frame(task(tmp_path, 0, "done", None)),
        stdout=answers,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(answers)
    assert (done.returncode, done.stderr) == (1, b"")
