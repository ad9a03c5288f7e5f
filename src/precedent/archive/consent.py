"""What each person allows their transcripts to be used for: in general, and by project.

A project is a working folder with everything below it. Of the rules that cover a folder the nearest counts; without
one the purpose's default holds. A session that works in several projects may be used only if each of them may.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from precedent.errors import BadInput
from precedent.model import Purpose
from precedent.store import bulk, serialize
from precedent.store.schema import consent
from precedent.transcripts.folders import HASHED

from .naming import storable

EVERYTHING = ""
"""The project of a rule that holds wherever no other does."""

MAX_PROJECT = 1000
MAX_RULES = 1000
"""Rules of one person."""

_SEPARATORS = re.compile(r"[/\\]+")
_DRIVE = re.compile(r"[A-Za-z]:")


class Rule(NamedTuple):
    """One wish; columns of the same names.

    Attributes:
        project: a folder; empty for everything.
    """

    purpose: str
    project: str
    allowed: bool
    changed_at: int
    changed_by: str


class Consent:
    """The rules of one person for one purpose.

    Args:
        purpose: what for.
        rules: allowed or not, by project.
    """

    def __init__(self, purpose: Purpose, rules: dict[str, bool]) -> None:
        self._general = rules.get(EVERYTHING, purpose.is_allowed_by_default)
        self._by_parts = {_parts(project): allowed for project, allowed in rules.items() if project}
        self._by_hash = {
            hashlib.sha256(project.encode()).hexdigest(): allowed for project, allowed in rules.items() if project
        }

    @property
    def depends_on_folders(self) -> bool:
        """Tell whether it matters where a session works."""
        return any(allowed != self._general for allowed in self._by_parts.values())

    def allows(self, folders: Iterable[str], *, complete: bool = True) -> bool:
        """Tell whether a session may be used that works in these folders.

        Args:
            folders: absolute ones, or what stands for a folder that only its hash tells.
            complete: there are no further folders that nobody kept; if there may be, every rule counts.
        """
        found = [self._of(folder) for folder in folders]
        if not complete:
            found += [self._general, *self._by_parts.values()]
        return all(found) if found else self._general

    def _of(self, folder: str) -> bool:
        if folder.startswith(HASHED):
            return self._by_hash.get(folder.removeprefix(HASHED), self._general)
        parts = _parts(folder)
        for length in range(len(parts), 0, -1):
            if (allowed := self._by_parts.get(parts[:length])) is not None:
                return allowed
        return self._general


def rules(tx: sa.Connection, user_id: int) -> list[Rule]:
    """Return a person's rules, general ones first."""
    columns = [consent.c[name] for name in Rule._fields]
    query = sa.select(*columns).where(consent.c.user_id == user_id).order_by(consent.c.purpose, consent.c.project)
    return [Rule(*row) for row in tx.execute(query)]


def of_persons(tx: sa.Connection, purpose: Purpose, *, user_ids: Iterable[int]) -> dict[int, Consent]:
    """Return the consent of those of these persons whose wish is not simply "use everything".

    Whoever is not in the answer allows everything. One look at the rules, whatever the number of persons.
    """
    wanted = set(user_ids)
    given: dict[int, dict[str, bool]] = {}
    columns = (consent.c.user_id, consent.c.project, consent.c.allowed)
    for user_id, project, allowed in tx.execute(sa.select(*columns).where(consent.c.purpose == purpose.value)):
        if user_id in wanted:
            given.setdefault(user_id, {})[project] = bool(allowed)
    asked = wanted if not purpose.is_allowed_by_default else given
    found = {user_id: Consent(purpose, given.get(user_id, {})) for user_id in asked}
    return {user_id: each for user_id, each in found.items() if not each.allows(()) or each.depends_on_folders}


def allows_folder(consents: dict[int, Consent], user_id: int, folder: str) -> bool:
    """Tell whether something of a person's may be used that belongs to one folder, or to none.

    Args:
        consents: as `of_persons` returns them.
        user_id: the person, one of those who were asked for.
        folder: absolute; empty for none.
    """
    return user_id not in consents or consents[user_id].allows([folder] if folder else [])


def put(
    tx: sa.Connection, user_id: int, purpose: Purpose, *, project: str, allowed: bool | None, by: str, now: int
) -> str:
    """Set a rule, or take it away; return the project as it is kept.

    Args:
        tx: the transaction.
        user_id: the person.
        purpose: what for.
        project: an absolute folder; empty for everything.
        allowed: None takes the rule away, so that the next wider one holds.
        by: who says so.
        now: UTC microseconds.

    Raises:
        BadInput: the project is no absolute folder, or there are too many rules.
    """
    project = plain_project(project)
    serialize(tx, f"consent:{user_id}")  # two who set the same rule would both insert it
    where = consent.c.user_id == user_id, consent.c.purpose == purpose.value, consent.c.project == project
    tx.execute(consent.delete().where(*where))
    if allowed is not None:
        if (tx.scalar(sa.select(sa.func.count()).where(consent.c.user_id == user_id)) or 0) >= MAX_RULES:
            raise BadInput(f"there are {MAX_RULES} rules already; take some away")
        values = {"user_id": user_id, "purpose": purpose.value, "project": project, "allowed": allowed}
        tx.execute(consent.insert().values(**values, changed_at=now, changed_by=by))
    return project


def plain_project(project: str) -> str:
    """Return a project as it is kept.

    Raises:
        BadInput: it is no absolute folder.
    """
    if not project:
        return EVERYTHING
    if not (project.startswith(("/", "\\\\")) or _DRIVE.match(project)) or len(project) > MAX_PROJECT:
        raise BadInput(f"{project[:200]!r} is no absolute folder; a project is named by its working folder")
    return storable(project.rstrip("/\\") or "/")


def move(tx: sa.Connection, user_id: int, *, into: int) -> None:
    """Give one person's rules to another; where both have one, what is denied stays denied."""
    theirs = {(rule.purpose, rule.project): rule for rule in rules(tx, into)}
    for rule in rules(tx, user_id):
        known = theirs.get((rule.purpose, rule.project))
        if known is None or (known.allowed and not rule.allowed):
            put(
                tx, into, Purpose(rule.purpose), project=rule.project, allowed=rule.allowed,
                by=rule.changed_by, now=rule.changed_at,
            )  # fmt: skip
    tx.execute(consent.delete().where(consent.c.user_id == user_id))


def folders_of_sessions(
    tx: sa.Connection, transcripts: sa.Table, user_ids: Sequence[int]
) -> list[tuple[int, int, str, str]]:
    """Return id, person, session and folders of every transcript of these persons."""
    columns = ["id", "user_id", "native_id", "folders"]
    rows = bulk.select_in(tx, transcripts, columns, "user_id", list(user_ids))
    return [(int(number), int(user_id), str(native), str(folders)) for number, user_id, native, folders in rows]


def _parts(folder: str) -> tuple[str, ...]:
    """Return the parts of a folder of any system; where letters name drives, their case says nothing."""
    if _DRIVE.match(folder):
        folder = folder.casefold()
    return tuple(_SEPARATORS.split(folder.rstrip("/\\")))
