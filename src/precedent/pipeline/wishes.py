"""Lets a person say what their transcripts may be used for, and brings every processor in line at once."""

from collections.abc import Callable, Sequence

import msgspec
import sqlalchemy as sa

from precedent.archive import consent
from precedent.clock import Clock
from precedent.errors import NotFound
from precedent.model import Purpose
from precedent.security import audit
from precedent.store import Store
from precedent.store.schema import user

from . import withholding
from .contract import Processor, ServesAnother, purpose_of


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    Attributes:
        purpose: `server` or `model`.
        project: a working folder and all below it; empty for everything.
        allowed: may be used.
        changed_at: UTC microseconds; None for a purpose's default, which nobody set.
        changed_by: who set it.
    """

    purpose: str
    project: str
    allowed: bool
    changed_at: int | None
    changed_by: str


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of consent did.

    Attributes:
        withheld: pieces of work, one for each processor and transcript, whose results were removed.
        pending: pieces of work that are to be done again.
    """

    withheld: int
    pending: int


class Wishes:
    """Consent, read and changed.

    Args:
        store: the database.
        processors: returns the installed ones.
        clock: time.
    """

    def __init__(self, store: Store, processors: Callable[[], Sequence[Processor]], clock: Clock = Clock()) -> None:
        self._store, self._processors, self._clock = store, processors, clock

    def of(self, key: str) -> list[Wish]:
        """Return a person's rules: for each purpose the one for everything, then those for projects.

        Raises:
            NotFound: there is no such person.
        """
        with self._store.read() as tx:
            given = consent.rules(tx, _person(tx, key)[0])
        found = []
        for purpose in Purpose:
            mine = [rule for rule in given if rule.purpose == purpose.value]
            if not any(rule.project == consent.EVERYTHING for rule in mine):
                found.append(
                    Wish(
                        purpose=purpose.value, project=consent.EVERYTHING, allowed=purpose.is_allowed_by_default,
                        changed_at=None, changed_by="",
                    )
                )  # fmt: skip
            found += [Wish(**rule._asdict()) for rule in mine]
        return found

    def set(
        self, key: str, purpose: Purpose, *, project: str = "", allowed: bool | None, by: str, request_id: str = ""
    ) -> Changed:
        """Set a rule, or take it away with None; what follows from it is done in the same transaction.

        Raises:
            NotFound: there is no such person.
            BadInput: the project is no absolute folder.
        """
        now, found = self._clock.now(), self.processors()
        with self._store.write() as tx:
            user_id, name = _person(tx, key)
            kept = consent.put(tx, user_id, purpose, project=project, allowed=allowed, by=by, now=now)
            changed = self.apply(tx, user_id, found, purpose=purpose)
            # The project stays out of the log: it is the person's own, and the log is kept when they are erased.
            details = {"purpose": purpose.value, "of_project": bool(kept), "allowed": allowed}
            act = audit.Act(
                by, "set_consent", f"person:{name}", "ok", details=details | msgspec.to_builtins(changed),
                request_id=request_id,
            )  # fmt: skip
            audit.record(tx, act, now=now)
        return changed

    def processors(self) -> Sequence[Processor]:
        """Return the installed ones; it may have to register them, which is a transaction of its own."""
        return self._processors()

    def apply(
        self, tx: sa.Connection, user_id: int, processors: Sequence[Processor], *, purpose: Purpose | None = None
    ) -> Changed:
        """Bring the work of processors on a person's transcripts in line with their wishes."""
        withheld = pending = 0
        for processor in processors:
            if purpose is None or purpose_of(processor) is purpose:
                less, more = withholding.apply(tx, processor, user_id, now=self._clock.now())
                withheld, pending = withheld + less, pending + more
            if isinstance(processor, ServesAnother) and purpose in {None, processor.further_purpose}:
                denied = withholding.denied(tx, processor.further_purpose, user_ids=[user_id])
                withheld += processor.take_back(user_id, sorted(denied), tx)
        return Changed(withheld=withheld, pending=pending)


def _person(tx: sa.Connection, key: str) -> tuple[int, str]:
    """Return id and key of a person; of one who was merged into another, that other's."""
    row = tx.execute(sa.select(user.c.id, user.c.key, user.c.merged_into).where(user.c.key == key)).first()
    if row is None:
        raise NotFound(f"no person {key!r}; `precedent people list` names them")
    number = int(row.merged_into or row.id)
    return number, str(tx.scalar(sa.select(user.c.key).where(user.c.id == number)))
