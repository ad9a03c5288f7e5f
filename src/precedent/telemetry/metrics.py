"""The metrics of `GET /metrics`, in the format of Prometheus.

What the database knows is read from it at each scrape, so that every one of several API processes tells the same. Only
requests and the process itself are counted here, each process its own.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from precedent.clock import SECOND

from .figures import Archived, Figures
from .totals import BUCKETS, SUCCESS, Total

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Scrape(NamedTuple):
    """What one scrape reads.

    Attributes:
        disk_free_bytes: in the data folder; None when it cannot be told.
        alerts: how many hold.
        dropped: events that were not sent, by destination.
    """

    figures: Figures
    archived: Archived
    disk_free_bytes: int | None
    alerts: int
    dropped: dict[str, int]


class Metrics:
    """The metrics of one API process.

    Args:
        look: reads what is to be told.
    """

    def __init__(self, look: Callable[[], Scrape]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "precedent_http_requests", "HTTP requests.", ["route", "method", "status"], registry=None
        )
        self._seconds = Histogram(
            "precedent_http_request_seconds", "Seconds that HTTP requests took.", ["route", "method"],
            buckets=REQUEST_BUCKETS, registry=None,
        )  # fmt: skip
        self._registry.register(_WithoutBirth(self._requests, self._seconds))
        self._registry.register(_FromDatabase(look))

    def request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request; `route` is a template, never a path."""
        method = method if method in METHODS else OTHER
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)

    def text(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self._registry)


class _WithoutBirth(Collector):
    """Metrics without the series that tell when each other series was born: nobody asks, and they double the number."""

    def __init__(self, *inner: Collector) -> None:
        self._inner = inner

    def collect(self) -> Iterator[Metric]:
        """Tell them."""
        for collector in self._inner:
            for family in collector.collect():
                family.samples = [each for each in family.samples if not each.name.endswith("_created")]
                yield family


class _FromDatabase(Collector):
    def __init__(self, look: Callable[[], Scrape]) -> None:
        self._look = look

    def describe(self) -> list[Metric]:
        """Say nothing before the first scrape: it would read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the database and tell."""
        seen = self._look()
        yield from _pipeline(seen.figures)
        yield from _jobs(seen.figures)
        yield from _runs(seen.figures.totals)
        yield from _server(seen)


def _gauge(name: str, help_text: str, rows: dict[str, float | int | None], label: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for key, value in rows.items():
        if value is not None:
            family.add_metric([key], value)
    return family


def _single(name: str, help_text: str, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[])
    if value is not None:
        family.add_metric([], value)
    return family


def _age(found: Figures, at: int | None) -> float | None:
    return None if at is None else max(0, found.at - at) / SECOND


def _pipeline(found: Figures) -> Iterator[Metric]:
    each = found.processors.values()
    label = "processor"
    yield _gauge("precedent_backlog", "Transcripts that are due now.", {p.name: p.due for p in each}, label)
    yield _gauge(
        "precedent_backlog_grown", "Due transcripts that were processed before.", {p.name: p.grown for p in each}, label
    )
    yield _gauge(
        "precedent_retry_waiting", "Failed transcripts that wait for an attempt.",
        {p.name: p.waiting for p in each}, label,
    )  # fmt: skip
    yield _gauge("precedent_dead_letters", "Transcripts given up on.", {p.name: p.dead for p in each}, label)
    ages = {p.name: _age(found, p.oldest_at) or 0.0 for p in each}
    yield _gauge("precedent_lag_seconds", "How long the oldest due transcript has waited.", {**ages}, label)
    paused = {p.name: int(bool(p.paused_reason)) for p in each}
    yield _gauge("precedent_processor_paused", "1: the processor is paused.", {**paused}, label)


def _jobs(found: Figures) -> Iterator[Metric]:
    each = found.jobs.values()
    success = {j.name: _age(found, j.last_success_at) for j in each}
    yield _gauge("precedent_job_last_success_age_seconds", "Seconds since a run succeeded.", {**success}, "job")
    yield _gauge(
        "precedent_job_failures", "Failed runs since the last success.", {j.name: j.failures for j in each}, "job"
    )
    paused = {j.name: int(bool(j.paused_reason)) for j in each}
    yield _gauge("precedent_job_paused", "1: the job is paused.", {**paused}, "job")
    running = {j.name: int(j.running_at is not None) for j in each}
    yield _gauge("precedent_job_running", "1: a run is under way.", {**running}, "job")
    waits = {j.name: _age(found, j.queued_at) for j in each}
    yield _gauge("precedent_job_queued_age_seconds", "How long a queued run has waited.", {**waits}, "job")


def _runs(counted: list[Total]) -> Iterator[Metric]:
    runs = CounterMetricFamily("precedent_runs", "Ended runs.", labels=["job", "outcome"])
    seconds = HistogramMetricFamily("precedent_run_seconds", "Seconds that runs took.", labels=["job"])
    by_job: dict[str, list[Total]] = {}
    for each in counted:
        runs.add_metric([each.job, each.outcome], each.runs)
        if each.outcome in SUCCESS or each.outcome == "failed":  # the others did no work
            by_job.setdefault(each.job, []).append(each)
    for job, several in by_job.items():
        sums = [sum(column) for column in zip(*(each.within for each in several), strict=True)]
        bounds = [f"{bound:g}" if bound < 1 else f"{bound:.1f}" for bound in BUCKETS.values()]
        count = sum(each.runs for each in several)
        buckets: list[tuple[str, float]] = [*zip(bounds, map(float, sums), strict=True), ("+Inf", float(count))]
        seconds.add_metric([job], buckets, sum(each.duration_us for each in several) / SECOND)
    yield runs
    yield seconds


def _server(seen: Scrape) -> Iterator[Metric]:
    found = seen.figures
    yield _single("precedent_transcripts", "Archived transcripts.", seen.archived.transcripts)
    yield _single("precedent_archive_bytes", "Bytes of the archived transcripts' text.", seen.archived.bytes)
    yield _single("precedent_archive_stored_bytes", "Bytes of the archive's files.", seen.archived.stored_bytes)
    yield _single("precedent_disk_free_bytes", "Free bytes in the data folder.", seen.disk_free_bytes)
    yield _single("precedent_workers", "Workers that showed that they live.", found.workers)
    yield _single(
        "precedent_worker_heartbeat_age_seconds", "Seconds since the newest heartbeat of a worker.",
        _age(found, found.worker_at),
    )  # fmt: skip
    yield _single(
        "precedent_scheduler_age_seconds", "Seconds since a scheduler called.", _age(found, found.scheduler_at)
    )
    yield _single("precedent_audit_rows", "Rows of the audit log.", found.audit_rows)
    yield _single("precedent_audit_broken", "1: the end of the audit log was cut.", int(not found.audit_fits))
    yield _single("precedent_alerts", "Alerts that hold.", seen.alerts)
    dropped = CounterMetricFamily("precedent_events_dropped", "Events that were not sent.", labels=["destination"])
    for name, count in seen.dropped.items():
        dropped.add_metric([name], count)
    yield dropped
