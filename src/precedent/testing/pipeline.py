"""The pipeline in a test's hands: real runner, real database, real archive; time and chance stand still."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from precedent import plugins
from precedent.archive import consent
from precedent.archive.naming import session_file
from precedent.errors import BadInput, NotFound
from precedent.pipeline import backlog, state, withholding
from precedent.pipeline.backlog import FailedTranscript
from precedent.pipeline.child import load
from precedent.pipeline.contract import Extraction, Processor, Transcript, purpose_of
from precedent.pipeline.pool import Limits
from precedent.pipeline.runner import Budget, Runner
from precedent.pipeline.stats import RunStats
from precedent.store import Store
from precedent.store.schema import metadata, transcript, user
from precedent.store.schema import state as state_table
from precedent.transcripts.contract import Reader

from .clock import ManualTime
from .executor import InProcess
from .sessions import Session
from .shelf import Row, Shelf

HEAD_BYTES = 256 << 10
MAX_NAME_BYTES = 255
OURS = frozenset(
    {
        "alembic_version", "consent", "processor", "run", "session_processor_state", "tombstone", "transcript",
        "user_account", "worker",
    }
)  # fmt: skip
"""Tables of the pipeline itself: no processor writes to them."""


class State(NamedTuple):
    """What the pipeline knows of a processor's work on one transcript; columns of the same names.

    Attributes:
        status: `pending`, `done`, `dead`, `dropped` or `withheld`.
        attempts: failed ones since it was last done.
        next_attempt_at: UTC microseconds; not before.
        cursor: where the next extraction goes on; None to begin anew.
    """

    status: str
    attempts: int
    next_attempt_at: int
    error_class: str
    last_error: str
    items_extracted: int
    processor_version: int
    cursor: bytes | None


class Pipeline:
    """One processor and the transcripts it is given; a context manager that closes what it opened.

    It is the program's own runner on a SQLite database in memory and an archive in a temporary folder. Transcripts are
    scrubbed of secrets as when they are collected. Nothing happens by itself: `run` runs what is due by the clock
    `time`.

    Args:
        processor: the object, or its `module:attribute`.
        children: extract in child processes, as in production, instead of in this process; needs `module:attribute`.
        readers: `module:attribute` by agent; by default those that are installed.
        database_url: an empty database to use instead of the one in memory; `postgresql://…` for example.
        limits: of children.
        time: the clock.

    Raises:
        BadInput: children need to know where the processor is.
    """

    def __init__(
        self,
        processor: Processor | str,
        *,
        children: bool = False,
        readers: Mapping[str, str] | None = None,
        database_url: str = "sqlite:///:memory:",
        limits: Limits = Limits(time_s=60, processes=1),
        time: ManualTime | None = None,
    ) -> None:
        if children and not isinstance(processor, str):
            raise BadInput('children load the processor themselves: give it as "module:attribute"')
        self.path = processor if isinstance(processor, str) else ""
        self.processor: Processor = load(processor) if isinstance(processor, str) else processor
        self.time = time or ManualTime()
        paths = readers or {plugin.name: plugin.path for plugin in plugins.installed(plugins.READERS)}
        self._readers: dict[str, Reader] = {name: load(path) for name, path in paths.items()}
        self._folder = tempfile.TemporaryDirectory(prefix="precedent-testing-")
        self.store = Store(database_url)
        self._shelf = Shelf(self.store, Path(self._folder.name), listener=self, now=self.time.clock.now)
        with self.store.write() as tx:
            metadata.create_all(tx)
        self._runner = Runner(
            self.store, self._shelf.archive, readers=paths, limits=limits,
            executors=None if children else lambda found, _: InProcess(found), clock=self.time.clock,
        )  # fmt: skip
        self._agents: dict[str, str] = {}
        self._allowed = set[str]()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close database and folder."""
        self.close()

    def close(self) -> None:
        """Close database and folder."""
        self.store.close()
        self._folder.cleanup()

    # Transcripts ----------------------------------------------------------------------------------------------------

    def put(
        self,
        source: Session | bytes,
        *,
        name: str = "",
        agent: str = "",
        person: str = "ada",
        size: int | None = None,
    ) -> str:
        """Show the pipeline a transcript as its file is now, and return its session file.

        The first time it is new. Later, what was appended is taken as appended and other content as a replacement, as
        when it is collected. A last line that is not whole yet waits.

        Args:
            source: a session under construction, or a file's content.
            name: of the file without its ending, for content only; default: `session`.
            agent: whose it is, for content only; default: the one whose reader knows it.
            person: whom it belongs to; two persons' transcripts of the same name are two.
            size: bytes of it that are written so far; default: all.

        Raises:
            NotFound: no reader knows the content.
        """
        data = (source.data if isinstance(source, Session) else source)[:size]
        reader = self._reader(source.agent if isinstance(source, Session) else agent, data)
        place = source.path if isinstance(source, Session) else PurePosixPath("project") / f"{name or 'session'}.jsonl"
        identity = reader.identify(place, data[:HEAD_BYTES])
        file = session_file(person, identity, max_bytes=MAX_NAME_BYTES)
        if self._agents.setdefault(file, reader.agent) != reader.agent:
            file = session_file(person, identity, max_bytes=MAX_NAME_BYTES, apart=reader.agent)
            self._agents[file] = reader.agent
        self._shelf.shelve(file, data, reader=reader, identity=identity, person=person)
        if not purpose_of(self.processor).is_allowed_by_default and person not in self._allowed:
            with self.store.read() as tx:
                known = tx.scalar(sa.select(user.c.id).where(user.c.key == person))
            if known is not None:
                self.consent(person, allowed=True)
        return file

    def append(self, file: str, data: bytes) -> None:
        """Append to a transcript.

        Raises:
            NotFound: there is no such transcript.
        """
        grown = self._shelf.source(file) + data
        self._shelf.shelve(file, grown, reader=self._readers[self._agents[file]])

    def consent(self, person: str, *, allowed: bool) -> None:
        """Let a person allow or deny the processor's purpose for everything; at first everybody allows it.

        Raises:
            NotFound: nothing of them was put.
        """
        with self.store.write() as tx:
            user_id = tx.scalar(sa.select(user.c.id).where(user.c.key == person))
            if user_id is None:
                raise NotFound(f"no transcript of {person!r}")
            self._allowed.add(person)
            consent.put(
                tx, user_id, purpose_of(self.processor), project="", allowed=allowed, by=person, now=self.time.now
            )
            withholding.apply(tx, self.processor, user_id, now=self.time.now)

    def delete(self, *files: str) -> None:
        """Delete transcripts with all that was derived from them."""
        self._shelf.remove(*files)

    def archived(self, file: str) -> bytes:
        """Return a transcript as it is archived: scrubbed.

        Raises:
            NotFound: there is no such transcript.
        """
        ref, key = self._shelf.ref(file)
        return self._shelf.archive.read(key, start=0, end=ref.length)

    # Work -----------------------------------------------------------------------------------------------------------

    def run(self, *, budget: Budget = Budget()) -> RunStats:
        """Run the processor over what is due."""
        with self.store.write() as tx:
            state.register(tx, self.processor, now=self.time.now)
        return self._runner.run(self.processor, self.path, budget=budget)

    def upgrade(self) -> None:
        """Take the processor for the next version of itself from now on."""
        self.processor = _Newer(self.processor, self.processor.version + 1)

    def resume(self) -> None:
        """Let a processor that paused itself run again."""
        with self.store.write() as tx:
            state.pause(tx, self.processor.name, "")

    def retry(self, *files: str) -> None:
        """Try dead transcripts again."""
        with self.store.write() as tx:
            backlog.retry(tx, files, processor=self.processor.name, now=self.time.now)

    def extract(self, file: str, cursor: bytes | None = None) -> Extraction:
        """Extract in this process and store nothing."""
        return self.processor.extract(self.transcript(file), cursor)

    def transcript(self, file: str) -> Transcript:
        """Return what `extract` is given.

        Raises:
            NotFound: there is no such transcript.
        """
        ref, key = self._shelf.ref(file)
        return Transcript(ref, path=self._shelf.archive.path(key), reader=self._readers[ref.agent])

    # What came of it ------------------------------------------------------------------------------------------------

    def state(self, file: str) -> State:
        """Return what the pipeline knows of the work on a transcript, after the first run.

        Raises:
            NotFound: there is no such transcript.
        """
        self._shelf.source(file)
        where = state_table.c.session_file == file, state_table.c.processor_name == self.processor.name
        with self.store.read() as tx:
            return State(*tx.execute(sa.select(*[state_table.c[name] for name in State._fields]).where(*where)).one())

    def failed(self) -> list[FailedTranscript]:
        """Return the transcripts that wait for another attempt or were given up on."""
        with self.store.read() as tx:
            return backlog.failed(tx, waiting=True)

    def dead(self) -> list[FailedTranscript]:
        """Return the transcripts that were given up on."""
        with self.store.read() as tx:
            return backlog.failed(tx, waiting=False)

    def paused(self) -> str:
        """Return why the processor is paused; empty when it is not."""
        with self.store.read() as tx:
            return state.paused_reason(tx, self.processor.name)

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table, sorted; none when there is no such table."""
        with self.store.read() as tx:
            if not sa.inspect(tx).has_table(table):
                return []
            found = [dict(row) for row in tx.execute(sa.text(f"SELECT * FROM {table}")).mappings()]
        return sorted(({str(name): each for name, each in row.items()} for row in found), key=_order)

    def results(self) -> dict[str, list[Row]]:
        """Return everything that the processor has stored, by table."""
        with self.store.read() as tx:
            names = sa.inspect(tx).get_table_names()
        return {name: rows for name in sorted(names) if name not in OURS and (rows := self.rows(name))}

    # The archive's listener -----------------------------------------------------------------------------------------

    def changed(self, tx: sa.Connection, session_files: Sequence[str], *, now: int) -> None:
        """Make changed transcripts pending; see `archive.catalogue.Listener`."""
        state.mark_pending(tx, transcript.c.session_file.in_(session_files), now=now)

    def removed(self, tx: sa.Connection, transcript_ids: Sequence[int]) -> None:
        """Remove what was derived; see `archive.catalogue.Listener`."""
        self.processor.remove(transcript_ids, tx)
        state.forget(tx, transcript_ids)

    def forgotten(self, tx: sa.Connection, user_ids: Sequence[int], *, now: int) -> None:
        """Nobody is erased here; see `archive.catalogue.Listener`."""

    # Inside ---------------------------------------------------------------------------------------------------------

    def _reader(self, agent: str, data: bytes) -> Reader:
        if agent:
            return self._readers[agent]
        for reader in self._readers.values():
            if reader.detect(data[:HEAD_BYTES]):
                return reader
        raise NotFound(f"no reader knows this content; there are: {', '.join(self._readers)}")


class _Newer:
    """A processor in another version; all else is the processor's own."""

    def __init__(self, processor: Processor, version: int) -> None:
        self._processor, self.version = processor, version

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)


def _order(row: Row) -> list[tuple[bool, str, Any]]:
    return [(each is not None, type(each).__name__, each) for each in row.values()]
