"""The loop: a heap of instants at which jobs are to be looked after, slept on until the next one.

What is due follows from the last due instant that is settled, which the server remembers, and never from the time of
day at which we look. A due instant is settled when the server has it: as a run, or as a row that says why not.
"""

import asyncio
import gc
import heapq
import logging
import signal
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field

from precedent.clock import SECOND, Clock
from precedent.jobs.records import Job, Overlap
from precedent.schedules import Schedule, parse
from precedent.security.authentication import MIN_SECRET
from precedent.telemetry.tracing import Tracing

from .planning import Plan, Rule, plan, settled
from .server import SETTLED, Answer, Kind, Memory, Server

FIRST_REST_S, LONGEST_REST_S = 0.5, 30.0
"""Between attempts to reach the server: a random part of a time that doubles from the first to the second."""

FIRST_REPOSE_S, LONGEST_REPOSE_S = 60.0, 6 * 3600.0
"""The same after failures in a row of a job, if the server does not remember them itself."""

PACE_S, LONGEST_PACE_S = 0.5, 60.0
"""Between jobs that begin after a start, and for all of them together."""

FIRST_FOLLOW_S, LONGEST_FOLLOW_S = 1.0, 60.0
"""Between looks at a run under way."""

LANES = 32
"""Questions open at a time to a server that answers at once; more would only wait there instead of here."""

DRAIN_S = 3.0
"""For open calls, when told to stop."""

SKEW_S = 2.0
"""A server's clock that differs by more is followed."""

log = logging.getLogger(__name__)


@dataclass
class _Entry:
    """A job with what this process knows of it."""

    job: Job
    schedule: Schedule = field(init=False)
    rule: Rule = field(init=False)
    last_due_at: int | None = None
    attempts: int = 0
    """To reach the server, in a row."""
    failures: int = 0
    """Of the job, in a row, at a server that does not remember them."""

    def __post_init__(self) -> None:
        self.schedule = parse(self.job.schedule, name=self.job.name)
        self.rule = Rule(self.job.catch_up, self.job.window_s, self.job.cap)

    def settle(self, due_at: int) -> None:
        self.attempts = 0
        self.recall(due_at)

    def recall(self, due_at: int) -> None:
        """Take note of a settled due instant."""
        if self.last_due_at is None or due_at > self.last_due_at:
            self.last_due_at = due_at

    def look_at(self, now: int) -> None:
        """Take a last due instant that lies in the future for now, from here on: some clock was wrong."""
        if self.last_due_at is not None:
            self.last_due_at = settled(self.last_due_at, now=now)


class Scheduler:
    """The clock.

    Args:
        jobs: all of them.
        server: to ask.
        tick_s: seconds after which the server's memory is looked at again.
        clock: time and chance.

    Raises:
        Fault: a job's schedule is none.
    """

    def __init__(self, jobs: Iterable[Job], server: Server, *, tick_s: float, clock: Clock = Clock()) -> None:
        self._entries = {job.name: _Entry(job) for job in jobs}
        self._server, self._tick_s, self._clock = server, tick_s, clock
        self._heap: list[tuple[int, str]] = []
        self._calls: set[asyncio.Task[None]] = set()
        """Open calls, which are waited for at the end; and others, which are not."""
        self._looks: set[asyncio.Task[None]] = set()
        self._stop, self._changed = asyncio.Event(), asyncio.Event()
        self._remembers, self._plain, self._refused = False, False, False
        self._ahead_us = 0
        self._lanes = asyncio.Semaphore(LANES)

    def stop(self) -> None:
        """End soon."""
        self._stop.set()
        self._changed.set()

    async def run(self) -> None:
        """Run until `stop`; then wait a little for open calls."""
        try:
            await self._first_look()
            if not self._stop.is_set():
                self._fill()
            looked = self._now()
            while not self._stop.is_set():
                self._changed.clear()
                now = self._now()
                self._begin_due(now)
                if abs(now - looked) >= self._tick_s * SECOND:
                    looked = now
                    self._spawn(self._look(), self._looks)
                next_at = looked + round(self._tick_s * SECOND)
                if self._heap:
                    next_at = min(next_at, self._heap[0][0])
                await _until(self._changed, (next_at - self._now()) / SECOND)
            if self._calls:
                await asyncio.wait(self._calls, timeout=DRAIN_S)
        finally:
            for task in (*self._calls, *self._looks):
                task.cancel()
            await asyncio.gather(*self._calls, *self._looks, return_exceptions=True)
            await self._server.close()

    def _now(self) -> int:
        return self._clock.now() + self._ahead_us

    def _spawn(self, work: Coroutine[None, None, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    # What the server remembers --------------------------------------------------------------------------------------

    async def _first_look(self) -> None:
        """Learn what the server remembers; without it nobody knows what was missed."""
        rest = FIRST_REST_S
        stopped = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set():
                look = asyncio.create_task(self._look_once())
                await asyncio.wait((look, stopped), return_when=asyncio.FIRST_COMPLETED)
                if not look.done():
                    look.cancel()
                elif look.result():
                    return
                await _until(self._stop, rest * self._clock.random())
                rest = min(LONGEST_REST_S, 2 * rest)
        finally:
            stopped.cancel()

    async def _look(self) -> None:
        await self._look_once()

    async def _look_once(self) -> bool:
        """Look once; false when the server could not be asked."""
        asked = self._clock.now()
        found = await self._server.memory()
        if isinstance(found, Memory):
            self._learn(found, asked=asked, answered=self._clock.now())
            return True
        if found.kind is Kind.REFUSED:
            self._say_refused(found)
        if found.kind is Kind.WRONG and not self._remembers:
            log.warning(
                "the server does not remember what was due (%s); this scheduler does, until it ends", found.said
            )
            return True
        return False

    def _learn(self, found: Memory, *, asked: int, answered: int) -> None:
        ahead = found.now - (asked + answered) // 2
        self._ahead_us = ahead if abs(ahead) > max(SKEW_S * SECOND, answered - asked) else 0
        if self._ahead_us:
            log.warning("the server's clock differs by %+.1f s; this scheduler follows it", self._ahead_us / SECOND)
        if not self._remembers:
            known = {each.name: each.schedule for each in found.jobs}
            for name, entry in self._entries.items():
                if known.get(name) != entry.job.schedule:
                    theirs = known.get(name, "does not know it")
                    log.warning("%s: %s here, the server: %s", name, entry.job.schedule, theirs)
        self._remembers, self._refused = True, False
        now = self._now()
        for each in found.jobs:
            ours = self._entries.get(each.name)
            if ours is None or each.last_due_at is None:
                continue
            if ours.last_due_at is None or settled(each.last_due_at, now=now) == each.last_due_at:
                ours.recall(each.last_due_at)
                ours.look_at(now)

    def _say_refused(self, answer: Answer) -> None:
        if not self._refused:
            log.error(
                "the server refuses this scheduler (%s); SCHEDULER_API_TOKEN must be the same for both, at least 32 "
                "characters",
                answer.said,
            )
        self._refused = True

    # What is due ----------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Put every job into the heap; what is due already begins one after the other."""
        now, place = self._now(), 0
        pace = min(PACE_S, LONGEST_PACE_S / max(1, len(self._entries)))
        for entry in self._entries.values():
            next_at = self._next(entry, now)
            if next_at <= now:
                next_at = now + round(place * pace * SECOND)
                place += 1
            self._push(entry, next_at)

    def _next(self, entry: _Entry, now: int) -> int:
        """Return when the next due instant is, or an instant that has passed if something is due."""
        entry.look_at(now)
        return now if entry.last_due_at is None else entry.schedule.following(entry.last_due_at)

    def _push(self, entry: _Entry, at: int) -> None:
        heapq.heappush(self._heap, (at, entry.job.name))
        self._changed.set()

    def _begin_due(self, now: int) -> None:
        while self._heap and self._heap[0][0] <= now:
            self._spawn(self._tend(self._entries[heapq.heappop(self._heap)[1]]), self._calls)

    async def _tend(self, entry: _Entry) -> None:
        """Do what is due of a job, and say when to look after it again; a job is in the heap or here."""
        now = self._now()
        entry.look_at(now)
        todo = plan(entry.schedule, entry.rule, last_due_at=entry.last_due_at, now=now)
        answer = await self._do(entry, todo)
        now = self._now()
        if answer is None:
            following = self._next(entry, now) if entry.last_due_at is not None else entry.schedule.after(now)
            self._push(entry, max(following, now + self._repose(entry)))
            return
        if answer.kind is Kind.REFUSED:
            self._say_refused(answer)
        elif not entry.attempts:
            log.warning("%s cannot be started (%s); it is tried again", entry.job.name, answer.said)
        longest = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(entry.attempts, 20))
        entry.attempts += 1
        rest = longest * self._clock.random()
        if answer.retry_after_s is not None:
            rest += answer.retry_after_s
        self._push(entry, now + round(rest * SECOND))

    def _repose(self, entry: _Entry) -> int:
        """Return for how long a job that fails rests, microseconds."""
        if entry.failures < 2:
            return 0
        longest = min(LONGEST_REPOSE_S, FIRST_REPOSE_S * 2.0 ** min(entry.failures - 2, 20))
        return round(longest * self._clock.random() * SECOND)

    async def _do(self, entry: _Entry, todo: Plan) -> Answer | None:
        """Note what was missed and start what is to start; return the answer that keeps us from going on."""
        if todo.missed:
            if self._remembers and entry.job.runs:
                answer = await self._server.missed(entry.job.name, todo.missed, reason=todo.reason)
                if answer.kind is not Kind.DONE:
                    return answer
            entry.settle(todo.missed[-1])
        for due_at in todo.start:
            if self._stop.is_set():
                return None
            answer = await self._start(entry.job, due_at)
            if (unsettled := self._judge(entry, answer)) is not None:
                return unsettled
            entry.settle(due_at)
            if answer.location and due_at != todo.start[-1] and entry.job.overlap is not Overlap.ALLOW:
                await self._follow(entry, answer.location)  # the next one would be refused beside it
            elif answer.location:
                self._spawn(self._follow(entry, answer.location), self._looks)
        return None

    async def _start(self, job: Job, due_at: int) -> Answer:
        if not self._remembers:
            # A plain server may answer only when the run has ended: slow jobs hold nobody up.
            return await self._server.start(job, due_at)
        async with self._lanes:
            return await self._server.start(job, due_at)

    def _judge(self, entry: _Entry, answer: Answer) -> Answer | None:
        """Return the answer if the due instant is not settled by it."""
        name, keeps = entry.job.name, self._remembers and entry.job.runs
        if answer.kind in SETTLED:
            failed = answer.kind is Kind.FAILED
            entry.failures = entry.failures + 1 if failed and not keeps else 0
            if failed:
                log.warning("%s failed: %s", name, answer.said)
            return None
        if keeps or answer.kind in {Kind.AGAIN, Kind.REFUSED}:
            return answer
        # Asking a plain server twice might start the job twice.
        if answer.kind is not Kind.SILENT or answer.said.startswith("HTTP"):
            entry.failures += 1
        log.warning("%s: %s (%s)", name, answer.kind.value, answer.said)
        return None

    async def _follow(self, entry: _Entry, location: str) -> None:
        """Look at a run until it has ended."""
        rest = FIRST_FOLLOW_S
        while True:
            await _until(self._stop, rest)
            if self._stop.is_set():
                return
            rest = min(LONGEST_FOLLOW_S, 2 * rest)
            async with self._lanes:
                answer = await self._server.end(location)
            if answer.kind in {Kind.AGAIN, Kind.ACCEPTED, Kind.SILENT}:
                continue
            if answer.kind is not Kind.DONE:
                log.warning("%s: %s %s", entry.job.name, location, answer.said)
            return


async def _until(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        pass


def run_until_told(jobs: Iterable[Job], *, url: str, token: str, tick_s: float, tracing: Tracing | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    if len(token) < MIN_SECRET:
        said = f"has {len(token)} characters" if token else "is not set"
        log.error("SCHEDULER_API_TOKEN %s; a server of ours lets nobody in below %d", said, MIN_SECRET)

    async def body() -> None:
        found = Scheduler(jobs, Server(url, token, tracing=tracing), tick_s=tick_s)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, found.stop)
        await found.run()

    asyncio.run(body())
    gc.freeze()  # the last look for cycles frees nothing that the end does not, and took 0.3 s of 0.35
