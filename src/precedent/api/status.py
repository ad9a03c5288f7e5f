"""`/api/status`: what processors have done and have still to do; `/api/version`: who understands whom."""

import msgspec

from precedent.http.access import PUBLIC, Program, allow
from precedent.jobs.records import PREFIX
from precedent.pipeline import backlog
from precedent.pipeline.backlog import Backlog
from precedent.security.principals import Role

from .structs import StructRoutes

routes = StructRoutes(prefix="/api", tags=["status"])
API_MIN, API_CURRENT = 1, 1


class ProcessorStatus(Backlog, kw_only=True):
    """One processor with its last run.

    Attributes:
        last_run: when it started, UTC microseconds; null before the first.
        last_outcome: empty before the first.
    """

    last_run: int | None
    last_outcome: str


class Status(msgspec.Struct, kw_only=True):
    """What is archived, and each processor."""

    transcripts: int
    archived_bytes: int
    processors: list[ProcessorStatus]


class ApiVersions(msgspec.Struct, kw_only=True):
    """Versions of the interface that this server speaks.

    Attributes:
        min: the oldest one.
        current: the newest one.
    """

    min: int
    current: int


class Version(msgspec.Struct, kw_only=True):
    """The server's version and that of its interface."""

    version: str
    api: ApiVersions


@routes.add("GET", "/status", allow(Role.MEMBER))
def status(program: Program) -> Status:
    """Show what each processor has done, has still to do and has given up on."""
    with program.store.read() as tx:
        transcripts, size = backlog.archive_size(tx)
        found = backlog.processors(tx, now=program.clock.now())
    last, shown = program.runs.last_begun(PREFIX + each.processor for each in found), []
    for each in found:
        newest = last.get(PREFIX + each.processor)
        shown.append(
            ProcessorStatus(
                **msgspec.structs.asdict(each),
                last_run=newest.started_at if newest else None,
                last_outcome=newest.state if newest else "",
            )
        )
    return Status(transcripts=transcripts, archived_bytes=size, processors=shown)


@routes.add("GET", "/version", PUBLIC)
def version() -> Version:
    """Tell the server's version and which versions of the interface it speaks."""
    # Only this route needs the package's metadata.
    from importlib.metadata import version as installed  # noqa: PLC0415

    return Version(version=installed("precedent"), api=ApiVersions(min=API_MIN, current=API_CURRENT))
