"""Runs scripts below supervisors, several at a time, and writes down what they print and how they end."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Misconfigured, NotFound
from precedent.security.secret_references import SecretStore
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import script_version

from . import isolation
from .claiming import AT_A_TIME, Claimed, Claims
from .header import header
from .model import Ended, Order, Outcome, Printed
from .registry import one

BEAT_S = 5.0
LINE_BYTES = 4 << 20
SYSTEM_USERS, SYSTEM_USER_COUNT = 61_184, 4_336
"""The user ids that systemd gives to services for as long as they run, so no person has one of them."""

SHOW_S = 0.2
Show = Callable[[str, Printed], None]
"""Told of what a script has printed up to now, by name."""


class ScriptStats(msgspec.Struct, kw_only=True):
    """What one run of the job did.

    Attributes:
        scripts_due: that were to be run.
        done: of them with exit code 0.
        failed: of them in any other way.
        lost: runs of before whose worker is gone.
        details: each run with script, number, outcome and reason.
    """

    scripts_due: int = 0
    done: int = 0
    failed: int = 0
    lost: int = 0
    details: list[dict[str, str | int]] = []


class Running:
    """Runs scripts.

    Args:
        store: the database.
        secrets: where the secrets of scripts are.
        settings: folders.
        clock: time.
    """

    def __init__(self, store: Store, secrets: SecretStore, *, settings: Settings, clock: Clock) -> None:
        self._store, self._secrets, self._settings = store, secrets, settings
        self.claims = Claims(store, clock)
        self.root = settings.data_dir / "scripts"

    def run(
        self,
        names: Sequence[str] | None,
        *,
        run_id: int,
        by: str,
        stopping: Callable[[], bool],
        show: Show = lambda _name, _printed: None,
    ) -> ScriptStats:
        """Run the scripts that are due, or those that are named whether they are due or not.

        Raises:
            NotFound: a named one does not exist; nothing was run.
        """
        if names is not None:
            with self._store.read() as tx:
                for name in names:
                    one(tx, name)
        stats = ScriptStats(lost=self.claims.lose())
        wanted: Sequence[tuple[str, int | None]] = (
            [(name, None) for name in dict.fromkeys(names)] if names is not None else list(self.claims.due())
        )
        lock = threading.Lock()

        def body(each: tuple[str, int | None]) -> None:
            name, due_at = each
            if stopping():
                return
            claimed = self.claims.claim(name, run_id=run_id, by=by, due_at=due_at)
            if claimed is None:
                return
            ended = self._one(claimed, stopping, show)
            with lock:
                stats.scripts_due += 1
                stats.done += ended.outcome is Outcome.DONE
                stats.failed += ended.outcome is not Outcome.DONE
                stats.details.append(
                    {"script": name, "run": claimed.id, "outcome": ended.outcome.value, "reason": ended.reason}
                )

        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="script") as threads:
            list(threads.map(body, wanted))
        self.claims.prune()
        return stats

    def _one(self, claimed: Claimed, stopping: Callable[[], bool], show: Show) -> Ended:
        """Run a claimed script and write down how it ended, whatever happens."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.root))
        try:
            try:
                order = self._order(claimed, folder)
            except (BadInput, Misconfigured, NotFound, OSError) as error:
                ended = Ended(outcome=Outcome.FAILED, exit_code=None, reason=str(error), isolation="")
            else:
                ended = self._supervised(claimed, order, stopping, show)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.claims.close(claimed.id, ended)
        return ended

    def _order(self, claimed: Claimed, folder: Path) -> Order:
        """Lay out the folder of a run and return what a supervisor is told.

        Raises:
            BadInput: no interpreter here suits the script.
            Misconfigured: a secret is not set.
        """
        row = claimed.script
        theirs = sa.and_(script_version.c.script_id == row.id, script_version.c.number == row.version)
        with self._store.read() as tx:
            source = str(tx.scalar(sa.select(script_version.c.source).where(theirs)))
        parameters = msgspec.json.decode(row.parameters)
        secrets = {name: self._secrets.resolve(of) for name, of in msgspec.json.decode(row.secrets).items()}
        uid = SYSTEM_USERS + claimed.id % SYSTEM_USER_COUNT
        shown = {f"PARAM_{name.upper()}": _text(value) for name, value in parameters.items()}
        for name, text in (("script.py", source), ("parameters.json", msgspec.json.encode(parameters).decode())):
            (folder / name).write_text(text)
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, uid, uid)
        hidden = [self._settings.data_dir, self._settings.archive_dir, self._settings.secrets_dir]
        return Order(
            command=_command(source, network=row.network),
            folder=str(folder.resolve()),
            environment={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
            | {name: isolation.HOME for name in ("HOME", "TMPDIR")}
            | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
            | shown
            | secrets,
            hidden=[str(path.resolve()) for path in hidden if path],
            network=row.network,
            timeout_s=row.timeout_s,
            uid=uid,
        )

    def _supervised(self, claimed: Claimed, order: Order, stopping: Callable[[], bool], show: Show) -> Ended:
        process = subprocess.Popen(
            [sys.executable, "-m", "precedent.scripts.supervisor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ},
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("pipes were asked for")
        process.stdin.write(msgspec.json.encode(order))
        process.stdin.close()
        over = threading.Event()
        beating = threading.Thread(target=self._beat, args=(claimed, process, stopping, over), daemon=True)
        beating.start()
        try:
            ended = self._listen(claimed, process.stdout, show)
        finally:
            over.set()
            beating.join()
            process.stdout.close()
            code = process.wait()
        if ended is None:
            said = f"the process that watches it ended (status {code})"
            return Ended(outcome=Outcome.KILLED, exit_code=None, reason=said, isolation="")
        return ended

    def _listen(self, claimed: Claimed, answers: IO[bytes], show: Show) -> Ended | None:
        """Take what a supervisor says until it says how the script ended."""
        while line := answers.readline(LINE_BYTES):
            try:
                found = msgspec.json.decode(line, type=Printed | Ended)
            except msgspec.DecodeError:
                return None
            if isinstance(found, Ended):
                return found
            show(claimed.script.name, found)
            self.claims.tell(claimed.id, found)
        return None

    def _beat(
        self, claimed: Claimed, process: "subprocess.Popen[bytes]", stopping: Callable[[], bool], over: threading.Event
    ) -> None:
        """Show that the run lives; end the script when we are to stop, or when the run was declared lost."""
        next_beat = time.monotonic() + BEAT_S
        while not over.wait(SHOW_S):
            if stopping():
                process.terminate()
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT_S
                if not self.claims.tell(claimed.id, None):
                    process.terminate()


def _text(value: object) -> str:
    """Return a parameter as text; true and false as programs write them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _command(source: str, *, network: bool) -> list[str]:
    """Return the program that runs a script.

    Raises:
        BadInput: its head wants what is not here.
    """
    wanted, python = header(source), os.path.realpath(sys.executable)
    if not wanted.dependencies and wanted.suits(sys.version_info[:3]):
        return [python, "-I", "script.py"]
    uv = shutil.which("uv")
    if uv is None:
        what = (
            f"packages ({', '.join(wanted.dependencies)})"
            if wanted.dependencies
            else f"Python {wanted.requires_python}"
        )
        raise BadInput(f"the script needs {what}, which takes uv; install uv where the worker runs, or write without")
    if not network:
        raise BadInput("the script needs packages or another Python, which are fetched; allow it the network")
    return [os.path.realpath(uv), "run", "--no-project", "--script", "script.py"]
