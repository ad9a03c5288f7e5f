"""Measures what a script takes: its processes, their memory, its folder. Everything may change while it is measured."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def descendants(of: int) -> Iterator[int]:
    """Yield the ids of all processes below one, as the system lists them."""
    below: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal() and (parent := _parent(name)) is not None:
            below.setdefault(parent, []).append(int(name))
    waiting = list(below.get(of, ()))
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += below.get(pid, ())


def _parent(pid: str) -> int | None:
    try:
        text = Path("/proc", pid, "stat").read_bytes()
    except OSError:  # it has ended
        return None
    # The name stands in parentheses and may hold any characters, parentheses too.
    state, parent = text.rpartition(b")")[2].split()[:2]
    return None if state == b"Z" else int(parent)


def memory(pid: int) -> int:
    """Return the bytes that a process has in memory for itself."""
    try:
        fields = Path("/proc", str(pid), "statm").read_text().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * PAGE_BYTES


def measured(folder: str, *, most: int, files: int) -> tuple[int, str]:
    """Return the bytes that a folder takes, and why it is too much as a count or cannot be told.

    It is looked at no further once there is too much.
    """
    total, count, waiting = 0, 0, [folder]
    while waiting and total <= most:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    count += 1
                    if count > files:
                        return total, f"it made more than {files:,} files"
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):  # it changes while it is looked at
            continue
        except OSError as error:  # what is too deep or closed to us could hide anything
            return total, f"it made a folder that cannot be looked at: {error.strerror}"
    return total, ""


def nameless(pids: list[int]) -> dict[tuple[int, int], int]:
    """Return the bytes of files that processes hold open and that have no name any more, by device and number."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with suppress(OSError):
                    status = os.stat(entry.path)
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return found
