"""Deploys scripts, changes and removes them; every act is audited in its own transaction."""

import hashlib
import re
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Busy, Conflict, NotFound, TooLarge
from precedent.schedules import parse
from precedent.security import audit, secret_references
from precedent.security.acting import By
from precedent.store import Store, bulk
from precedent.store.schema import script, script_run, script_version

from .header import header
from .model import MAX_SOURCE_BYTES, Script

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
_PARAMETER = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,62}")
TAKEN = frozenset({"PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "LD_PRELOAD"})
"""Variables that a script has already, or that would change which program runs."""

MAX_PARAMETERS = 100
MAX_VALUE = 10_000
LONGEST_TIMEOUT_S = 6 * 3600
KEPT_VERSIONS = 50


class Registry:
    """Keeps scripts.

    Args:
        store: the database.
        clock: time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def deploy(self, given: Script, *, by: By) -> int:
        """Make a script, or a new version of the one of this name; return the number of the version.

        Raises:
            BadInput: something of it cannot be used.
        """
        check(given)
        now, digest = self._clock.now(), hashlib.sha256(given.source.encode()).hexdigest()
        values = {
            "schedule": given.schedule,
            "parameters": msgspec.json.encode(given.parameters).decode(),
            "secrets": msgspec.json.encode(given.secrets).decode(),
            "timeout_s": given.timeout_s,
            "network": given.network,
            "updated_at": now,
        }
        with self._store.write() as tx:
            row = tx.execute(sa.select(script).where(script.c.name == given.name)).first()
            if row is None:
                columns = ["name", *values, "created_at"]
                if not bulk.insert_new(tx, script, columns, [(given.name, *values.values(), now)]):
                    raise Conflict(f"somebody else makes a script {given.name!r} at this moment; try again")
                row = tx.execute(sa.select(script).where(script.c.name == given.name)).one()
            elif row.schedule != given.schedule:
                values["last_due_at"] = None
            number = self._version(tx, row, given.source, digest, by=by)
            tx.execute(script.update().where(script.c.id == row.id).values(**values, version=number))
            self._record(
                tx, by, "deploy", given.name, version=number, sha256=digest, schedule=given.schedule,
                secrets=sorted(given.secrets.values()), network=given.network,
            )  # fmt: skip
        return number

    def _version(self, tx: sa.Connection, row: "sa.Row[Any]", source: str, digest: str, *, by: By) -> int:
        """Return the number of the version with this text, made if the newest is another."""
        theirs = script_version.c.script_id == row.id
        newest = tx.execute(sa.select(script_version).where(theirs, script_version.c.number == row.version)).first()
        if newest is not None and newest.sha256 == digest:
            return int(row.version)
        number = int(row.version) + 1
        values = (int(row.id), number, source, digest, by.principal.name, self._clock.now())
        bulk.insert(
            tx,
            script_version,
            ["script_id", "number", "source", "sha256", "deployed_by", "deployed_at"],
            [values],
        )
        tx.execute(script_version.delete().where(theirs, script_version.c.number <= number - KEPT_VERSIONS))
        return number

    def pause(self, name: str, reason: str, *, by: By) -> None:
        """Keep a script from being started by its schedule, or with an empty reason let it be started again.

        Raises:
            NotFound: there is no such script.
        """
        with self._store.write() as tx:
            this = script.c.id == one(tx, name).id
            tx.execute(script.update().where(this).values(paused_reason=reason))
            self._record(tx, by, "pause" if reason else "resume", name, reason=reason)

    def remove(self, name: str, *, by: By) -> None:
        """Remove a script with its versions and runs.

        Raises:
            NotFound: there is no such script.
            Busy: it runs.
        """
        with self._store.write() as tx:
            number = int(one(tx, name).id)
            open_run = tx.scalar(sa.select(script_run.c.run_id).where(script_run.c.open_id == number))
            if open_run is not None:
                raise Busy(f"{name} runs; remove it when it has ended", holder=int(open_run))
            for each in (script_run, script_version):
                tx.execute(each.delete().where(each.c.script_id == number))
            tx.execute(script.delete().where(script.c.id == number))
            self._record(tx, by, "remove", name)

    def require_idle(self, name: str) -> None:
        """See that a script could be run now.

        Raises:
            NotFound: there is no such script.
            Busy: it runs already.
        """
        with self._store.read() as tx:
            number = one(tx, name).id
            found = tx.execute(sa.select(script_run).where(script_run.c.open_id == number)).first()
        if found is not None:
            raise Busy(f"{name} is already running", holder=int(found.run_id or 0))

    def _record(self, tx: sa.Connection, by: By, action: str, name: str, **details: Any) -> None:
        audit.record(tx, by.act(f"script.{action}", f"script:{name}", **details), now=self._clock.now())


def one(tx: sa.Connection, name: str) -> "sa.Row[Any]":
    """Return a script's row.

    Raises:
        NotFound: there is no such script.
    """
    row = tx.execute(sa.select(script).where(script.c.name == name)).first() if NAME.fullmatch(name) else None
    if row is None:
        raise NotFound(f"no script {name!r}; `precedent scripts list` names them")
    return row


def check(given: Script) -> None:
    """See that a script can be deployed.

    Raises:
        BadInput: it cannot; the message says why.
    """
    if not NAME.fullmatch(given.name):
        raise BadInput(f"{given.name!r} is no name of a script: small letters, digits, - and _, at most 63")
    try:
        size = len(given.source.encode())
    except UnicodeEncodeError as error:
        raise BadInput("the script holds half of a surrogate pair, which is no text") from error
    if not given.source.strip() or size > MAX_SOURCE_BYTES or "\0" in given.source:
        kind = TooLarge if size > MAX_SOURCE_BYTES else BadInput
        raise kind(f"the script is empty, larger than {MAX_SOURCE_BYTES >> 20} MiB, or holds a NUL")
    try:
        compile(given.source, given.name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadInput(f"the script is no Python: {error}") from error
    header(given.source)
    if given.schedule:
        parse(given.schedule, name=given.name)
    if not 1 <= given.timeout_s <= LONGEST_TIMEOUT_S:
        raise BadInput(f"timeout_s is {given.timeout_s}; it is from 1 to {LONGEST_TIMEOUT_S}")
    if len(given.parameters) > MAX_PARAMETERS or len(given.secrets) > MAX_PARAMETERS:
        raise BadInput(f"a script has {MAX_PARAMETERS} parameters and as many secrets at most")
    for name, value in given.parameters.items():
        if not _PARAMETER.fullmatch(name) or len(str(value)) > MAX_VALUE or "\0" in str(value):
            raise BadInput(f"{name!r} is no parameter: letters, digits and _, a value without NUL, at most {MAX_VALUE}")
    for variable, name in given.secrets.items():
        if not _VARIABLE.fullmatch(variable) or variable in TAKEN or variable.startswith(("PARAM_", "PYTHON")):
            raise BadInput(f"{variable!r} is no variable for a secret: capitals, digits and _, none of the system's")
        secret_references.checked(name)
