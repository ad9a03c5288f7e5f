"""What every processor promises, as tests to run on one's own.

Derive a class, name it `Test…` and set `processor`; pytest or unittest finds the rest.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from precedent import plugins
from precedent.pipeline.contract import Done, Extracted, Extraction, Processor, StoresBatches, purpose_of
from precedent.pipeline.stats import RunStats

from .clock import START_US
from .hostile import variants
from .pipeline import OURS, Pipeline
from .sessions import Session, damaged, samples
from .shelf import Row

ROUNDS = 10  # runs that a processor may put a transcript off
PIECES = 6  # in which a sample arrives
VARIANTS = 20  # damaged forms of each sample


class ProcessorContract:
    """Derive from it for your processor; each method whose name begins with `test` is one promise.

    Attributes:
        processor: yours, as `module:attribute`; or the object, and what needs child processes is left out.
        readers: `module:attribute` of readers by agent; by default those that are installed.
        forgets: what is replaced in a transcript is forgotten; false for a processor that keeps it on purpose.
    """

    processor: ClassVar[Processor | str]
    readers: ClassVar[Mapping[str, str] | None] = None
    forgets: ClassVar[bool] = True

    def sessions(self) -> Sequence[Session]:
        """Return the sessions to try it on: by default everything that the kit builds for the agents there are."""
        known = self.readers or {plugin.name: plugin.path for plugin in plugins.installed(plugins.READERS)}
        return [each for each in (*samples(), *damaged()) if each.agent in known]

    def pipeline(self, *, children: bool = False) -> Pipeline:
        """Return a new pipeline with your processor."""
        return Pipeline(self.processor, readers=self.readers, children=children)

    def outcome(self, pipeline: Pipeline) -> object:
        """Return what your processor has stored, so that two ways to the same are equal.

        By default all rows of all its tables, the session file instead of `transcript_id` and without a column `id`.
        Override it when your rows hold other numbers that depend on the order of work.
        """
        files = {row["id"]: row["session_file"] for row in pipeline.rows("transcript")}
        return {table: sorted(map(repr, _named(rows, files))) for table, rows in pipeline.results().items()}

    # The record -----------------------------------------------------------------------------------------------------

    def test_it_says_what_it_is(self) -> None:
        """Name, version and cadence have the form that the pipeline needs."""
        with self.pipeline() as pipeline:
            found = pipeline.processor
            assert isinstance(found, Processor), "a method or an attribute of the contract is missing"
            assert found.name and found.name == found.name.lower().strip(), f"{found.name!r} is no lower-case name"
            assert isinstance(found.version, int) and found.version > 0, f"version {found.version!r}"
            assert isinstance(found.cadence_s, int) and found.cadence_s > 0, f"cadence_s {found.cadence_s!r}"
            purpose_of(found)

    # Extraction -----------------------------------------------------------------------------------------------------

    def test_the_same_transcript_gives_the_same_extraction(self) -> None:
        """`extract` depends on its arguments only: not on time, chance or what was extracted before."""
        with self.pipeline() as pipeline:
            files = [pipeline.put(each) for each in self.sessions()]
            first = [pipeline.extract(file) for file in files]
            pipeline.time.advance(86_400)
            again = [pipeline.extract(file) for file in reversed(files)]
            assert first == again[::-1]

    def test_an_extraction_survives_the_way_between_processes(self) -> None:
        """It is one of the four answers, and what is sent is what arrives."""
        with self.pipeline() as pipeline:
            for each in self.sessions():
                found = pipeline.extract(pipeline.put(each))
                assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Extraction) == found

    def test_child_processes_find_the_same(self) -> None:
        """It can be loaded and run where production runs it."""
        if not isinstance(self.processor, str):
            return
        with self.pipeline() as here, self.pipeline(children=True) as there:
            for pipeline in (here, there):
                for each in self.sessions():
                    pipeline.put(each)
                self._run(pipeline)
            assert self.outcome(there) == self.outcome(here)

    def test_reading_in_pieces_gives_what_reading_whole_gives(self) -> None:
        """However often a transcript grows and is extracted in between, the same is stored."""
        with self.pipeline() as pieces, self.pipeline() as whole:
            for each in self.sessions():
                whole.put(each)
                for size in _sizes(each):
                    pieces.put(each, size=size)
                    self._run(pieces)
            self._run(whole)
            assert self.outcome(pieces) == self.outcome(whole)

    def test_any_bytes_are_survived(self) -> None:
        """Cut, mixed, damaged and forged transcripts are no reason to fail."""
        with self.pipeline() as pipeline:
            for number, each in enumerate(self.sessions()):
                for form, data in enumerate(variants(each.data, seed=number, count=VARIANTS)):
                    pipeline.put(data, name=f"damaged-{number}-{form}", agent=each.agent)
            self._run(pipeline)

    def test_a_transcript_that_says_nothing_is_done(self) -> None:
        """Blank lines are a transcript."""
        with self.pipeline() as pipeline:
            for each in self.sessions():
                pipeline.put(b"\n \n", name="blank", agent=each.agent)
            self._run(pipeline)

    # Storing --------------------------------------------------------------------------------------------------------

    def test_storing_again_changes_nothing(self) -> None:
        """What was extracted anew from the same content replaces what was stored of it."""
        with self.pipeline() as pipeline:
            files = [pipeline.put(each) for each in self.sessions()]
            self._run(pipeline)
            before = self.outcome(pipeline)
            found = pipeline.processor
            for file in files:
                transcript = pipeline.transcript(file)
                answer = found.extract(transcript, None)
                if isinstance(answer, Done):
                    with pipeline.store.write() as tx:
                        again = Extracted(ref=transcript.ref, payload=answer.payload, restarted=True)
                        items = found.store(again, tx)
                    assert isinstance(items, int) and items >= 0, f"store returned {items!r}"
            assert self.outcome(pipeline) == before

    def test_a_batch_stores_what_one_by_one_stores(self) -> None:
        """A processor that writes many at once writes the same."""
        with self.pipeline() as one, self.pipeline() as many:
            if not isinstance(one.processor, StoresBatches):
                return
            for each in self.sessions():
                for pipeline in (one, many):
                    pipeline.put(each)
                self._run(one)
            self._run(many)
            assert self.outcome(one) == self.outcome(many)

    def test_the_order_of_arrival_changes_nothing(self) -> None:
        """Transcripts come as laptops are opened."""
        with self.pipeline() as forth, self.pipeline() as back:
            for pipeline, each in ((forth, self.sessions()), (back, self.sessions()[::-1])):
                for session in each:
                    pipeline.put(session)
                    self._run(pipeline)
            assert self.outcome(forth) == self.outcome(back)

    def test_a_new_version_replaces_what_the_old_one_stored(self) -> None:
        """Everything is derived again, and nothing is there twice."""
        with self.pipeline() as pipeline:
            files = [pipeline.put(each) for each in self.sessions()]
            self._run(pipeline)
            before = self.outcome(pipeline)
            pipeline.upgrade()
            stats = self._run(pipeline)
            assert stats.reprocessed == len(set(files)), stats
            assert self.outcome(pipeline) == before

    def test_replaced_content_replaces_what_came_of_it(self) -> None:
        """A rewritten transcript is read from its start."""
        with self.pipeline() as pipeline, self.pipeline() as fresh:
            for each, other in zip(self.sessions(), self.sessions()[1:], strict=False):
                if each.agent != other.agent or not each.grows or not other.grows:
                    continue
                before, after = each.data, b"".join(other.data.splitlines(keepends=True)[1:])
                for shown, data in ((pipeline, before), (pipeline, after), (fresh, after)):
                    shown.put(data, name=f"replaced-{each.path.stem}", agent=each.agent)
                    self._run(shown)
            if self.forgets:
                assert self.outcome(pipeline) == self.outcome(fresh)

    # Removing -------------------------------------------------------------------------------------------------------

    def test_what_came_of_a_transcript_goes_with_it(self) -> None:
        """Whoever deletes or withdraws a session leaves nothing behind, and nobody else loses anything."""
        with self.pipeline() as pipeline, self.pipeline() as never:
            kept, gone = self.sessions()[::2], self.sessions()[1::2]
            for each in (*kept, *gone):
                pipeline.put(each)
            for each in kept:
                never.put(each)
            self._run(pipeline)
            self._run(never)
            pipeline.delete(*[pipeline.put(each) for each in gone])
            self._run(pipeline)
            assert self.outcome(pipeline) == self.outcome(never)

    def test_what_a_person_denies_leaves_nothing_until_it_is_allowed_again(self) -> None:
        """A withheld transcript is never seen, and what was derived from it before is gone."""
        with self.pipeline() as pipeline, self.pipeline() as never:
            kept, denied = self.sessions()[::2], self.sessions()[1::2]
            for each in (*kept, *denied):
                pipeline.put(each, person="ada" if each in kept else "bob")
            for each in kept:
                never.put(each)
            self._run(pipeline)
            self._run(never)
            before = self.outcome(pipeline)
            pipeline.consent("bob", allowed=False)
            self._run(pipeline)
            assert self.outcome(pipeline) == self.outcome(never)
            pipeline.consent("bob", allowed=True)
            self._run(pipeline)
            assert self.outcome(pipeline) == before

    def test_removing_what_was_never_stored_is_harmless(self) -> None:
        """Transcripts are deleted before the first run too, and on a database that the processor has never seen."""
        with self.pipeline() as pipeline, pipeline.store.write() as tx:
            pipeline.processor.remove([], tx)
            pipeline.processor.remove([1, 2**40], tx)

    def test_nothing_of_the_pipeline_is_written_to(self) -> None:
        """`store` and `remove` keep to the processor's own tables."""
        with self.pipeline() as pipeline:
            files = [pipeline.put(each) for each in self.sessions()]
            untouched = sorted(OURS - {"processor", "session_processor_state"})
            before = [pipeline.rows(table) for table in untouched]
            self._run(pipeline)
            ids = [pipeline.transcript(file).ref.id for file in files]
            with pipeline.store.write() as tx:
                pipeline.processor.remove(ids, tx)
            assert [pipeline.rows(table) for table in untouched] == before

    # Inside ---------------------------------------------------------------------------------------------------------

    def _run(self, pipeline: Pipeline) -> RunStats:
        """Run until everything is done; a processor may put transcripts off, and must not fail."""
        total = pipeline.run()
        for _ in range(ROUNDS):
            assert not total.errors and not total.paused, (total.errors_detail, total.paused)
            rows = pipeline.rows("session_processor_state")
            waiting = [row["next_attempt_at"] for row in rows if row["status"] == "pending"]
            if not waiting:
                return total
            pipeline.time.now = max(pipeline.time.now, *waiting, START_US)
            total.add(pipeline.run())
        raise AssertionError(f"{len(waiting)} transcripts were put off {ROUNDS} times")


def _sizes(session: Session) -> list[int]:
    """Return how long a session's file is each time it is looked at; the last time it is whole."""
    ends = [place for place, byte in enumerate(session.data, start=1) if byte == ord("\n")]
    return [*(ends[:: max(1, len(ends) // PIECES)] if session.grows else ()), len(session.data)]


def _named(rows: Sequence[Row], files: Mapping[int, str]) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        kept = {name: each for name, each in row.items() if name != "id"}
        if "transcript_id" in kept:
            kept["transcript_id"] = files.get(kept["transcript_id"], "gone")
        found.append(kept)
    return found
