"""Sends events to PostHog, when a key is set: what kind of request was made, how a run ended; nothing of anybody.

Whoever has an event puts it into a bounded queue and goes on; a thread of its own posts them. Events are dropped when
the queue is full or PostHog does not take them. Nobody waits for PostHog, and the end of the process at most
`CLOSE_S`.
"""

import logging
import queue
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Protocol

from precedent.settings import Settings

MOST = 1000
"""Events that wait."""
BATCH = 100
GATHER_S = 1.0
TIMEOUT_S = 5.0
CLOSE_S = 0.9

log = logging.getLogger(__name__)
Value = str | int | float | bool


class Events(Protocol):
    """Where events go."""

    @property
    def dropped(self) -> int:
        """How many were not sent."""
        ...

    def send(self, name: str, **properties: Value) -> None:
        """Send an event, some time or never; returns at once."""
        ...

    def close(self) -> None:
        """Send what waits, within `CLOSE_S`."""
        ...


class NoEvents:
    """Without a key: nothing is sent."""

    dropped = 0

    def send(self, name: str, **properties: Value) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class PostHog:
    """Posts events to `<host>/batch/`.

    Args:
        key: the project's.
        host: of PostHog, with scheme.
    """

    def __init__(self, *, key: str, host: str) -> None:
        self._key, self._url = key, f"{host.rstrip('/')}/batch/"
        self._somebody = str(uuid.uuid4())  # this process; it stands for no person
        self._queue: queue.Queue[dict[str, object]] = queue.Queue(MOST)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="posthog", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """See `Events`."""
        return self._dropped

    def send(self, name: str, **properties: Value) -> None:
        """See `Events`."""
        event: dict[str, object] = {
            "event": name,
            "distinct_id": self._somebody,
            "uuid": str(uuid.uuid4()),
            "timestamp": datetime.now(UTC).isoformat(),
            "properties": {
                **properties,
                "$process_person_profile": False,
                "$geoip_disable": True,
                "$lib": "precedent",
            },
        }
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self._drop(1)

    def close(self) -> None:
        """See `Events`."""
        self._closing.set()
        self._thread.join(CLOSE_S)

    def _drop(self, count: int) -> None:
        with self._lock:
            self._dropped += count

    def _run(self) -> None:
        # The client is heavy, and only those who have a key need it.
        import httpx  # noqa: PLC0415

        with httpx.Client(timeout=httpx.Timeout(TIMEOUT_S, connect=2.0), follow_redirects=False) as client:
            while True:
                batch = self._gather()
                if batch:
                    try:
                        answer = client.post(self._url, json={"api_key": self._key, "batch": batch})
                        answer.raise_for_status()
                    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                        self._drop(len(batch))
                        log.debug("%d events were not sent: %s", len(batch), type(error).__name__)
                elif self._closing.is_set():
                    return

    def _gather(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        ends = time.monotonic() + GATHER_S
        while len(found) < BATCH:
            closing = self._closing.is_set()
            try:
                found.append(self._queue.get(timeout=0 if closing else min(0.1, max(0.0, ends - time.monotonic()))))
            except queue.Empty:
                if closing or time.monotonic() >= ends:
                    break
        return found


def events(settings: Settings) -> Events:
    """Return where events go by the settings."""
    if not settings.posthog_api_key:
        return NoEvents()
    return PostHog(key=settings.posthog_api_key, host=settings.posthog_host)
