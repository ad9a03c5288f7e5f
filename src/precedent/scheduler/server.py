"""Speaks to the server: asks for runs, follows them, reads what is remembered of jobs.

Any server will do that has the routes of the jobs. One that also lists its jobs remembers what was due: it is asked
again with the same due instant as often as needed. A plain one is never asked twice.
"""

import asyncio
from collections.abc import Sequence
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple

import httpx
import msgspec

from precedent.jobs.records import Job
from precedent.telemetry.tracing import NoTracing, Tracing

JOBS_PATH = "/api/admin/jobs"
LOOK_S = 10.0
"""For an answer to a question about jobs or runs."""
CONNECT_S = 10.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_RETRY_AFTER_S = 3600.0


class Kind(Enum):
    """What an answer means for a due instant."""

    DONE = "done"
    """It has run, or the server has noted why not."""
    ACCEPTED = "accepted"
    """It runs; its end can be asked for."""
    BUSY = "already running"
    FAILED = "failed"
    """It has run and failed."""
    SILENT = "sent, but not answered"
    """It may be running."""
    AGAIN = "not taken"
    """Nothing has begun; ask again."""
    REFUSED = "refused"
    """The token proves nothing, or too little."""
    WRONG = "not understood"
    """The server has no such route, or wants something else."""


SETTLED = frozenset({Kind.DONE, Kind.ACCEPTED, Kind.BUSY, Kind.FAILED})
"""The due instant is in the server's hands."""


class Answer(NamedTuple):
    """What the server said.

    Attributes:
        kind: what it means.
        said: for people.
        location: of the run that was accepted.
        retry_after_s: when the server wants to be asked again.
    """

    kind: Kind
    said: str
    location: str = ""
    retry_after_s: float | None = None


class Remembered(msgspec.Struct, frozen=True):
    """What the server remembers of one job."""

    name: str
    schedule: str = ""
    last_due_at: int | None = None


class Memory(msgspec.Struct, frozen=True):
    """What the server remembers, and the time it has."""

    jobs: list[Remembered]
    now: int


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Body(msgspec.Struct):
    """As much of an answer as is looked at: an error, or a run by itself or in its answer."""

    error: _Error | str | None = None
    state: str = ""


class Server:
    """The server.

    Args:
        url: of the API.
        token: the scheduler's secret; empty for none.
        transport: in place of the network.
        tracing: where a span for each start goes, if anywhere.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing or NoTracing()
        headers = {"User-Agent": "precedent-scheduler"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._url = url.rstrip("/")
        # A proxy stands between us and other machines, never between us and this one.
        outside = httpx.URL(self._url).host not in LOOPBACK
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)  # slow jobs hold nobody up
        self._http = httpx.AsyncClient(headers=headers, trust_env=outside, limits=limits, transport=transport)

    async def memory(self) -> Memory | Answer:
        """Return what the server remembers of jobs, or why it does not say; `WRONG` from one that remembers nothing."""
        found = await self._send("GET", JOBS_PATH, timeout_s=LOOK_S)
        if isinstance(found, Answer):
            return found._replace(kind=Kind.AGAIN)
        if found.status_code == HTTPStatus.FORBIDDEN:
            return Answer(Kind.WRONG, f"{JOBS_PATH} is not for this scheduler")
        if found.status_code != HTTPStatus.OK:
            return _understood(found)
        try:
            return msgspec.json.decode(found.content, type=Memory)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Answer(Kind.WRONG, f"{JOBS_PATH} lists no jobs: {error}")

    async def start(self, job: Job, due_at: int) -> Answer:
        """Ask for the run of a due instant.

        The answer is asked for at once, with the run's place to follow; a server that does not know this way answers
        when the run has ended.
        """
        headers = {"Idempotency-Key": str(due_at), "Prefer": "respond-async"}
        with self._tracing.span(f"start {job.name}", job=job.name, due_at=due_at):
            if parent := self._tracing.traceparent():
                headers["traceparent"] = parent
            found = await self._send(job.method, job.path, timeout_s=job.timeout_s, headers=headers)
        return found if isinstance(found, Answer) else _understood(found)

    async def end(self, location: str) -> Answer:
        """Ask how a run stands; `ACCEPTED` while it goes on."""
        place = self._local(location)
        if place is None:
            return Answer(Kind.WRONG, f"{location} is not on this server")
        found = await self._send("GET", place, timeout_s=LOOK_S)
        if isinstance(found, Answer):
            return found._replace(kind=Kind.AGAIN)
        answer = _understood(found)
        if answer.kind is not Kind.DONE:
            return answer
        state = _body(found).state
        if state in {"queued", "running"}:
            return answer._replace(kind=Kind.ACCEPTED)
        return Answer(Kind.FAILED if state in {"failed", "lost"} else Kind.DONE, state or answer.said)

    async def missed(self, name: str, instants: Sequence[int], *, reason: str) -> Answer:
        """Tell of due instants at which nothing ran."""
        body = {"instants": list(instants), "reason": reason}
        found = await self._send("POST", f"{JOBS_PATH}/{name}/missed", timeout_s=LOOK_S, body=body)
        return found._replace(kind=Kind.AGAIN) if isinstance(found, Answer) else _understood(found)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def _send(
        self, method: str, path: str, *, timeout_s: float, headers: dict[str, str] | None = None, body: object = None
    ) -> httpx.Response | Answer:
        limit = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s), pool=None)
        try:
            return await self._http.request(method, self._url + path, headers=headers, json=body, timeout=limit)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Answer(Kind.AGAIN, _said(error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(Kind.SILENT, _said(error))

    def _local(self, location: str) -> str | None:
        """Return a place on this server; the token goes to no other one."""
        if location.startswith(self._url + "/"):
            return location[len(self._url) :]
        return location if location.startswith("/") and not location.startswith("//") else None


def ask_memory(url: str, token: str) -> Kind:
    """Ask a server once for what it remembers; `DONE` if it says so, else what its answer means."""

    async def once() -> Memory | Answer:
        server = Server(url, token)
        try:
            return await server.memory()
        finally:
            await server.close()

    found = asyncio.run(once())
    return Kind.DONE if isinstance(found, Memory) else found.kind


def _understood(found: httpx.Response) -> Answer:
    status = found.status_code
    said = f"HTTP {status}"
    if 200 <= status < 300:
        place = found.headers.get("location", "") if status == HTTPStatus.ACCEPTED else ""
        return Answer(Kind.ACCEPTED if status == HTTPStatus.ACCEPTED else Kind.DONE, said, location=place)
    error = _body(found).error
    code, message = (error.code, error.message) if isinstance(error, _Error) else ("", error or "")
    said = f"{said}: {message[:300]}" if message else said
    match status:
        case HTTPStatus.CONFLICT:
            return Answer(Kind.BUSY, said)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Answer(Kind.REFUSED, said)
        case 429 | 502 | 503 | 504:
            return Answer(Kind.AGAIN, said, retry_after_s=_seconds(found.headers.get("retry-after", "")))
        case 500 if code == "run_failed":
            return Answer(Kind.FAILED, said)
        case _ if status >= 500:
            return Answer(Kind.SILENT, said)
        case _:
            return Answer(Kind.WRONG, said)


def _body(found: httpx.Response) -> _Body:
    try:
        return msgspec.json.decode(found.content, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Body()


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _seconds(text: str) -> float | None:
    return min(MAX_RETRY_AFTER_S, float(text)) if text.isascii() and text.isdigit() else None
