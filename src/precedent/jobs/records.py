"""The records of jobs: the one definition from which routes, schedule, audit action, health rule and docs derive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from precedent.errors import NotFound
from precedent.settings import SETTINGS, Settings

PREFIX = "session-processor:"
"""Of the job names of processors."""

COLLECTOR = "session-collector"
HEALTH = "health-check"
HOUSEKEEPING = "housekeeping"
MEMORY = "corporate-memory"
MODEL = "model-detection"
EMBEDDINGS = "embeddings"
DATA = "data-refresh"
MARKETPLACES = "marketplaces"
SCRIPTS = "script-runner"


DAY_S = 86_400


class CatchUp(StrEnum):
    """What becomes of due instants at which no scheduler was there; what is not made up is noted as missed."""

    NONE = "none"
    LATEST = "latest"
    """The newest is made up."""
    ALL = "all"
    """Each is made up, one after the other."""


class Overlap(StrEnum):
    """What becomes of a run that is asked for while another one of the job is open."""

    SKIP = "skip"
    """It is refused; a due instant becomes a skipped row."""
    QUEUE_ONE = "queue-one"
    """One waits for the end of the other, further ones are refused."""
    ALLOW = "allow"
    """It begins beside the other."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job.

    Attributes:
        name: unique.
        schedule: in the scheduler's grammar, for example `every 10m`.
        variable: environment variable that sets its interval; empty for none.
        method: HTTP method of its route.
        path: of its route, with the query that chooses it.
        timeout_s: seconds that a clock waits for the answer.
        action: as the audit log names a run of it.
        grace_s: seconds after which a job that has not succeeded is unhealthy: twice its cadence.
        runs: false for a job that only reads, and so leaves no row in the ledger of runs.
        catch_up: what becomes of due instants that passed unseen.
        window_s: how long ago a due instant may be and still be made up.
        cap: due instants that are made up at most, of `CatchUp.ALL`.
        overlap: what becomes of a run that is asked for while another one is open.
        stays: its run takes in what becomes due meanwhile, so one that goes on for long is well.
        pause_after: failures in a row after which the job pauses itself; 0 for never.
        description: one line for people.
    """

    name: str
    schedule: str
    variable: str = ""
    method: str = "POST"
    path: str
    timeout_s: int
    action: str
    grace_s: int
    runs: bool = True
    catch_up: CatchUp = CatchUp.LATEST
    window_s: int = 7 * DAY_S
    cap: int = 10
    overlap: Overlap = Overlap.SKIP
    stays: bool = False
    pause_after: int = 0
    description: str

    @property
    def resource(self) -> str:
        """As the audit log names it."""
        return f"job:{self.name}"


class Cadence(NamedTuple):
    """What a processor's job derives from."""

    name: str
    cadence_s: int


def every(seconds: int) -> str:
    """Return an interval in the scheduler's grammar, rounded up to whole minutes: never more often than asked."""
    minutes = max(1, -(-seconds // 60))
    return f"every {minutes // 60}h" if minutes % 60 == 0 else f"every {minutes}m"


def jobs(settings: Settings, processors: Sequence[Cadence]) -> dict[str, Job]:
    """Return every job there is, by name, in the order of the health page.

    Args:
        settings: intervals.
        processors: the installed ones.
    """
    found = [
        Job(
            name=HEALTH,
            schedule=every(settings.health_interval_s),
            variable=SETTINGS["health_interval_s"].variable,
            method="GET",
            path="/api/health",
            timeout_s=30,
            action="health_check",
            grace_s=2 * settings.health_interval_s,
            runs=False,
            description="Asks whether the server is well.",
        ),
        _regular(
            settings,
            COLLECTOR,
            "collector_interval_s",
            timeout_s=300,
            description="Copies what is new in people's transcripts into the archive.",
        ),
        *[_processor(settings, each) for each in processors],
        _regular(
            settings,
            MEMORY,
            "memory_interval_s",
            description="Reads what is new in people's notes for their agents.",
        ),
        *_optional(settings),
        _regular(
            settings,
            DATA,
            "data_interval_s",
            timeout_s=120,
            path="/api/sync/trigger",
            description="Reads the tables that are due from their sources.",
        ),
        replace(
            _regular(
                settings,
                SCRIPTS,
                "script_run_interval_s",
                timeout_s=600,
                path="/api/scripts/run-due",
                description="Runs the scripts that are due or asked for.",
            ),
            stays=True,
        ),
        Job(
            name=MARKETPLACES,
            schedule="daily 03:00",
            path="/api/marketplaces/sync-all",
            timeout_s=900,
            action="run_marketplaces",
            grace_s=2 * DAY_S,
            description="Looks for new plugins in the marketplaces.",
        ),
        Job(
            name=HOUSEKEEPING,
            schedule="daily 04:00",
            path="/api/admin/run-housekeeping",
            timeout_s=3600,
            action="run_housekeeping",
            grace_s=2 * 86_400,
            description="Removes what is too old, compresses old transcripts and sweeps leftovers.",
        ),
    ]
    return {job.name: job for job in found}


# Intervals that operators know a variable for, and how long a clock waits for the answer.
_INTERVALS = {"usage": ("usage_interval_s", 300), "verification": ("verification_interval_s", 900)}


def _optional(settings: Settings) -> Iterator[Job]:
    """Yield the jobs of what is switched on."""
    if settings.detection == "llm":
        about = "Asks a language model about what is new in people's turns."
        yield _regular(settings, MODEL, "model_interval_s", description=about)
    if settings.embeddings_model:
        about = "Embeds new items and turns, so that search finds them by meaning."
        yield _regular(settings, EMBEDDINGS, "embeddings_interval_s", description=about)


def _regular(
    settings: Settings, name: str, interval: str, *, timeout_s: int = 900, path: str = "", description: str
) -> Job:
    """Return a job whose cadence is a setting; its action is called as it is, and so is its route if none is given."""
    seconds = int(getattr(settings, interval))
    return Job(
        name=name,
        schedule=every(seconds),
        variable=SETTINGS[interval].variable,
        path=path or f"/api/admin/run-{name}",
        timeout_s=timeout_s,
        action=f"run_{name.replace('-', '_')}",
        grace_s=2 * seconds,
        description=description,
    )


def _processor(settings: Settings, processor: Cadence) -> Job:
    # Any other processor's own cadence holds.
    name, timeout_s = _INTERVALS.get(processor.name, ("", 900))
    seconds = int(getattr(settings, name)) if name else processor.cadence_s
    return Job(
        name=PREFIX + processor.name,
        schedule=every(seconds),
        variable=SETTINGS[name].variable if name else "",
        path=f"/api/admin/run-session-processor?processor={processor.name}",
        timeout_s=timeout_s,
        action=f"run_session_processor:{processor.name}",
        grace_s=2 * seconds,
        description=f"Runs the processor {processor.name} over the transcripts that are due.",
    )


def named(found: dict[str, Job], name: str) -> Job:
    """Return a job.

    Raises:
        NotFound: there is none of that name; the message lists those there are.
    """
    if name not in found:
        raise NotFound(f"no job {name!r}; there are: {', '.join(found)}")
    return found[name]
