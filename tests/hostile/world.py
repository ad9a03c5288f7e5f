"""Collects and counts for all six agents, whichever readers are registered."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from precedent.app import App
from precedent.archive.collect import Collector, CollectStats
from precedent.archive.sources import Home
from precedent.jobs.pending import Pending
from precedent.pipeline.pool import Limits
from precedent.pipeline.runner import Runner
from precedent.pipeline.stats import RunStats
from precedent.plugins import PROCESSORS, installed, load

from .agents import AGENTS
from .cases import Told

USAGE = next(plugin for plugin in installed(PROCESSORS) if plugin.name == "usage")
READERS = {agent.reader.agent: agent.reader for agent in AGENTS.values()}
MODULES = {agent.reader.agent: agent.module for agent in AGENTS.values()}
LIMITS = Limits(time_s=120, memory_bytes=1 << 30, processes=1)


class Seen(NamedTuple):
    """What the figures say of one transcript.

    Attributes:
        told: its defects, those that are kept with their place.
    """

    lines: int
    defects: int
    prompts: int
    requests: int
    told: tuple[Told, ...]


class Chain:
    """The way from files in homes to figures."""

    def __init__(self, app: App) -> None:
        self._app = app
        app.processing.register_all()
        self._collector = Collector(app.store, app.archive, readers=READERS, listener=Pending(), clock=app.clock)
        self._runner = Runner(app.store, app.archive, readers=MODULES, limits=LIMITS, clock=app.clock)

    def collect(self, homes: Iterable[Home]) -> CollectStats:
        return self._collector.collect(homes)

    def count(self) -> RunStats:
        return self._runner.run(load(USAGE), USAGE.path)

    def seen(self) -> dict[str, Seen]:
        """Return what is known by native id."""
        with self._app.store.read() as tx:
            told: dict[str, list[Told]] = {}
            query = (
                "SELECT native_id, byte_offset, line, reason FROM usage_defect "
                "JOIN transcript ON transcript.id = transcript_id ORDER BY usage_defect.id"
            )
            for native, *place in tx.exec_driver_sql(query):
                told.setdefault(native, []).append(Told(*place))
            prompts = Counter(
                tx.exec_driver_sql(
                    "SELECT native_id FROM usage_event JOIN transcript ON transcript.id = transcript_id "
                    "JOIN usage_name ON usage_name.id = name_id WHERE kind = 'prompt'"
                ).scalars()
            )
            requests = Counter(
                tx.exec_driver_sql(
                    "SELECT native_id FROM usage_request JOIN transcript ON transcript.id = transcript_id"
                ).scalars()
            )
            found = tx.exec_driver_sql(
                "SELECT native_id, usage_transcript.lines, usage_transcript.defects FROM usage_transcript "
                "JOIN transcript ON transcript.id = transcript_id"
            )
            return {
                row[0]: Seen(row[1], row[2], prompts[row[0]], requests[row[0]], tuple(told.get(row[0], ())))
                for row in found
            }
