"""`precedent serve`: API, worker and scheduler as child processes on one data folder, until told to stop.

A child that dies is started again, each time a little later. At the end they stop in order: who asks for work first,
who does it last. The port is ours and handed to the API, so that nobody is turned away while an API is started again.
"""

import fcntl
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from precedent import lifeline
from precedent.errors import Busy, Misconfigured
from precedent.listening import VARIABLE as LISTEN
from precedent.listening import listen
from precedent.settings import SETTINGS, Settings

LOCK = "serve.lock"
STOP_S = 4.5
"""All children have ended by then; who has not is killed."""

FIRST_REST_S, LONGEST_REST_S = 0.2, 15.0
STEADY_S = 10.0
"""A child that lived this long was well; its next death is a first one."""

HEAD_START_S = 1.0
"""The API loads alone for this long, so that it answers soon."""

LOOK_S = 0.2
WRONG = 2
"""Exit code of a command whose settings are wrong."""


class Role(NamedTuple):
    """One kind of child: the command that it runs."""

    name: str
    arguments: tuple[str, ...]


class _Child:
    """A process that is to live."""

    def __init__(
        self, role: Role, command: list[str], environment: dict[str, str], *, passed: tuple[int, ...], at: float
    ) -> None:
        self.role, self._command, self._environment, self._passed = role, command, environment, passed
        self._rest = FIRST_REST_S
        self._again_at = at
        self._process: subprocess.Popen[bytes] | None = None
        self._since = 0.0
        self._starts = 0

    def keep(self, say: Callable[[str], None]) -> None:
        """Start it if it is not there; tell of its death.

        Raises:
            Misconfigured: it refused its settings when it was first started.
        """
        now = time.monotonic()
        if self._process is not None and (status := self._process.poll()) is not None:
            if status == WRONG and self._starts == 1:
                raise Misconfigured(f"the {self.role.name} cannot start; what it says stands above")
            steady = now - self._since > STEADY_S
            say(f"The {self.role.name} ended with status {status}; it starts again.")
            self._rest = FIRST_REST_S if steady else min(LONGEST_REST_S, self._rest * 2)
            self._process, self._again_at = None, now + self._rest
        if self._process is None and now >= self._again_at:
            self._since = now
            self._starts += 1
            # A session of its own: Ctrl-C on the terminal is for us, and we stop them in order.
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                self._command, env=self._environment, pass_fds=self._passed, start_new_session=True
            )

    def tell(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def ended(self, *, by: float) -> bool:
        """Wait for its end up to an instant of the monotonic clock."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, by - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True


def serve(settings: Settings, *, everybody: bool, say: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT.

    Args:
        settings: all settings.
        everybody: collect from all homes of the machine; needs root.
        say: tells a person something.

    Raises:
        Busy: another one serves this data folder.
        Misconfigured: the port is taken, or a child refuses the settings.
    """
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    with _locked(settings.data_dir), _signals(on_signal), listen(settings.host, settings.port) as door, _line() as line:
        port, now = door.getsockname()[1], time.monotonic()
        environment = _environment(settings, port) | {lifeline.VARIABLE: str(line)}
        api, *others = _roles(everybody)
        at_the_door = environment | {LISTEN: str(door.fileno())}
        children = [_Child(api, _command(settings, api), at_the_door, passed=(line, door.fileno()), at=now)]
        for role in others:
            command = _command(settings, role)
            children.append(_Child(role, command, environment, passed=(line,), at=now + HEAD_START_S))
        scheme = "https" if settings.tls_cert else "http"
        say(f"Serving {settings.data_dir.resolve()} at {scheme}://{settings.host}:{port}. Ctrl-C stops.")
        try:
            while not stop.is_set():
                for child in children:
                    child.keep(say)
                stop.wait(LOOK_S)
        finally:
            say("Stopping.")
            _end(children, say)


def _roles(everybody: bool) -> tuple[Role, ...]:
    worker = ("worker", "--all-users") if everybody else ("worker",)
    return Role("API", ("api",)), Role("worker", worker), Role("scheduler", ("scheduler",))


def _command(settings: Settings, role: Role) -> list[str]:
    return [sys.executable, "-m", "precedent.cli", "--data-dir", str(settings.data_dir.resolve()), *role.arguments]


def _environment(settings: Settings, port: int) -> dict[str, str]:
    """Let the scheduler in without configuration, and tell it where the API is."""
    found = dict(os.environ)
    if not settings.scheduler_token:
        found[SETTINGS["scheduler_token"].variable] = secrets.token_hex(32)
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104  # compared only
    own = f"http://{host}:{port}"
    if settings.tls_cert:
        own = settings.public_url or f"https://{host}:{port}"  # the name that the certificate is for
    found.setdefault(SETTINGS["api_url"].variable, own)
    return found


def _end(children: list[_Child], say: Callable[[str], None]) -> None:
    """Stop who asks for work, then who answers and who works; kill what is left at the end."""
    by = time.monotonic() + STOP_S
    *others, scheduler = children
    scheduler.tell(signal.SIGTERM)
    scheduler.ended(by=time.monotonic() + 0.5)
    for child in others:
        child.tell(signal.SIGTERM)
    for child in children:
        if not child.ended(by=by):
            say(f"The {child.role.name} does not end; it is killed.")
            child.tell(signal.SIGKILL)
            child.ended(by=by + 1.0)


@contextmanager
def _line() -> Iterator[int]:
    """Give the end of a pipe that children hold; its other end closes when we end, even by SIGKILL."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the data folder: two servers would fight for the port and the clock."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Busy(f"another `precedent serve` holds {folder}", holder=0) from error
    try:
        yield
    finally:
        os.close(descriptor)
