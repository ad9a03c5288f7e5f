"""A server that is left running: it collects, counts and answers, and needs no more of anything as time passes."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from builders import claude_path, claude_session, home_of, put, session_id

SLOPE_MB_PER_H = 1.0
IDLE_CPU = 0.02
EVERY_S = 5.0


class Sample(NamedTuple):
    """What all processes of a server together have.

    Attributes:
        at: seconds since the start.
        rss_mb: memory.
        descriptors: open ones.
        threads: all.
        cpu_s: processor time so far.
    """

    at: float
    rss_mb: float
    descriptors: int
    threads: int
    cpu_s: float


class Server:
    """`precedent serve` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = home_of(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        given = {"HOME": str(self.home.path), "PRECEDENT_PORT": str(self._port)}
        given |= {"SCHEDULER_SESSION_COLLECTOR_INTERVAL": "60", "SCHEDULER_USAGE_PROCESSOR_INTERVAL": "60"}
        command = [sys.executable, "-m", "precedent.cli", "--data-dir", str(folder / "data"), "serve"]
        self.process = subprocess.Popen(command, env={**os.environ, **given}, stderr=subprocess.DEVNULL)
        self._begun = time.monotonic()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=30) as answer:
                return int(answer.status) == 200
        except OSError:
            return False

    def sample(self) -> Sample:
        """Look at the processes that stay: children of the worker come and go."""
        top = psutil.Process(self.process.pid)
        family = [top, *top.children()]
        return Sample(
            time.monotonic() - self._begun,
            sum(each.memory_info().rss for each in family) / (1 << 20),
            sum(each.num_fds() for each in family),
            sum(each.num_threads() for each in family),
            sum(sum(each.cpu_times()[:2]) for each in family),
        )

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        finally:
            self.process.kill()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    yield found
    found.close()


def watch(server: Server, *, seconds: float, write_every_s: float | None) -> list[Sample]:
    """Return samples over a time in which sessions are written and requests answered, or nothing at all happens."""
    samples: list[Sample] = []
    ends, written = time.monotonic() + seconds, 0
    while (now := time.monotonic()) < ends:
        if write_every_s is not None:
            assert server.answers()
            session = session_id(written)
            put(claude_path(server.home.path, session), claude_session(session, 3))
            written += 1
        samples.append(server.sample())
        time.sleep(max(0.0, now + (write_every_s or EVERY_S) - time.monotonic()))
    return samples


def slope_mb_per_h(samples: list[Sample]) -> float:
    """Return how memory grows, by least squares."""
    at = sum(each.at for each in samples) / len(samples)
    rss = sum(each.rss_mb for each in samples) / len(samples)
    above = sum((each.at - at) * (each.rss_mb - rss) for each in samples)
    return 3600 * above / sum((each.at - at) ** 2 for each in samples)


def is_flat(values: list[int]) -> bool:
    """Tell whether the second half never has more than the first had."""
    half = len(values) // 2
    return max(values[half:]) <= max(values[:half])


def come_up(server: Server) -> None:
    ends = time.monotonic() + 60
    while not (server.answers() and len(psutil.Process(server.process.pid).children()) == 3):
        assert time.monotonic() < ends, "the server does not come up"
        time.sleep(0.1)


def test_a_server_in_use_opens_no_more_descriptors_and_threads_as_time_passes(server: Server) -> None:
    come_up(server)
    watch(server, seconds=4, write_every_s=0.5)
    samples = watch(server, seconds=12, write_every_s=0.5)
    allowed = 4  # a request and a run under way while we look
    assert max(each.descriptors for each in samples[-8:]) <= max(each.descriptors for each in samples[:8]) + allowed
    assert max(each.threads for each in samples[-8:]) <= max(each.threads for each in samples[:8]) + allowed


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_server_left_running_for_an_hour_needs_no_more_of_anything(server: Server) -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "3600"))
    come_up(server)
    watch(server, seconds=seconds / 6, write_every_s=2.0)  # what is loaded once is loaded then
    samples = watch(server, seconds=seconds * 4 / 6, write_every_s=2.0)
    watch(server, seconds=120, write_every_s=None)
    idle = watch(server, seconds=seconds / 6, write_every_s=None)
    cpu = (idle[-1].cpu_s - idle[0].cpu_s) / (idle[-1].at - idle[0].at)
    print(
        f"rss {samples[0].rss_mb:.1f} to {samples[-1].rss_mb:.1f} MB, {slope_mb_per_h(samples):+.2f} MB/h; "
        f"descriptors {samples[-1].descriptors}, threads {samples[-1].threads}; idle cpu {100 * cpu:.2f} %"
    )
    assert slope_mb_per_h(samples) < SLOPE_MB_PER_H
    assert is_flat([each.descriptors for each in samples])
    assert is_flat([each.threads for each in samples])
    assert cpu <= IDLE_CPU
