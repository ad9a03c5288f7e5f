"""Writes refused calls into the audit log, few of them however many there are: nobody fills a disk by being refused.

The first refusal of a kind is written at once. Those like it within a minute are counted, and the next one that is
written, or the end of the minute, tells how many they were.
"""

import threading
from typing import NamedTuple

from precedent.clock import SECOND, Clock
from precedent.store import Store

from .audit import Act, record

WINDOW_S = 60
MOST = 60
"""Rows in a window, whatever is refused; beyond them one row tells how many more there were."""


class _Kind(NamedTuple):
    principal: str
    action: str
    resource: str
    result: str


class Refusals:
    """Decides which refusals are written, and writes them.

    Args:
        store: the database.
        clock: time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._began = 0
        self._counts: dict[_Kind, int] = {}
        self._more = 0

    def note(self, act: Act) -> bool:
        """Note a refusal; true when it was written and not only counted.

        Raises:
            sqlalchemy.exc.OperationalError: the database is away.
        """
        kind = _Kind(act.principal, act.action, act.resource, act.result)
        with self._lock:
            late = self._turn()
            if kind in self._counts:
                self._counts[kind] += 1
                written = False
            elif len(self._counts) >= MOST:
                self._more += 1
                written = False
            else:
                self._counts[kind] = 0
                written = True
        self._write([*late, act] if written else late)
        return written

    def flush(self, *, ending: bool = False) -> None:
        """Write what was only counted in a minute that is over, or, at the end of the process, in the present one.

        Raises what `note` raises.
        """
        with self._lock:
            late = self._end() if ending else self._turn()
        self._write(late)

    def _turn(self) -> list[Act]:
        now = self._clock.now()
        if abs(now - self._began) < WINDOW_S * SECOND:
            return []
        late = self._end()
        self._began = now
        return late

    def _end(self) -> list[Act]:
        """Begin anew; return rows for what was only counted."""
        late = [
            Act(kind.principal, kind.action, kind.resource, kind.result, details={"more_of_the_same": times})
            for kind, times in self._counts.items()
            if times
        ]
        if self._more:
            late.append(Act("several", "refused", "several", "denied", details={"more_of_other_kinds": self._more}))
        self._counts, self._more = {}, 0
        return late

    def _write(self, acts: list[Act]) -> None:
        if not acts:
            return
        now = self._clock.now()
        with self._store.write() as tx:
            for act in acts:
                record(tx, act, now=now)
