"""The process that runs one script: `python -m precedent.scripts.supervisor`.

Its input is an `Order`, its output lines: `Printed` while the script prints, `Ended` in the end. It starts the script
in namespaces of its own, reads what it prints without ever waiting for it, ends it when it takes too much, and leaves
no process of it behind, however the script tries to get away. It ends with the worker that started it, and the script
ends with it.
"""

import os
import selectors
import signal
import sys
import time
from contextlib import suppress

import msgspec

from . import isolation
from .isolation import Shut
from .measuring import descendants, measured, memory, nameless
from .model import HEAD_BYTES, TAIL_BYTES, Ended, Order, Outcome, Printed

LOOK_S = 0.1
TELL_S = 1.0
TERM_S = 2.0
"""Between asking a script to end and ending it."""

READ_BYTES, READS = 64 << 10, 16
REST_S = 0.02
"""After so many reads: a script that prints without an end waits, and leaves the processor to others."""

CANNOT_RUN = 127
OURS = 2
"""Of the processes of a script are ours: the one that makes its namespaces, and the first in them."""


class Output:
    """What a script printed: its beginning, its end, and how much there was."""

    def __init__(self) -> None:
        self._head, self._tail, self.count = bytearray(), bytearray(), 0

    def add(self, data: bytes) -> None:
        """Take some more."""
        self.count += len(data)
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        del self._tail[:-TAIL_BYTES]

    def printed(self) -> Printed:
        """Return it as text."""
        head, tail = (
            bytes(each).decode("utf-8", "replace").replace("\0", "\ufffd") for each in (self._head, self._tail)
        )
        dropped = self.count - len(self._head) - len(self._tail)
        return Printed(head=head, tail=tail, output_bytes=self.count, dropped_bytes=dropped)


class Supervisor:
    """Runs one script.

    Args:
        order: what is to be run.
        tell: descriptor for answers.
    """

    def __init__(self, order: Order, tell: int) -> None:
        self._order, self._tell = order, tell
        self._output = Output()
        self._told = 0
        self._stopped, self._parent = False, os.getppid()

    def run(self) -> Ended:
        """Run it to its end."""
        isolation.prctl(isolation.PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGTERM, self._stop)
        # From here on the death of the worker is no end at once: without namespaces it is us who end what is left.
        isolation.prctl(isolation.PR_SET_PDEATHSIG, signal.SIGTERM)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        shut_reading, shut_writing = os.pipe2(os.O_CLOEXEC)
        child = os.fork()
        if child == 0:
            _begin(self._order, writing, shut_writing)
        os.close(writing)
        os.close(shut_writing)
        with os.fdopen(shut_reading, "rb") as answer:
            shut = Shut(*map(bool, answer.read()))
        os.set_blocking(reading, False)
        ended = self._watch(child, reading, shut)
        os.close(reading)
        self.say(self._output.printed())
        return ended

    def _watch(self, child: int, reading: int, shut: Shut) -> Ended:
        """Wait for the end; see to it that there is one."""
        began = last_told = looked = time.monotonic()
        ending_since: float | None = None
        why: tuple[Outcome, str] | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(reading, selectors.EVENT_READ)
            while True:
                open_ = bool(selector.get_map())
                if open_ and selector.select(LOOK_S):
                    if not self._read(reading):
                        selector.unregister(reading)
                elif not open_:
                    time.sleep(LOOK_S)
                now = time.monotonic()
                if now - last_told > TELL_S and self._output.count != self._told:
                    self.say(self._output.printed())
                    last_told = now
                if (status := _waited(child)) is not None:
                    break
                if why is None and now - looked >= LOOK_S:
                    why, looked = self._too_much(now - began), now
                if why is not None:
                    if ending_since is None:
                        ending_since = now
                        _signal_all(child, signal.SIGTERM)
                    elif now - ending_since > (TERM_S if why[0] is Outcome.TIMEOUT else 0):
                        _signal_all(child, signal.SIGKILL)
        self._sweep()
        self._read(reading)
        code = os.waitstatus_to_exitcode(status)
        return self._ended(code, why, shut)

    def _ended(self, code: int, why: tuple[Outcome, str] | None, shut: Shut) -> Ended:
        if why is not None:
            return Ended(outcome=why[0], exit_code=None, reason=why[1], isolation=shut.isolation)
        if code == 0:
            return Ended(outcome=Outcome.DONE, exit_code=0, reason="", isolation=shut.isolation)
        if code < 0 or code > 128:
            number = -code if code < 0 else code - 128
            with suppress(ValueError):
                said = f"ended by {signal.Signals(number).name}"
                return Ended(outcome=Outcome.KILLED, exit_code=code, reason=said, isolation=shut.isolation)
        return Ended(outcome=Outcome.FAILED, exit_code=code, reason=f"exit code {code}", isolation=shut.isolation)

    def _too_much(self, took_s: float) -> tuple[Outcome, str] | None:
        """Say why the script must end now."""
        order = self._order
        if self._stopped or os.getppid() != self._parent:
            return Outcome.LOST, "the server stopped while it ran"
        if took_s > order.timeout_s:
            return Outcome.TIMEOUT, f"it took longer than {order.timeout_s} s"
        found = list(descendants(os.getpid()))
        if len(found) > order.processes + OURS:
            return Outcome.KILLED, f"it had more than {order.processes} processes at a time"
        if sum(map(memory, found)) > order.memory_bytes:
            return Outcome.KILLED, f"it took more than {order.memory_bytes >> 20} MiB of memory"
        size, why = measured(order.folder, most=order.disk_bytes, files=order.files)
        if why:
            return Outcome.KILLED, why
        if size + sum(nameless(found).values()) > order.disk_bytes:
            return Outcome.KILLED, f"it wrote more than {order.disk_bytes >> 20} MiB"
        return None

    def _read(self, reading: int) -> bool:
        """Take what is there, up to a bound; false when there will be no more."""
        for _ in range(READS):
            try:
                data = os.read(reading, READ_BYTES)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._output.add(data)
        time.sleep(REST_S)
        return True

    def _sweep(self) -> None:
        """End whatever the script has left behind; it is all ours, as orphans are given to us."""
        while found := list(descendants(os.getpid())):
            for pid in found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.01)

    def _stop(self, *_: object) -> None:
        self._stopped = True

    def say(self, what: Printed | Ended) -> None:
        """Tell the worker."""
        self._told = self._output.count
        data = msgspec.json.encode(what) + b"\n"
        with suppress(BrokenPipeError):  # the worker is gone; what is left of the script must end all the same
            while data:
                data = data[os.write(self._tell, data) :]


def _begin(order: Order, writing: int, shut_writing: int) -> None:
    """In a forked process: shut it in, start the first process of its namespaces, and end as that one ends."""
    try:
        os.setsid()
        isolation.prctl(isolation.PR_SET_PDEATHSIG, signal.SIGKILL)
        shut = isolation.shut_in(order)
        os.write(shut_writing, bytes(map(int, shut)))
        os.close(shut_writing)
        first = os.fork()
        if first == 0:
            isolation.prctl(isolation.PR_SET_PDEATHSIG, signal.SIGKILL)
            isolation.close_off(order, shut)
            os._exit(_first(order, shut, writing))
        signal.signal(signal.SIGTERM, lambda *_: _kill(first, signal.SIGTERM))
        os._exit(_code(os.waitpid(first, 0)[1]))
    except BaseException as error:  # nothing of ours goes on in a forked process
        os.write(writing, f"the script cannot be started: {error}\n".encode())
        os._exit(CANNOT_RUN)


def _first(order: Order, shut: Shut, writing: int) -> int:
    """Be the first process: run the script, take in orphans, hand SIGTERM on to all; return its exit code."""
    main = os.fork()
    if main == 0:
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDONLY)
            for target, source in ((0, nothing), (1, writing), (2, writing)):
                os.dup2(source, target)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            isolation.give_up(order, shut)
            os.execve(order.command[0], order.command, order.environment)  # noqa: S606  # an interpreter of ours
        except BaseException as error:  # as above
            os.write(2, f"the script cannot be started: {error}\n".encode())
        os._exit(CANNOT_RUN)
    os.close(writing)
    signal.signal(signal.SIGTERM, lambda *_: _kill(-1 if shut.processes else -main, signal.SIGTERM))
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == main:
            return _code(status)


def _kill(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _waited(child: int) -> int | None:
    """Return how a child ended; None while it lives. Others that were given to us are taken as well."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                return status
            if pid == 0:
                return None
    return None


def _signal_all(child: int, number: int) -> None:
    """Signal a script: politely by its first process, for good every process that there is."""
    if number == signal.SIGTERM:
        _kill(child, number)
        return
    for pid in descendants(os.getpid()):
        _kill(pid, number)


def main() -> None:
    """Run the script and say how it ended."""
    # The worker's thread that started us waits for us to the end, so this tells the death of the worker.
    isolation.prctl(isolation.PR_SET_PDEATHSIG, signal.SIGKILL)
    tell = os.dup(1)
    os.set_inheritable(tell, False)
    os.dup2(2, 1)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    supervisor = Supervisor(order, tell)
    supervisor.say(supervisor.run())


if __name__ == "__main__":
    main()
