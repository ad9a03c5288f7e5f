"""Alerts: what holds is a row of the table `alert`, told once when it begins and once when it ends.

One worker of all looks each minute: the row with the empty name says when somebody looked last, and who moves it on has
the minute. What could not be delivered is tried again, later and later, each address for itself; an address that was
told is not told again. A worker that dies between telling and writing it down tells twice: `id` of the message is then
the same.
"""

import hashlib
import logging
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from precedent.clock import SECOND, Clock
from precedent.store import Store
from precedent.store.schema import alert

from .figures import Figures
from .health import Check, Watched, checks

PERIOD_S = 60
EARLY_S = 5
"""A look so much before the minute is over counts as in time."""
SPEND_S = 40
"""Seconds after which what is left to deliver waits for the next minute, so that only one worker delivers."""
FIRST_REST_S, LONGEST_REST_S = 60, 3600
MAX_ATTEMPTS = 48
"""About two days; then the message is dropped and the log says so."""

log = logging.getLogger(__name__)
Post = Callable[[str, Mapping[str, object]], str]
"""Delivers a message to a URL and returns why it could not; empty when it could."""


class Raised(NamedTuple):
    """An alert that holds.

    Attributes:
        value: a count; when it grows, the alert is told again.
    """

    name: str
    message: str
    value: int = 0


class Thresholds(NamedTuple):
    """When alerts begin.

    Attributes:
        failures: failed runs of a job in a row.
        backlog_s: seconds that a due transcript waits.
    """

    failures: int
    backlog_s: int


class Looked(NamedTuple):
    """What one look changed: how many alerts began and ended, and how many messages were delivered."""

    began: int
    ended: int
    delivered: int


def holding(found: Figures, *, records: Iterable[Watched], disk: Check, thresholds: Thresholds) -> list[Raised]:
    """Return the alerts that hold."""
    raised = [
        Raised(f"failing:{each.name}", f"The job {each.name} failed {each.failures} times in a row.")
        for each in found.jobs.values()
        if each.failures >= thresholds.failures
    ]
    for each in found.processors.values():
        waited = 0 if each.oldest_at is None else max(0, found.at - each.oldest_at) // SECOND
        if waited > thresholds.backlog_s:
            said = f"{each.due:,} transcripts wait for the processor {each.name}, the oldest for {waited // 60:,} min."
            raised.append(Raised(f"backlog:{each.name}", said))
        if each.dead:
            said = f"The processor {each.name} has given up on {each.dead:,} transcripts."
            raised.append(Raised(f"dead:{each.name}", said, each.dead))
        if each.paused_reason:
            raised.append(Raised(f"paused:{each.name}", f"The processor {each.name} is paused: {each.paused_reason}"))
    if disk.result != "ok":
        raised.append(Raised("disk", f"Disk: {disk.detail}."))
    silent = {check.name: check for check in checks(found, records=list(records), serving=True)}
    for name in ("scheduler", "audit log"):
        if (check := silent[name]).result != "ok":
            raised.append(Raised(name.replace(" ", "-"), f"{name.capitalize()}: {check.detail}."))
    return raised


class Alerts:
    """Looks and tells.

    Args:
        store: the database.
        look: returns the alerts that hold now.
        webhooks: URLs to tell.
        post: delivers a message.
        clock: time.
    """

    def __init__(
        self, store: Store, *, look: Callable[[], Sequence[Raised]], webhooks: Sequence[str], post: Post, clock: Clock
    ) -> None:
        self._store, self._look, self._post, self._clock = store, look, post, clock
        self._webhooks = {hashlib.sha256(url.encode()).hexdigest()[:16]: url for url in webhooks}

    def look(self) -> Looked | None:
        """Look once and tell what is to be told; None when another worker has this minute.

        Raises:
            sqlalchemy.exc.OperationalError: the database is away.
        """
        if not self._take_minute():
            return None
        found = list(self._look())
        with self._store.write() as tx:
            began, ended = self._compare(tx, found)
        return Looked(began, ended, self._deliver())

    def _take_minute(self) -> bool:
        now = self._clock.now()
        with self._store.write() as tx:
            late = sa.or_(
                alert.c.raised_at <= now - (PERIOD_S - EARLY_S) * SECOND, alert.c.raised_at > now + PERIOD_S * SECOND
            )
            if tx.execute(alert.update().where(alert.c.name == "", late).values(raised_at=now)).rowcount:
                return True
            first = "INSERT INTO alert (name, message, raised_at) VALUES ('', '', :now) ON CONFLICT DO NOTHING"
            return bool(tx.execute(sa.text(first), {"now": now}).rowcount)

    def _compare(self, tx: sa.Connection, found: Sequence[Raised]) -> tuple[int, int]:
        now = self._clock.now()
        known = {row.name: row for row in tx.execute(sa.select(alert).where(alert.c.name != ""))}
        began = ended = 0
        anew = {"sent_at": None, "delivered": "", "attempts": 0, "next_attempt_at": now}
        for each in found:
            row = known.pop(each.name, None)
            if row is None:
                tx.execute(alert.insert().values(**each._asdict(), raised_at=now, next_attempt_at=now))
                log.warning("alert %s begins: %s", each.name, each.message)
                began += 1
                continue
            values: dict[str, object] = {"message": each.message, "value": each.value}
            if row.resolved_at is not None:  # nobody was told yet that it had ended
                values |= {"resolved_at": None, "sent_at": now}
            if each.value > row.value:
                values |= anew
            tx.execute(alert.update().where(alert.c.name == each.name).values(**values))
        for row in known.values():
            if row.resolved_at is not None:
                continue
            ended += 1
            log.warning("alert %s ends", row.name)
            if row.sent_at is None and not row.delivered:  # nobody ever heard of it
                tx.execute(alert.delete().where(alert.c.name == row.name))
            else:
                tx.execute(alert.update().where(alert.c.name == row.name).values(resolved_at=now, **anew))
        return began, ended

    def _deliver(self) -> int:
        began = self._clock.now()
        waiting = sa.and_(alert.c.name != "", alert.c.sent_at.is_(None), alert.c.next_attempt_at <= began)
        with self._store.read() as tx:
            rows = tx.execute(sa.select(alert).where(waiting).order_by(alert.c.next_attempt_at)).all()
        count = 0
        for row in rows:
            told = set(row.delivered.split())
            for digest in self._webhooks.keys() - told:
                if abs(self._clock.now() - began) > SPEND_S * SECOND:
                    return count
                if fault := self._post(self._webhooks[digest], _message(row)):
                    log.warning("alert %s was not delivered: %s", row.name, fault)
                else:
                    told.add(digest)
                    count += 1
            self._write_down(row, told)
        return count

    def _write_down(self, row: "sa.Row[tuple[object, ...]]", told: set[str]) -> None:
        now = self._clock.now()
        this = sa.and_(alert.c.name == row.name, alert.c.raised_at == row.raised_at)
        finished = told >= self._webhooks.keys() or row.attempts + 1 >= MAX_ATTEMPTS
        if finished and not told >= self._webhooks.keys():
            log.error("alert %s is not delivered any more after %d attempts", row.name, MAX_ATTEMPTS)
        with self._store.write() as tx:
            if finished and row.resolved_at is not None:
                tx.execute(alert.delete().where(this))
                return
            rest = min(LONGEST_REST_S, FIRST_REST_S * 2 ** min(row.attempts, 10))
            values: dict[str, object] = {
                "delivered": " ".join(sorted(told)),
                "attempts": row.attempts + 1,
                "next_attempt_at": now + rest * SECOND,
                "sent_at": now if finished else None,
            }
            tx.execute(alert.update().where(this).values(**values))


def _message(row: "sa.Row[tuple[object, ...]]") -> dict[str, object]:
    ended = row.resolved_at is not None
    state = "resolved" if ended else "raised"
    return {
        "text": f"Precedent: resolved: {row.message}" if ended else f"Precedent: {row.message}",
        "id": f"{row.name}@{row.raised_at}:{state}:{row.value}",
        "alert": row.name,
        "state": state,
        "message": row.message,
        "raised_at": _stamp(row.raised_at),
        "resolved_at": _stamp(row.resolved_at) if ended else None,
        "host": socket.gethostname(),
    }


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def count(tx: sa.Connection) -> int:
    """Return how many alerts hold."""
    query = sa.select(sa.func.count()).where(alert.c.name != "", alert.c.resolved_at.is_(None))
    return int(tx.scalar(query) or 0)
