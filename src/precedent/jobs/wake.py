"""Wakes idle workers of other processes, so that a run asked for by hand does not wait until somebody looks.

On SQLite each worker has a datagram socket in the data folder; on PostgreSQL they listen to a notification. A wake-up
that gets lost costs time, never a run: workers also look by themselves.
"""

import contextlib
import os
import select
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from precedent.store import Store

from .rows import AWAY, HOST

CHANNEL = "precedent_run"
FOLDER = "workers"
MAX_ADDRESS = 100
AGAIN_S = 1.0
"""A listener that lost its connection tries again after this time."""


class Waiter(Protocol):
    """What a worker waits with; a context manager."""

    def __enter__(self) -> Self:
        """Be ready to be woken."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Be woken no more."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Return when somebody woke us, or after the time."""
        ...

    def interrupt(self) -> None:
        """Make `wait` return; may be called from a signal handler and from other threads."""
        ...


def waiter(store: Store, folder: Path) -> Waiter:
    """Return what a worker on this database waits with; `folder` is the data folder."""
    return SocketWaiter(folder / FOLDER) if store.is_sqlite else NotificationWaiter(store)


def wake(store: Store, folder: Path) -> None:
    """Wake the idle workers of a database, if it can be done now."""
    if store.is_sqlite:
        with contextlib.suppress(OSError):
            _wake_sockets(folder / FOLDER)
        return
    with contextlib.suppress(*AWAY), store.write() as tx:
        tx.exec_driver_sql(f"NOTIFY {CHANNEL}")


def _wake_sockets(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        for path in _sockets(folder):
            try:
                with _address(path) as address:
                    sender.sendto(b"!", address)
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)  # its worker died
            except OSError:
                pass  # full: it is awake already


def _sockets(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if stat.S_ISSOCK(path.lstat().st_mode):
            yield path


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """Give a name of a socket that is short enough: the system takes 107 bytes, and a folder's path may be longer."""
    if len(os.fsencode(path)) <= MAX_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class SocketWaiter:
    """Waits at a datagram socket in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / f"{HOST.replace('/', '-')}-{os.getpid()}.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._bell, self._rope = os.pipe()
        for each in (self._bell, self._rope):
            os.set_blocking(each, False)

    def __enter__(self) -> Self:
        self._path.unlink(missing_ok=True)
        with _address(self._path) as address:
            self._socket.bind(address)
        self._socket.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
        self._socket.close()

    def wait(self, timeout_s: float) -> None:
        """See `Waiter`."""
        ready: list[int] = [self._socket.fileno(), self._bell]
        select.select(ready, [], [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(16)
        _drain(self._bell)

    def interrupt(self) -> None:
        """See `Waiter`."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._rope, b"!")


class NotificationWaiter:
    """Waits for a notification of PostgreSQL."""

    def __init__(self, store: Store) -> None:
        # The driver is heavy and only PostgreSQL needs it.
        import psycopg  # noqa: PLC0415

        url = store.url.set(drivername="postgresql").render_as_string(hide_password=False)

        def connect() -> psycopg.Connection[Any]:
            connection = psycopg.connect(url, autocommit=True)
            connection.execute(f"LISTEN {CHANNEL}")
            return connection

        self._connect = connect
        self._lost = (psycopg.OperationalError,)
        self._connection: psycopg.Connection[Any] | None = None
        self._bell, self._rope = os.pipe()
        for each in (self._bell, self._rope):
            os.set_blocking(each, False)

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def _listen(self) -> bool:
        """Listen if the database is there."""
        with contextlib.suppress(*self._lost):
            if self._connection is None:
                self._connection = self._connect()
        return self._connection is not None

    def wait(self, timeout_s: float) -> None:
        """See `Waiter`."""
        ready: list[int] = [self._bell]
        if self._connection is None and self._listen():
            return  # what was said while nobody listened is found by looking
        if self._connection is not None:
            ready.append(self._connection.fileno())
        select.select(ready, [], [], timeout_s if self._connection is not None else min(timeout_s, AGAIN_S))
        _drain(self._bell)
        if self._connection is None:
            return
        try:
            for _ in self._connection.notifies(timeout=0):
                pass
        except self._lost:
            self._connection.close()
            self._connection = None

    def interrupt(self) -> None:
        """See `Waiter`."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._rope, b"!")


def _drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(descriptor, 64):
            pass
