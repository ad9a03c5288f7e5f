"""Being kept apart for a server that is no root, and where the system gives nothing; what `doctor` says of it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from conftest import MakeApp
from places import until
from precedent.doctor import examine
from precedent.scripts import isolation
from precedent.scripts.isolation import Shut
from precedent.scripts.model import Ended, Order, Outcome, Printed

NOBODY = 65_534
DRIVER = """
import os, signal, sys
import msgspec
from precedent.scripts import isolation, supervisor
from precedent.scripts.model import Order

order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
if "nothing" in sys.argv:
    isolation._unshared = lambda flags: False
if "nobody" in sys.argv:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    isolation.prctl(4, 1)  # PR_SET_DUMPABLE, as a process that began as this user has it
found = supervisor.Supervisor(order, 1).run()
os.write(1, msgspec.json.encode(found) + b"\\n")
"""
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")


@contextmanager
def made() -> Iterator[str]:
    """Give a folder of nobody's."""
    folder = tempfile.mkdtemp(dir="/tmp")
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    os.system(f"rm -rf {folder}")


def ordered(command: str, folder: str, *, timeout_s: int) -> bytes:
    """Return the order to run a shell command, as a supervisor reads it."""
    order = Order(
        command=["/bin/sh", "-c", command], python="/bin/sh", folder=folder, environment={"PATH": "/usr/bin:/bin"},
        hidden=["/var/tmp"], network=False, timeout_s=timeout_s, uid=NOBODY,
    )  # fmt: skip
    return msgspec.json.encode(order)


def supervised(command: str, *how: str, timeout_s: int = 5) -> tuple[Ended, str]:
    """Run a shell command below a supervisor that is nobody, or that the system gives nothing."""
    with made() as folder:
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, *how], input=ordered(command, folder, timeout_s=timeout_s),
            stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
    *_, printed, ended = [msgspec.json.decode(line, type=Printed | Ended) for line in done.stdout.splitlines()]
    assert isinstance(printed, Printed)
    assert isinstance(ended, Ended)
    return ended, printed.head


@ROOT
def test_a_server_that_is_no_root_has_namespaces_of_a_user_of_its_own() -> None:
    found, text = supervised("id -u; ls /proc | grep -c '^[0-9]'; ls /var/tmp; echo a > /tmp/a && cat /tmp/a", "nobody")
    if found.isolation == "none":
        pytest.skip("the system gives nobody else namespaces")
    assert found.isolation == "processes, files, network"
    lines = text.splitlines()
    assert lines[0] == "65534"
    assert int(lines[1]) <= 4
    assert lines[-1] == "a"
    assert found.outcome is Outcome.DONE


@ROOT
def test_nobodys_script_that_starts_others_leaves_none(tmp_path: Path) -> None:
    found, _ = supervised("setsid sleep 617 >/dev/null 2>&1 & echo away", "nobody")
    assert found.outcome is Outcome.DONE
    assert _sleeping("617") == []


@ROOT
def test_without_namespaces_a_script_is_another_user_and_leaves_nothing_all_the_same() -> None:
    found, text = supervised("id -u; setsid sleep 618 >/dev/null 2>&1 & setsid sleep 618 & echo away", "nothing")
    assert found.isolation == "user"
    assert "65534" in text
    assert _sleeping("618") == []


@ROOT
def test_without_namespaces_a_script_that_takes_too_long_ends_with_all_its_own() -> None:
    found, _ = supervised("setsid sleep 619 & trap '' TERM; sleep 619", "nothing", timeout_s=1)
    assert found.outcome is Outcome.TIMEOUT
    assert _sleeping("619") == []


@ROOT
def test_without_namespaces_a_killed_worker_ends_what_its_script_has_started(tmp_path: Path) -> None:
    with made() as folder:
        (tmp_path / "order").write_bytes(ordered("setsid sleep 620 & sleep 620", folder, timeout_s=60))
        # The shell stands for the worker; nobody reads what it is told.
        line = '"$0" -c "$1" nothing < "$2" | true; exit'
        worker = subprocess.Popen(["/bin/sh", "-c", line, sys.executable, DRIVER, str(tmp_path / "order")])
        until(lambda: len(_sleeping("620")) == 2, what="both run")
        worker.kill()
        worker.wait()
        until(lambda: not _sleeping("620"), what="both have ended", limit_s=5)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_doctor_says_what_scripts_are_kept_apart_by(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    (check,) = [each for each in examine(app) if each.name == "scripts"]
    assert isolation.possible().isolation in check.detail
    monkeypatch.setattr(isolation, "possible", lambda: Shut(user=True))
    (check,) = [each for each in examine(app) if each.name == "scripts"]
    assert check.result == "warning"
    assert "processes, files, network" in check.detail


def _sleeping(seconds: str) -> list[str]:
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            try:
                command = (each / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has ended
                continue
            if command[:2] == [b"sleep", seconds.encode()]:
                found.append(each.name)
    return found
