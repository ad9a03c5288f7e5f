"""What keeps a script apart: namespaces of its own, another user, limits, no way back to privileges.

Everything here happens in a process that was forked for one script, before the script's own program begins. Linux only;
what the system does not let us have is told in the run (`Shut.isolation`) and by `precedent doctor`.
"""

import ctypes
import functools
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .model import Order

NEW_NS, NEW_UTS, NEW_IPC = 0x00020000, 0x04000000, 0x08000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
"""Flags of unshare(2), from linux/sched.h."""

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
"""Flags of mount(2), from linux/mount.h."""

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 1, 38, 36
"""Of prctl(2), from linux/prctl.h."""

AT_FDCWD, AT_RECURSIVE, AT_SYMLINK_NOFOLLOW = -100, 0x8000, 0x100
ATTR_RDONLY, ATTR_NOSUID = 1, 2
SYS_MOUNT_SETATTR = 442
"""Of mount_setattr(2), which has the same number on every kind of machine; since Linux 5.12."""

HOME = "/tmp"  # noqa: S108  # of the script's own: its folder is mounted there
PYTHON = "/mnt"
"""Where a script sees the interpreter, when that stands where only the server's user may go."""

FILES = 256
CPU_GRACE_S = 10
MORE_PROCESSES = 2
"""So many times what the watcher allows, the system itself refuses; threads count here."""

_libc = ctypes.CDLL(None, use_errno=True)


class Shut(NamedTuple):
    """What a script is kept apart by.

    Attributes:
        processes: it sees no process but its own, and all of them end together.
        files: its folder is all it has; what must be hidden is hidden.
        network: it has none.
        user: it runs as a user of its own.
    """

    processes: bool = False
    files: bool = False
    network: bool = False
    user: bool = False

    @property
    def isolation(self) -> str:
        """In words, for the record of a run."""
        found = [name for name, held in self._asdict().items() if held]
        return ", ".join(found) or "none"


def prctl(option: int, value: int) -> None:
    """Set something of this process.

    Raises:
        OSError: the system refuses.
    """
    _checked(_libc.prctl(option, value, 0, 0, 0))


def shut_in(order: Order) -> Shut:
    """Give this process namespaces of its own, as many as the system lets us; its next child is the first in them."""
    uid, gid = os.getuid(), os.getgid()
    kinds = NEW_NS | NEW_IPC | NEW_UTS | NEW_PID | (0 if order.network else NEW_NET)
    user = 0 if uid == 0 else NEW_USER
    if not _unshared(kinds | user):
        return Shut(user=_may_change_user())
    if user:
        # The same numbers inside as outside: the next program that is run has no privileges in here either.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return Shut(processes=True, files=True, network=not order.network, user=_may_change_user())


def close_off(order: Order, shut: Shut) -> None:
    """Arrange the files that a script sees, in the first process of its namespaces.

    Raises:
        OSError: the system refuses.
    """
    if not shut.files:
        os.chdir(order.folder)
        return
    plain = MS_NOSUID | MS_NODEV | MS_NOEXEC
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    os.chdir(order.folder)
    if shut.user and not is_open(order.python):
        prefix = str(Path(order.python).parents[1])
        _mount(prefix, PYTHON, None, MS_BIND)
        order.command = [f"{PYTHON}{each.removeprefix(prefix)}" if each == order.python else each
                         for each in order.command]  # fmt: skip
        order.environment["LD_LIBRARY_PATH"] = f"{PYTHON}/lib"
    _mount(".", HOME, None, MS_BIND)
    # What stands below the temporary folder of before is out of sight already.
    for path in filter(os.path.isdir, order.hidden):
        _mount("none", path, "tmpfs", plain, "size=4k,mode=000")
    _mount("proc", "/proc", "proc", plain)
    if os.path.isdir("/dev/shm"):  # noqa: S108  # anybody may write there, and it is the server's memory
        _mount("none", "/dev/shm", "tmpfs", plain, "size=16m,mode=1777")  # noqa: S108
    _set_attributes("/", ATTR_RDONLY, 0, AT_RECURSIVE)
    for path in (HOME, "/dev/shm"):  # noqa: S108  # see above
        if os.path.isdir(path):
            _set_attributes(path, 0, ATTR_RDONLY, 0)
    os.chdir(HOME)


def give_up(order: Order, shut: Shut) -> None:
    """Take privileges, descriptors and room away from this process, which runs the script's program next."""
    limits = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, order.timeout_s + CPU_GRACE_S),
        (resource.RLIMIT_AS, order.memory_bytes),
        (resource.RLIMIT_FSIZE, order.disk_bytes),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_NPROC, order.processes * MORE_PROCESSES),
    )
    for kind, limit in limits:
        # Of a user who has other processes, the server's count too; the watcher counts the script's alone.
        if kind != resource.RLIMIT_NPROC or shut.user:
            resource.setrlimit(kind, (limit, limit))
    stand_back()
    if shut.user:
        os.setgroups([])
        os.setresgid(order.uid, order.uid, order.uid)
        os.setresuid(order.uid, order.uid, order.uid)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.umask(0o077)
    os.closerange(3, FILES * 16)


def stand_back() -> None:
    """Let everybody else have the processor first, also where the system shares it between sessions."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 19)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("19")


def is_open(path: str) -> bool:
    """Tell whether every user may go to a file."""
    return all(each.stat().st_mode & 0o001 for each in Path(path).parents)


def sees(path: str) -> bool:
    """Tell whether a script may go to a file of the system as it is kept apart here."""
    shut = possible()
    return not (shut.files and Path(path).is_relative_to(HOME)) and (not shut.user or is_open(path))


@functools.cache
def possible() -> Shut:
    """Tell what the system lets us have, tried in a process that ends at once."""
    done = subprocess.run([sys.executable, "-m", "precedent.scripts.trial"], stdout=subprocess.PIPE, check=False)
    return Shut(*map(bool, done.stdout)) if len(done.stdout) == len(Shut()) else Shut()


def _may_change_user() -> bool:
    return os.geteuid() == 0


def _unshared(flags: int) -> bool:
    return int(_libc.unshare(flags)) == 0


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    given = [each.encode() if each is not None else None for each in (source, target, kind)]
    _checked(_libc.mount(*given, ctypes.c_ulong(flags), data.encode() or None))


class _MountAttributes(ctypes.Structure):
    """Struct mount_attr, from linux/mount.h."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd"))


def _set_attributes(path: str, wanted: int, unwanted: int, flags: int) -> None:
    given = _MountAttributes(wanted, unwanted, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(given))
    _checked(_libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(), flags, ctypes.byref(given), size))


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
