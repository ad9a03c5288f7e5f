"""Scripts: deploying, changing, pausing and removing them. Every change is audited in its own transaction."""

import hashlib
import math
import re
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Conflict, NotFound, TooLarge
from precedent.schedules import latest, parse
from precedent.security import audit, secret_references
from precedent.security.acting import By
from precedent.store import Store, bulk
from precedent.store.schema import script, script_run, script_version

from .header import header
from .model import LONGEST_TIMEOUT_S, MAX_SOURCE_BYTES, SCHEDULE, Outcome, Script

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
PARAMETER = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,62}")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
TAKEN = frozenset({"PATH", "LANG", "HOME", "TMPDIR", "LD_LIBRARY_PATH"})
"""Variables that every script has already."""

REFUSED = re.compile(r"(?:LD_|PYTHON|PARAM_|UV_).*")
"""Variables that say how programs run, or that hold parameters."""

MAX_PARAMETERS = 100
MAX_VALUE = 8_192
LARGEST_NUMBER = 2**53


class Registry:
    """Keeps scripts.

    Args:
        store: the database.
        clock: time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def deploy(self, given: Script, *, by: By) -> None:
        """Make a script; by its schedule it is due at the next instant.

        Raises:
            BadInput: something of it cannot be used.
            Conflict: there is one of this name.
        """
        now, values = self._clock.now(), _checked(given)
        values |= {"created_at": now, "updated_at": now, "version": 1, "last_due_at": _settled(given, now)}
        with self._store.write() as tx:
            if not bulk.insert_new(tx, script, ["name", *values], [(given.name, *values.values())]):
                raise Conflict(f"there is a script {given.name!r} already")
            number = int(named(tx, given.name).id)
            sha256 = _keep(tx, number, given.source, version=1, by=by, now=now)
            self._record(tx, by, "deploy", given, sha256=sha256, version=1)

    def change(self, name: str, given: Script, *, by: By) -> None:
        """Replace what is said of a script; another text becomes its next version. A run under way goes on as it is.

        Raises:
            NotFound: there is no such script.
            BadInput: something of it cannot be used, or the name differs.
        """
        if given.name != name:
            raise BadInput("the name of a script stays as it is; deploy another script")
        now, values = self._clock.now(), _checked(given)
        with self._store.write() as tx:
            row = named(tx, name)
            version, sha256 = int(row.version), _sha256(given.source)
            if sha256 != current(tx, row).sha256:
                version += 1
                _keep(tx, int(row.id), given.source, version=version, by=by, now=now)
            if given.schedule != row.schedule:
                values["last_due_at"] = _settled(given, now)
            tx.execute(script.update().where(script.c.id == row.id).values(**values, version=version, updated_at=now))
            self._record(tx, by, "change", given, sha256=sha256, version=version)

    def pause(self, name: str, reason: str, *, by: By) -> None:
        """Keep a script from being run by its schedule; whoever asks for a run still gets one.

        Raises:
            NotFound: there is no such script.
        """
        with self._store.write() as tx:
            number = named(tx, name).id
            tx.execute(script.update().where(script.c.id == number).values(paused_reason=reason))
            self._note(tx, by, "pause", name, reason=reason)

    def resume(self, name: str, *, by: By) -> None:
        """Let a script be run by its schedule again; what was due meanwhile is one skipped run.

        Raises:
            NotFound: there is no such script.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            row = named(tx, name)
            values: dict[str, Any] = {"paused_reason": ""}
            due_at = latest(parse(row.schedule, name=name), last=row.last_due_at, now=now) if row.schedule else None
            if row.paused_reason and due_at is not None:
                values["last_due_at"] = due_at
                skip(tx, row, due_at, now=now, reason=f"it was paused: {row.paused_reason}")
            tx.execute(script.update().where(script.c.id == row.id).values(**values))
            self._note(tx, by, "resume", name)

    def remove(self, name: str, *, by: By) -> None:
        """Remove a script with its versions and its history; a run under way is ended.

        Raises:
            NotFound: there is no such script.
        """
        with self._store.write() as tx:
            number = int(named(tx, name).id)
            for each in (script_run, script_version):
                tx.execute(each.delete().where(each.c.script_id == number))
            tx.execute(script.delete().where(script.c.id == number))
            self._note(tx, by, "remove", name)

    def _record(self, tx: sa.Connection, by: By, action: str, given: Script, *, sha256: str, version: int) -> None:
        self._note(
            tx, by, action, given.name, sha256=sha256, version=version, schedule=given.schedule,
            secrets=given.secrets, parameters=sorted(given.parameters), network=given.network,
        )  # fmt: skip

    def _note(self, tx: sa.Connection, by: By, action: str, name: str, **details: Any) -> None:
        audit.record(tx, by.act(f"script.{action}", f"script:{name}", **details), now=self._clock.now())


def named(tx: sa.Connection, name: str) -> "sa.Row[Any]":
    """Return the row of a script; in a transaction that writes nobody else changes it meanwhile.

    Raises:
        NotFound: there is no such script.
    """
    query = sa.select(script).where(script.c.name == name).with_for_update()
    row = tx.execute(query).first() if NAME.fullmatch(name) else None
    if row is None:
        raise NotFound(f"no script {name!r}; `precedent scripts list` names them")
    return row


def current(tx: sa.Connection, row: "sa.Row[Any]") -> "sa.Row[Any]":
    """Return the newest version of a script."""
    return version_of(tx, int(row.id), int(row.version))


def version_of(tx: sa.Connection, number: int, version: int) -> "sa.Row[Any]":
    """Return one version of a script."""
    this = sa.and_(script_version.c.script_id == number, script_version.c.number == version)
    return tx.execute(sa.select(script_version).where(this)).one()


def skip(tx: sa.Connection, row: "sa.Row[Any]", due_at: int, *, now: int, reason: str) -> None:
    """Write down that a script was due and was not run."""
    values = {
        "script_id": int(row.id), "version": int(row.version), "due_at": due_at, "requested_by": SCHEDULE,
        "requested_at": now, "heartbeat_at": now, "finished_at": now, "outcome": Outcome.SKIPPED.value,
        "reason": reason,
    }  # fmt: skip
    bulk.insert_new(tx, script_run, list(values), [tuple(values.values())])


def _settled(given: Script, now: int) -> int | None:
    """Return the due instant from which the next one follows: a new schedule is not due at once."""
    return latest(parse(given.schedule, name=given.name), last=None, now=now) if given.schedule else None


def _keep(tx: sa.Connection, number: int, source: str, *, version: int, by: By, now: int) -> str:
    sha256 = _sha256(source)
    tx.execute(
        script_version.insert().values(
            script_id=number, number=version, source=source, sha256=sha256, deployed_by=by.principal.name,
            deployed_at=now,
        )
    )  # fmt: skip
    return sha256


def _sha256(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def _checked(given: Script) -> dict[str, Any]:
    """Return the columns of a script after a look at everything that is said."""
    if not NAME.fullmatch(given.name):
        raise BadInput(f"{given.name!r} is no name of a script: small letters, digits, - and _, at most 63")
    try:
        size = len(given.source.encode())
    except UnicodeEncodeError as error:
        raise BadInput("the text of the script holds half a character; save it as UTF-8") from error
    if size > MAX_SOURCE_BYTES:
        raise TooLarge(f"the script has {size:,} bytes; it may have {MAX_SOURCE_BYTES:,}")
    if not given.source.strip() or "\0" in given.source:
        raise BadInput("the script is empty or no text")
    header(given.source)
    if given.schedule:
        parse(given.schedule, name=given.name)
    if not 1 <= given.timeout_s <= LONGEST_TIMEOUT_S:
        raise BadInput(f"timeout_s is {given.timeout_s}; it is from 1 to {LONGEST_TIMEOUT_S:,}")
    _check_parameters(given)
    for variable, name in given.secrets.items():
        if not VARIABLE.fullmatch(variable) or variable in TAKEN or REFUSED.fullmatch(variable):
            raise BadInput(f"{variable!r} is no variable for a secret: capital letters, digits and _, and not taken")
        secret_references.checked(name)
    return {
        "schedule": given.schedule,
        "parameters": msgspec.json.encode(given.parameters).decode(),
        "secrets": msgspec.json.encode(given.secrets).decode(),
        "timeout_s": given.timeout_s,
        "network": given.network,
    }


def _check_parameters(given: Script) -> None:
    if len(given.parameters) > MAX_PARAMETERS or len(given.secrets) > MAX_PARAMETERS:
        raise BadInput(f"a script has at most {MAX_PARAMETERS} parameters and as many secrets")
    if len({name.upper() for name in given.parameters}) < len(given.parameters):
        raise BadInput("two parameters differ in capital letters alone")
    for name, value in given.parameters.items():
        if not PARAMETER.fullmatch(name):
            raise BadInput(f"{name!r} is no name of a parameter: letters, digits and _, at most 63, a letter first")
        if isinstance(value, str) and (len(value) > MAX_VALUE or "\0" in value or not _is_utf8(value)):
            raise BadInput(f"the parameter {name} is longer than {MAX_VALUE} characters or no text")
        if isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= LARGEST_NUMBER):
            raise BadInput(f"the parameter {name} is no number from -2^53 to 2^53")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
