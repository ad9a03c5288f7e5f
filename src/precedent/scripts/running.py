"""Runs scripts: those that are due and those that somebody asked for, several at a time, each below its supervisor."""

import logging
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import msgspec

from precedent import children
from precedent.clock import Clock
from precedent.errors import PrecedentError
from precedent.security.secret_references import SecretStore
from precedent.settings import Settings
from precedent.store import Store

from . import claims, command, isolation
from .claims import Claim
from .model import FIRST_UID, Ended, Order, Outcome, Printed

AT_A_TIME = 4
LOOK_S = 0.2
DUE_S = 5.0
"""While scripts run, what becomes due meanwhile is looked for this often."""

BEAT_S = 5.0
GRACE_S = 30.0
"""A supervisor that says nothing for so long after its script should have ended is ended itself."""

STARTED = "script-"
"""Begins the names of the folders of scripts."""

READ_BYTES = 1 << 20

log = logging.getLogger(__name__)


class ScriptStats(msgspec.Struct, kw_only=True):
    """What one run of the job did.

    Attributes:
        scripts_due: that were due by their schedules.
        done: that ended with exit code 0.
        failed: that ended in another way.
        lost: that an earlier worker left under way.
        failures: the first of those that failed, each with its script, run and reason.
    """

    scripts_due: int = 0
    done: int = 0
    failed: int = 0
    lost: int = 0
    failures: list[dict[str, str | int]] = []


class Running:
    """Runs scripts.

    Args:
        store: the database.
        secrets: where the secrets of scripts are.
        settings: folders and limits.
        clock: time.
    """

    def __init__(self, store: Store, secrets: SecretStore, *, settings: Settings, clock: Clock) -> None:
        self._store, self._secrets, self._settings, self._clock = store, secrets, settings, clock
        self._slots = list(range(AT_A_TIME))
        self._lock = threading.Lock()

    def run(self, *, run_id: int | None = None, stopping: Callable[[], bool] = lambda: False) -> ScriptStats:
        """Run what is due and what was asked for, and what becomes so meanwhile, until nothing is under way."""
        stats = ScriptStats(lost=claims.lose(self._store, now=self._clock.now()))
        self._sweep()
        under_way: dict[Future[Ended], Claim] = {}
        looked = float("-inf")
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="script") as threads:
            while not stopping():
                if time.monotonic() - looked > DUE_S:
                    stats.scripts_due += claims.take_due(self._store, now=self._clock.now())
                    looked = time.monotonic()
                while len(under_way) < AT_A_TIME:
                    if (claim := claims.take(self._store, run_id=run_id, now=self._clock.now())) is None:
                        break
                    under_way[threads.submit(self._one, claim, stopping)] = claim
                if not under_way:
                    break
                for future in wait(under_way, LOOK_S, FIRST_COMPLETED).done:
                    self._count(stats, under_way.pop(future), future)
        for future, claim in under_way.items():
            self._count(stats, claim, future)
        claims.tidy(self._store, now=self._clock.now())
        return stats

    def _count(self, stats: ScriptStats, claim: Claim, future: "Future[Ended]") -> None:
        """Take the end of a script into the sums; what went wrong with us is its failure and nobody else's."""
        if (error := future.exception()) is not None:
            log.error("script_failed", exc_info=error, extra={"script": claim.name, "run": claim.id})
            reason = f"it could not be run: {type(error).__name__}; the log of the worker tells more"
            ended = Ended(outcome=Outcome.FAILED, exit_code=None, reason=reason, isolation="")
            claims.finish(self._store, claim.id, ended, printed=None, now=self._clock.now())
        else:
            ended = future.result()
        if ended.outcome is Outcome.DONE:
            stats.done += 1
            return
        stats.failed += 1
        stats.failures.append({"script": claim.name, "run": claim.id, "reason": ended.reason})

    def _one(self, claim: Claim, stopping: Callable[[], bool]) -> Ended:
        """Run one script and write down what became of it."""
        with self._lock:
            slot = self._slots.pop()
        folder: Path | None = None
        watched: _Watched | None = None
        try:
            folder = Path(tempfile.mkdtemp(prefix=STARTED, dir=self._root()))
            secrets = {variable: self._secrets.resolve(name) for variable, name in claim.secrets.items()}
            watched = _Watched(self._store, self._clock, claim, secrets)
            ended = watched.until_its_end(self._order(claim, folder, secrets, FIRST_UID + slot), stopping)
        except (PrecedentError, OSError) as error:
            ended = Ended(outcome=Outcome.FAILED, exit_code=None, reason=str(error), isolation="")
        finally:
            if folder is not None:
                _remove(folder)
            with self._lock:
                self._slots.append(slot)
        printed = watched.printed if watched is not None else None
        claims.finish(self._store, claim.id, ended, printed=printed, now=self._clock.now())
        return ended

    def _root(self) -> Path:
        """Return where the folders of scripts are made."""
        if os.geteuid() == 0 and not isolation.possible().files:
            return Path(tempfile.gettempdir())  # the data folder lets nobody but us through
        root = self._settings.scripts_dir
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return root.resolve()

    def _order(self, claim: Claim, folder: Path, secrets: dict[str, str], uid: int) -> Order:
        settings, home = self._settings, command.home_of(folder)
        started = command.command(claim.source, network=claim.network, home=home)
        command.fill(folder, claim.source, claim.parameters, uid=uid if os.geteuid() == 0 else None)
        hidden = [settings.data_dir, settings.archive_dir, settings.secrets_dir, settings.data_files_dir]
        return Order(
            command=started.arguments,
            python=started.python,
            folder=str(folder),
            environment=command.environment(claim.parameters, secrets, home=home),
            hidden=[str(path.resolve()) for path in hidden if path is not None],
            network=claim.network,
            timeout_s=claim.timeout_s,
            memory_bytes=settings.script_memory_mb << 20,
            disk_bytes=settings.script_disk_mb << 20,
            uid=uid,
        )

    def _sweep(self) -> None:
        """Remove folders that a killed worker left."""
        for path in self._settings.scripts_dir.glob(f"{STARTED}*"):
            _remove(path)


class _Watched:
    """A script under way, as it is seen from the worker.

    Attributes:
        printed: what it has printed up to now.
    """

    def __init__(self, store: Store, clock: Clock, claim: Claim, secrets: dict[str, str]) -> None:
        self._store, self._clock, self._claim, self._secrets = store, clock, claim, secrets
        self.printed: Printed | None = None
        self._ended: Ended | None = None
        self._rest = b""

    def until_its_end(self, order: Order, stopping: Callable[[], bool]) -> Ended:
        """Have a supervisor run it; ended early, the supervisor takes the script with it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "precedent.scripts.supervisor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env=children.environment(),
            start_new_session=True,
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("pipes were asked for")
        try:
            with process.stdin:
                process.stdin.write(msgspec.json.encode(order))
            self._follow(process, process.stdout.fileno(), time.monotonic() + order.timeout_s + GRACE_S, stopping)
        finally:
            if self._ended is None:
                process.kill()
            process.wait()
            process.stdout.close()
        lost = Ended(outcome=Outcome.LOST, exit_code=None, reason="the process that watched it ended", isolation="")
        return self._ended or lost

    def _follow(
        self, process: "subprocess.Popen[bytes]", answers: int, ends: float, stopping: Callable[[], bool]
    ) -> None:
        shown, told = time.monotonic(), self.printed
        while self._ended is None and time.monotonic() < ends:
            if select.select([answers], [], [], LOOK_S)[0]:
                data = os.read(answers, READ_BYTES)
                if not data:
                    return
                self._take(data)
            if stopping():
                process.terminate()
            if self.printed is not told or time.monotonic() - shown > BEAT_S:
                shown, told = time.monotonic(), self.printed
                if not claims.is_ours(self._store, self._claim.id, printed=told, now=self._clock.now()):
                    process.terminate()

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            said = msgspec.json.decode(line, type=Printed | Ended)
            if isinstance(said, Ended):
                self._ended = said
            else:
                head, tail = (command.without(each, self._secrets) for each in (said.head, said.tail))
                self.printed = msgspec.structs.replace(said, head=head, tail=tail)


def _remove(folder: Path) -> None:
    """Remove a folder, however deep and however closed what a script made in it."""
    tools = {name: shutil.which(name) for name in ("rm", "chmod")}
    if tools["rm"] is None or tools["chmod"] is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for arguments in (["rm", "-rf"], ["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        done = subprocess.run(  # noqa: S603  # tools of the system on a folder that we made
            [*arguments, "--", str(folder)], stderr=subprocess.DEVNULL, check=False
        )
        if arguments[0] == "rm" and done.returncode == 0:
            return
