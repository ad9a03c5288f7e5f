"""Executes runs durably: queue, workers and recovery, by DBOS Transact on SQLite or PostgreSQL.

Truth about what is done stands in our own tables; the engine may be emptied without losing a result. A run is one
workflow, at most one queued or under way per job; its work is cut into shards of transcripts, one step each. Where
several workers are alive, a run with much to do opens a lane on each.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer
from dbos import error as dbos_error

from precedent.clock import SECOND, Clock
from precedent.errors import Busy
from precedent.pipeline.stats import RunStats
from precedent.store import Store
from precedent.store.schema import worker

from .processing import PREFIX, Processing

VERSION = "1"
"""Pinned: by default it is a digest of the source, and what one version enqueued never runs under the next."""

JOBS, LANES = "precedent-jobs", "precedent-lanes"  # queues
RUN, LANE = "run", "lane"  # workflows
SHARD = 1000  # transcripts a step
FAN_OUT = 4 * SHARD  # due transcripts from which a run asks other workers for help
POLL_S = 1.0
BEAT_S = 5.0
DEAD_AFTER_S = 20.0
KEPT_FINISHED = 500  # workflows that the engine keeps after their end
STOP_S = 4

Job = Callable[[Callable[[], bool]], object]
"""A job that is no processor run: given a function that tells whether to stop, returns its counts."""

log = logging.getLogger(__name__)


class Engine:
    """One worker.

    Args:
        store: the database; PostgreSQL holds the engine's tables too.
        folder: holds the engine's own database when `store` is SQLite.
        processing: runs of processors.
        jobs: by name, what is no run of a processor.
        executor: unique and stable name of this worker: two that share one would do a step twice.
        clock: time.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        processing: Processing,
        *,
        jobs: dict[str, Job],
        executor: str,
        clock: Clock = Clock(),
    ) -> None:
        self._store, self._folder, self._executor, self._clock = store, folder, executor, clock
        self._stopping = threading.Event()
        self._beats: threading.Thread | None = None
        _define(store, processing, jobs, self._stopping.is_set)

    def start(self) -> None:
        """Begin to work; runs that this worker had under way when it died go on."""
        DBOS(config=_config(self._store, self._folder, self._executor))
        DBOS.launch()
        DBOS.register_queue(JOBS, worker_concurrency=4, polling_interval_sec=POLL_S)
        DBOS.register_queue(LANES, worker_concurrency=1, polling_interval_sec=POLL_S)
        self._beat()
        self._beats = threading.Thread(target=self._keep_beating, name="worker-heartbeat", daemon=True)
        self._beats.start()

    def submit(self, name: str) -> bool:
        """Queue a run of a job; false when one is queued or under way."""
        try:
            DBOS.enqueue_workflow_with_options(
                {
                    "workflow_name": RUN,
                    "queue_name": JOBS,
                    "deduplication_id": name,
                    "app_version": VERSION,
                },
                name,
            )
        except dbos_error.DBOSQueueDeduplicatedError:
            return False
        return True

    def stop(self) -> None:
        """End after what is under way, within `STOP_S`; what is not done by then goes on at the next start."""
        self._stopping.set()
        if self._beats is not None:
            self._beats.join()
        DBOS.destroy(workflow_completion_timeout_sec=STOP_S)
        with self._store.write() as tx:
            tx.execute(worker.delete().where(worker.c.id == self._executor))

    def _keep_beating(self) -> None:
        while not self._stopping.wait(BEAT_S):
            try:
                self._beat()
                self._take_over()
                self._tidy()
            except (sa.exc.SQLAlchemyError, dbos_error.DBOSException) as error:
                # The database may be away for a while; the next beat tries again.
                log.warning("heartbeat failed: %s", error)

    def _beat(self) -> None:
        now = self._clock.now()
        values = {"host": socket.gethostname(), "pid": os.getpid(), "heartbeat_at": now}
        with self._store.write() as tx:
            if not tx.execute(worker.update().where(worker.c.id == self._executor).values(**values)).rowcount:
                tx.execute(worker.insert().values(id=self._executor, started_at=now, **values))

    def _take_over(self) -> None:
        """Let the runs of workers that died go on here."""
        limit = self._clock.now() - round(DEAD_AFTER_S * SECOND)
        with self._store.write() as tx:
            dead = list(tx.scalars(sa.select(worker.c.id).where(worker.c.heartbeat_at < limit)))
            tx.execute(worker.delete().where(worker.c.id.in_(dead)))
        if dead:
            lost = DBOS.list_workflows(status="PENDING", executor_id=dead)
            DBOS.resume_workflows([each.workflow_id for each in lost])

    def _tidy(self) -> None:
        """The engine keeps every workflow for ever unless it is told otherwise."""
        ended = DBOS.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"], sort_desc=True, offset=KEPT_FINISHED, limit=KEPT_FINISHED,
            load_input=False, load_output=False,
        )  # fmt: skip
        if ended:
            DBOS.delete_workflows([each.workflow_id for each in ended])


def _define(store: Store, processing: Processing, jobs: dict[str, Job], stopping: Callable[[], bool]) -> None:
    """Register the workflows; arguments and results are JSON, so that any version can read them."""

    @DBOS.step(name="job")
    def job(name: str) -> str:
        return msgspec.json.encode(jobs[name](stopping)).decode()

    @DBOS.step(name="begin")
    def begin(name: str) -> tuple[int, int]:
        try:
            run_id = processing.begin(name)
        except Busy:
            return 0, 0
        if processing.due(name) < FAN_OUT:
            return run_id, 0
        with store.read() as tx:
            return run_id, max(0, (tx.scalar(sa.select(sa.func.count()).select_from(worker)) or 0) - 1)

    @DBOS.step(name="shard")
    def shard(name: str, run_id: int) -> str:
        stats = processing.work(name, run_id, transcripts=SHARD, stopping=stopping)
        return msgspec.json.encode(stats).decode()

    @DBOS.step(name="end")
    def end(run_id: int, stats: str) -> None:
        processing.end(run_id, msgspec.json.decode(stats, type=RunStats))

    def work(name: str, run_id: int) -> RunStats:
        total = RunStats(processor=name)
        while True:
            stats = msgspec.json.decode(shard(name, run_id), type=RunStats)
            total.add(stats)
            if stats.paused or not stats.processed + stats.errors + stats.skipped:
                return total

    @DBOS.workflow(name=LANE)
    def lane(name: str, run_id: int) -> str:
        return msgspec.json.encode(work(name, run_id)).decode()

    @DBOS.workflow(name=RUN)
    def run(name: str) -> str:
        if not name.startswith(PREFIX):
            return job(name)
        processor = name.removeprefix(PREFIX)
        run_id, helpers = begin(processor)
        if not run_id:
            return "{}"
        options: Any = {"workflow_name": LANE, "queue_name": LANES, "app_version": VERSION}
        lanes = [DBOS.enqueue_workflow_with_options(options, processor, run_id) for _ in range(helpers)]
        total = work(processor, run_id)
        for each in lanes:
            total.add(msgspec.json.decode(each.get_result(), type=RunStats))
        stats = msgspec.json.encode(total).decode()
        end(run_id, stats)
        return stats


def _config(store: Store, folder: Path, executor: str) -> DBOSConfig:
    if store.is_sqlite:
        url = f"sqlite:///{folder / 'engine.db'}"
        _set_write_ahead_log(url)
    else:
        url = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return {
        "name": "precedent",
        "system_database_url": url,
        "application_version": VERSION,
        "executor_id": executor,
        "log_level": "WARNING",
        "serializer": DBOSPortableJSONSerializer(),  # by default it pickles, which no other version could read
        "sys_db_pool_size": 4,
        "notification_listener_polling_interval_sec": POLL_S,
    }


def _set_write_ahead_log(url: str) -> None:
    """The mode is a property of the file, which the engine would leave at the slow default."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    engine.dispose()
