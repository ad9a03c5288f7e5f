"""The kit can be trusted: its pipeline is the real one, and each promise of its suites is broken by something."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec
import pytest
import sqlalchemy as sa

from conftest import TESTS
from precedent import plugins
from precedent.errors import BadInput, Misconfigured, NotFound, Transient
from precedent.model import Tokens
from precedent.pipeline.contract import Done, Extracted, Extraction, Later, Processor, Reject, Transcript
from precedent.pipeline.retry import MAX_ATTEMPTS
from precedent.pipeline.stats import RunStats
from precedent.testing import (
    AGENTS,
    ClaudeCode,
    ManualTime,
    Pipeline,
    ProcessorContract,
    ReaderContract,
    damaged,
    samples,
    variants,
)
from precedent.transcripts import claude_code
from precedent.transcripts.contract import Identity, LinesParser, Parsed, Parser
from precedent.transcripts.events import Event, Kind
from precedent.transcripts.reading import Position

TABLE = "CREATE TABLE IF NOT EXISTS prompt_seen (transcript_id BIGINT, line BIGINT, words BIGINT)"


class Prompts:
    """Stores one row a prompt; keeps every promise."""

    name, version, cadence_s = "prompts", 1, 60

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        begun = msgspec.msgpack.decode(cursor, type=Position) if cursor else Position()
        reading = transcript.read(begun)
        rows = [(each.line, len(each.text.split())) for each in reading if each.kind is Kind.PROMPT]
        payload = msgspec.msgpack.encode((begun.offset == 0, rows))
        return Done(payload=payload, cursor=msgspec.msgpack.encode(reading.position))

    def store(self, extracted: Extracted, tx: sa.Connection) -> int:
        anew, rows = msgspec.msgpack.decode(extracted.payload)
        tx.exec_driver_sql(TABLE)
        if anew:
            self.remove([extracted.ref.id], tx)
        for line, words in rows:
            tx.exec_driver_sql("INSERT INTO prompt_seen VALUES (?, ?, ?)", (extracted.ref.id, line, words))
        return len(rows)

    def remove(self, transcript_ids: Sequence[int], tx: sa.Connection) -> None:
        tx.exec_driver_sql(TABLE)
        for each in transcript_ids:
            tx.exec_driver_sql("DELETE FROM prompt_seen WHERE transcript_id = ?", (each,))


PROMPTS = Prompts()


class TestPrompts(ProcessorContract):
    processor = PROMPTS


# The pipeline -------------------------------------------------------------------------------------------------------


def test_what_is_appended_is_read_on_and_nothing_is_read_twice() -> None:
    session = ClaudeCode("one").prompt("look at berth 7")
    with Pipeline(PROMPTS) as pipeline:
        file = pipeline.put(session)
        assert pipeline.run() == RunStats(processor="prompts", scanned=1, processed=1, items_extracted=1)
        assert pipeline.run() == RunStats(processor="prompts")
        assert pipeline.put(session.reply().prompt("and at berth 8 too")) == file
        assert pipeline.run().items_extracted == 1
        assert [row["words"] for row in pipeline.rows("prompt_seen")] == [4, 5]
        pipeline.append(file, ClaudeCode("other").prompt("one more").data)
        assert pipeline.state(file).status == "pending"
        assert pipeline.run().items_extracted == 1
        assert pipeline.state(file).status == "done"
        pipeline.delete(file)
        assert pipeline.results() == {}


def test_a_torn_last_line_waits_and_replaced_content_is_read_anew() -> None:
    session = ClaudeCode("one").prompt("look at berth 7").prompt("and at berth 8 too")
    with Pipeline(PROMPTS) as pipeline:
        file = pipeline.put(session, size=len(session.data) - 10)
        pipeline.run()
        assert [row["words"] for row in pipeline.rows("prompt_seen")] == [4]
        pipeline.put(session)
        pipeline.run()
        assert [row["words"] for row in pipeline.rows("prompt_seen")] == [4, 5]
        assert pipeline.put(ClaudeCode("one").prompt("something else")) == file
        pipeline.run()
        assert [row["words"] for row in pipeline.rows("prompt_seen")] == [2]


class Failing(Prompts):
    """Fails as often as it is told to."""

    def __init__(self, *failures: Exception | Extraction) -> None:
        self.failures = list(failures)

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, Exception):
            raise failure
        return failure or super().extract(transcript, cursor)


def test_retries_wait_for_the_clock_that_the_test_holds() -> None:
    with Pipeline(Failing(Transient("away"))) as pipeline:
        file = pipeline.put(ClaudeCode("one").prompt("look"))
        assert pipeline.run().errors == 1
        assert (pipeline.state(file).attempts, pipeline.state(file).error_class) == (1, "transient")
        assert [each.session_file for each in pipeline.failed()] == [file]
        assert pipeline.run().scanned == 0
        pipeline.time.advance(60)
        assert pipeline.run().processed == 1
        assert pipeline.failed() == []


def test_poison_ends_in_the_dead_letter_and_can_be_tried_again() -> None:
    attempts = MAX_ATTEMPTS["unclassified"]
    with Pipeline(Failing(*[ValueError("poison")] * attempts)) as pipeline:
        file = pipeline.put(ClaudeCode("one").prompt("look"))
        for _ in range(attempts):
            pipeline.run()
            pipeline.time.advance(86_400)
        (dead,) = pipeline.dead()
        assert (dead.session_file, dead.attempts, dead.error) == (file, attempts, "ValueError: poison")
        pipeline.retry(file)
        assert pipeline.run().processed == 1


def test_putting_off_rejecting_and_pausing_are_seen() -> None:
    with Pipeline(Failing(Later(after_s=30), Misconfigured("no key"), Reject(reason="never"))) as pipeline:
        file = pipeline.put(ClaudeCode("one").prompt("look"))
        assert pipeline.run().later == 1
        pipeline.time.advance(30)
        assert pipeline.run().paused == pipeline.paused() == "Misconfigured: no key"
        assert pipeline.run().scanned == 0
        pipeline.resume()
        assert pipeline.run().dead == 1
        assert pipeline.state(file).status == "dead"


def test_secrets_are_scrubbed_before_a_processor_sees_them() -> None:
    secret = "ghp_" + "9aB8cD7eF6gH5iJ4kL3mN2oP1qR0sT9uV8wX"
    with Pipeline(PROMPTS) as pipeline:
        file = pipeline.put(ClaudeCode("one").prompt(f"my token is {secret}"))
        assert b"[REDACTED:github-token]" in pipeline.archived(file)
        (event,) = pipeline.transcript(file).read()
        assert secret not in event.text


def test_persons_and_agents_of_the_same_session_name_are_kept_apart() -> None:
    agents = [agent for agent in AGENTS if agent in plugins.readers()]
    with Pipeline(PROMPTS) as pipeline:
        files = [
            pipeline.put(AGENTS[agent]("one").prompt("look"), person=person)
            for agent, person in itertools.product(agents, ("ada", "grace"))
        ]
        assert len(set(files)) == len(agents) * 2
        assert pipeline.run().processed == len(files)


def test_what_the_pipeline_does_not_know_is_refused_by_name() -> None:
    with Pipeline(PROMPTS) as pipeline, pytest.raises(NotFound, match="no reader"):
        pipeline.put(b"not a transcript\n")
    with Pipeline(PROMPTS) as pipeline:
        for ask in (pipeline.transcript, pipeline.state, pipeline.archived, lambda file: pipeline.append(file, b"")):
            with pytest.raises(NotFound, match=r"ada/none\.jsonl"):
                ask("ada/none.jsonl")
    with pytest.raises(BadInput, match="module:attribute"):
        Pipeline(PROMPTS, children=True)


def test_time_stands_still_until_it_is_advanced() -> None:
    time = ManualTime(chance=0.25)
    before = time.clock.now()
    time.advance(1.5)
    assert (time.clock.now() - before, time.clock.random()) == (1_500_000, 0.25)


# The builders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", [*samples(), *damaged()], ids=lambda each: f"{each.agent} {each.id[:8]}")
def test_a_builder_writes_what_its_agents_reader_knows_and_accepts(session: Any) -> None:
    if session.agent not in plugins.readers():
        pytest.skip("no reader of this agent is installed")
    reader, _ = plugins.readers()[session.agent]
    assert reader.accepts(session.path) and reader.detect(session.data)
    identity = reader.identify(session.path, session.data)
    assert session.id in {identity.native_id, identity.agent_id, identity.parent_id}


def test_the_same_calls_give_the_same_bytes_and_another_name_other_ids() -> None:
    assert [each.data for each in samples()] == [each.data for each in samples()]
    first, second = ClaudeCode("one").prompt("look"), ClaudeCode("two").prompt("look")
    assert first.id != second.id and first.data != second.data
    assert len({(each.agent, each.path) for each in samples()}) == len(samples())


def test_damage_is_the_same_for_the_same_seed_and_other_for_another() -> None:
    data = samples()[0].data
    assert list(variants(data, seed=1)) == list(variants(data, seed=1)) != list(variants(data, seed=2))


# The suites can fail ------------------------------------------------------------------------------------------------


class Nameless(Prompts):
    name = "Prompts "


class Moody(Prompts):
    def __init__(self) -> None:
        self._calls = 0

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        self._calls += 1
        return Done(payload=msgspec.msgpack.encode((True, [(1, self._calls)])))


class Chatty(Prompts):
    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        return Done(payload=cast(bytes, "text"))


class Forgetful(Prompts):
    """Reads from the start each time and replaces nothing."""

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        found = super().extract(transcript, None)
        _, rows = msgspec.msgpack.decode(cast(Done, found).payload)
        return Done(payload=msgspec.msgpack.encode((False, rows)))


class Fragile(Prompts):
    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        events = list(transcript.read())
        assert events and all(event.at is not None for event in events)
        return super().extract(transcript, cursor)


class Numbering(Prompts):
    """Numbers what comes in the order in which it comes."""

    def store(self, extracted: Extracted, tx: sa.Connection) -> int:
        items = super().store(extracted, tx)
        count = tx.exec_driver_sql("SELECT count(*) FROM prompt_seen").scalar()
        tx.exec_driver_sql("UPDATE prompt_seen SET words = ? WHERE transcript_id = ?", (count, extracted.ref.id))
        return items


class Keeping(Prompts):
    def remove(self, transcript_ids: Sequence[int], tx: sa.Connection) -> None:
        tx.exec_driver_sql(TABLE)


class Presuming(Prompts):
    def remove(self, transcript_ids: Sequence[int], tx: sa.Connection) -> None:
        for each in transcript_ids:
            tx.exec_driver_sql("DELETE FROM prompt_seen WHERE transcript_id = ?", (each,))


class Meddling(Prompts):
    def store(self, extracted: Extracted, tx: sa.Connection) -> int:
        tx.exec_driver_sql("UPDATE transcript SET folders = '' WHERE id = ?", (extracted.ref.id,))
        return super().store(extracted, tx)


class Hasty(Prompts):
    """Writes a batch as if it were its first only."""

    def store_batch(self, batch: Sequence[Extracted], tx: sa.Connection) -> list[int]:
        return [self.store(batch[0], tx) for _ in batch]


HASTY = Hasty()
BROKEN: dict[str, tuple[Processor | str, ...]] = {
    "test_it_says_what_it_is": (Nameless(),),
    "test_the_same_transcript_gives_the_same_extraction": (Moody(),),
    "test_an_extraction_survives_the_way_between_processes": (Chatty(),),
    "test_child_processes_find_the_same": ("kit_plugins:AT_HOME",),
    "test_reading_in_pieces_gives_what_reading_whole_gives": (Forgetful(), Moody()),
    "test_any_bytes_are_survived": (Fragile(),),
    "test_a_transcript_that_says_nothing_is_done": (Fragile(),),
    "test_storing_again_changes_nothing": (Forgetful(), Numbering(), Keeping()),
    "test_a_batch_stores_what_one_by_one_stores": (HASTY,),
    "test_the_order_of_arrival_changes_nothing": (Numbering(),),
    "test_a_new_version_replaces_what_the_old_one_stored": (Forgetful(),),
    "test_replaced_content_replaces_what_came_of_it": (Forgetful(), Keeping()),
    "test_what_came_of_a_transcript_goes_with_it": (Keeping(),),
    "test_what_a_person_denies_leaves_nothing_until_it_is_allowed_again": (Keeping(),),
    "test_removing_what_was_never_stored_is_harmless": (Presuming(),),
    "test_nothing_of_the_pipeline_is_written_to": (Meddling(),),
}


def promises(suite: type) -> list[str]:
    return [name for name in vars(suite) if name.startswith("test")]


@pytest.mark.parametrize(("promise", "processor"), [(name, each) for name, broken in BROKEN.items() for each in broken])
def test_each_promise_of_the_suite_for_processors_can_be_broken(
    promise: str, processor: Processor | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    suite = type("Broken", (ProcessorContract,), {"processor": processor})()
    with pytest.raises((AssertionError, sa.exc.SQLAlchemyError, msgspec.ValidationError)):
        getattr(suite, promise)()


def test_every_promise_of_the_suite_for_processors_is_tried_so() -> None:
    assert set(promises(ProcessorContract)) == set(BROKEN)


class Altered:
    """Claude Code's reader with some of its methods replaced."""

    def __init__(self, parser: Callable[[Parser], Parser] = lambda parser: parser, **others: Any) -> None:
        self._parser, self._others = parser, others

    def __getattr__(self, name: str) -> Any:
        return self._others.get(name, getattr(claude_code.READER, name))

    def parser(self, state: bytes = b"") -> Parser:
        return self._parser(claude_code.READER.parser(state))


class Worse:
    """A parser around another; what is not replaced is the other's."""

    def __init__(self, parser: Parser) -> None:
        self._inner = parser

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        return self._inner.parse(data, offset=offset, line=line)


class Stateless(Worse):
    def state(self) -> bytes:
        return b""


class Strict(Worse):
    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        json.loads(data)
        return super().parse(data, offset=offset, line=line)


class Silent(Worse):
    """Says nothing of broken lines, and takes them for known ones."""

    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            self._inner.tally.ignored += 1
            return ()
        return super().parse(data, offset=offset, line=line)


class Uncounted(Worse):
    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        found = super().parse(data, offset=offset, line=line)
        self._inner.tally.ignored = 0
        return () if b"file-history-snapshot" in data else found


class Elsewhere(Worse):
    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        found = super().parse(data, offset=offset, line=line)
        return [changed(each, line=each.line + 1) for each in found]


class Unjoined(Worse):
    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        found = super().parse(data, offset=offset, line=line)
        return [changed(each, calls=()) for each in found]


class Negative(Worse):
    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        found = super().parse(data, offset=offset, line=line)
        less = Tokens(input=-1)
        return [changed(each, requests=tuple(changed(one, tokens=less) for one in each.requests)) for each in found]


class Greeting(Worse):
    """Says one thing more each time it begins."""

    def __init__(self, parser: Parser) -> None:
        super().__init__(parser)
        self._greeted = False

    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        found = super().parse(data, offset=offset, line=line)
        greeting, self._greeted = [] if self._greeted else found[:1], True
        return [*greeting, *found]


class Numbered(Worse):
    """Numbers all events that any parser ever tells."""

    numbers = itertools.count()

    def parse(self, data: bytes | bytearray, *, offset: int, line: int) -> Sequence[Event]:
        found = super().parse(data, offset=offset, line=line)
        return [changed(each, id=str(next(self.numbers))) for each in found]


class Overhasty(Worse):
    """Leaves out something when it is given many lines."""

    def parse_lines(self, lines: Iterator[bytes], *, offset: int, line: int) -> Parsed:
        assert isinstance(self._inner, LinesParser)
        parsed = self._inner.parse_lines(lines, offset=offset, line=line)
        return parsed._replace(events=parsed.events[1:])


class Prejudiced(Worse):
    def __init__(self, parser: Parser) -> None:
        super().__init__(parser)
        parser.tally.defects = 1


def changed(value: Any, **fields: Any) -> Any:
    return type(value)(**{name: getattr(value, name) for name in value.__struct_fields__} | fields)


def raising(*_: object) -> Any:
    raise ValueError("unexpected")


BROKEN_READERS: dict[str, Altered] = {
    "test_it_has_a_name_and_roots": Altered(roots=("/etc",)),
    "test_its_transcripts_are_known_by_content": Altered(detect=lambda head: False),
    "test_no_other_content_is_claimed": Altered(detect=lambda head: True),
    "test_any_place_and_content_is_named": Altered(identify=lambda path, head: Identity(native_id="")),
    "test_folders_are_found_in_any_bytes": Altered(folders=raising),
    "test_every_line_is_accounted_for": Altered(Uncounted),
    "test_events_stand_where_they_say": Altered(Elsewhere),
    "test_results_are_joined_to_their_calls": Altered(Unjoined),
    "test_tokens_are_counts": Altered(Negative),
    "test_reading_on_from_any_line_gives_what_reading_whole_gives": Altered(Stateless),
    "test_any_bytes_are_read_without_an_exception": Altered(Strict),
    "test_damaged_files_in_pieces_give_what_they_give_whole": Altered(Stateless),
    "test_many_lines_at_a_time_give_what_each_by_itself_gives": Altered(Overhasty),
    "test_a_broken_line_costs_only_itself": Altered(Silent),
    "test_a_blank_file_says_nothing": Altered(Prejudiced),
    "test_a_torn_last_line_waits_until_it_is_whole": Altered(Greeting),
    "test_a_last_object_without_its_newline_is_read_once": Altered(Numbered),
}


@pytest.mark.parametrize("promise", BROKEN_READERS)
def test_each_promise_of_the_suite_for_readers_can_be_broken(promise: str) -> None:
    suite = type("Broken", (ReaderContract,), {"reader": BROKEN_READERS[promise]})()
    with pytest.raises((AssertionError, ValueError)):
        getattr(suite, promise)()


def test_every_promise_of_the_suite_for_readers_is_tried_so() -> None:
    assert set(promises(ReaderContract)) == set(BROKEN_READERS)


# What it needs ------------------------------------------------------------------------------------------------------


def test_the_kit_needs_no_test_framework() -> None:
    code = "import sys; sys.modules['pytest'] = None; import precedent.testing"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_example_of_the_reference_page_works() -> None:
    page = (TESTS.parent / "docs" / "reference" / "testing.md").read_text("utf-8")
    example = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["session"].data.count(b"\n") == 4
