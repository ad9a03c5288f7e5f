"""Traces by OpenTelemetry, when an endpoint is set: a span for each request and each run, in one trace.

The scheduler's call carries `traceparent`; the run's row keeps it; the worker's span continues it. Spans go out in the
background and are dropped when nobody takes them. Without an endpoint nothing of OpenTelemetry is loaded.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from precedent.errors import Misconfigured
from precedent.settings import Settings

CLOSE_S = 0.9
EXPORT_S = 5
Value = str | int | float | bool


class Span(Protocol):
    """What is under way."""

    def set(self, **attributes: Value) -> None:
        """Say more of it."""
        ...

    def fail(self, kind: str) -> None:
        """Say that it failed, with the error's type."""
        ...


class Tracing(Protocol):
    """Where spans go."""

    def span(
        self, name: str, *, server: bool = False, parent: str = "", **attributes: Value
    ) -> AbstractContextManager[Span]:
        """Open a span for the block; `parent` is a `traceparent` from elsewhere, `server` one that answers a call."""
        ...

    def traceparent(self) -> str:
        """Return what continues the present span elsewhere; empty outside any."""
        ...

    def close(self) -> None:
        """Send what waits, within `CLOSE_S`."""
        ...


class _NoSpan:
    def set(self, **attributes: Value) -> None:
        """Do nothing."""

    def fail(self, kind: str) -> None:
        """Do nothing."""


class NoTracing:
    """Without an endpoint: nothing is traced."""

    @contextmanager
    def span(self, name: str, *, server: bool = False, parent: str = "", **attributes: Value) -> Iterator[Span]:
        """Give a span that nobody sees."""
        yield _NoSpan()

    def traceparent(self) -> str:
        """Return nothing."""
        return ""

    def close(self) -> None:
        """Do nothing."""


def tracing(settings: Settings) -> Tracing:
    """Return where spans go by the settings.

    Raises:
        Misconfigured: an endpoint is set and OpenTelemetry is not installed, or the endpoint is no URL.
    """
    if not settings.otel_endpoint:
        return NoTracing()
    if not settings.otel_endpoint.startswith(("http://", "https://")):
        raise Misconfigured("OTEL_EXPORTER_OTLP_ENDPOINT is no URL; write it as http://collector:4318")
    try:
        return _opentelemetry(settings.otel_endpoint)
    except ImportError as error:
        raise Misconfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed; "
            "install precedent[telemetry], or unset it"
        ) from error


def _opentelemetry(endpoint: str) -> Tracing:
    # Heavy, optional, and only for those who set an endpoint.
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": "precedent", "service.instance.id": f"{socket.gethostname()}:{os.getpid()}"}
        ),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=2048, schedule_delay_millis=2000))
    tracer = provider.get_tracer("precedent")
    propagator = TraceContextTextMapPropagator()

    class Known:
        def __init__(self, span: trace.Span) -> None:
            self._span = span

        def set(self, **attributes: Value) -> None:
            self._span.set_attributes(attributes)

        def fail(self, kind: str) -> None:
            self._span.set_status(StatusCode.ERROR, kind)

    class OpenTelemetry:
        """Sends spans to a collector."""

        @contextmanager
        def span(self, name: str, *, server: bool = False, parent: str = "", **attributes: Value) -> Iterator[Span]:
            context = propagator.extract({"traceparent": parent}) if parent else None
            kind = SpanKind.SERVER if server else SpanKind.INTERNAL
            # The message of an exception may quote a transcript; its type is told by `fail`.
            with tracer.start_as_current_span(
                name, context=context, kind=kind, attributes=attributes, record_exception=False,
                set_status_on_exception=False,
            ) as found:  # fmt: skip
                try:
                    yield Known(found)
                except BaseException as error:
                    found.set_status(StatusCode.ERROR, type(error).__name__)
                    raise

        def traceparent(self) -> str:
            carrier: dict[str, str] = {}
            propagator.inject(carrier)
            return carrier.get("traceparent", "")

        def close(self) -> None:
            # A collector that hangs holds the provider up for as long as an export may take.
            thread = threading.Thread(target=provider.shutdown, name="tracing-end", daemon=True)
            thread.start()
            thread.join(CLOSE_S)

    return OpenTelemetry()
