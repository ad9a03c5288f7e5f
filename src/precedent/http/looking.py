"""Writes down that somebody looked at what is another person's."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from fastapi import Request

from precedent.app import App
from precedent.security import audit, visibility
from precedent.security.principals import Principal
from precedent.usage.sessions import Owned

from .access import by
from .questions import MAX_TEXT

ONE_LOOK_S = 60.0
"""Who goes through the pages of a transcript looks at it once, not hundreds of times."""
REMEMBERED = 10_000


class Looks:
    """Tells a first look from one that goes on; of this process alone, since another row too many does no harm.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._guard = clock, threading.Lock()
        self._noted: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def goes_on(self, principal: str, action: str, resource: str) -> bool:
        """Tell whether the same look was written down within the last `ONE_LOOK_S`."""
        with self._guard:
            noted = self._noted.get((principal, action, resource))
            return noted is not None and self._clock() - noted < ONE_LOOK_S

    def noted(self, principal: str, action: str, resource: str) -> None:
        """Remember that a look was written down."""
        with self._guard:
            self._noted[principal, action, resource] = self._clock()
            self._noted.move_to_end((principal, action, resource))
            if len(self._noted) > REMEMBERED:
                self._noted.popitem(last=False)


def note_look(request: Request, program: App, caller: Principal, action: str, resource: str) -> None:
    """Write an audit row."""
    act = by(request, caller).act(action, resource, query=request.url.query[:MAX_TEXT])
    with program.store.write() as tx:
        audit.record(tx, act, now=program.clock.now())


def note_transcript(request: Request, program: App, caller: Principal, found: Owned, action: str) -> None:
    """Write an audit row when a transcript is somebody else's and the look at it does not just go on."""
    if not visibility.is_anothers(caller, found.user_id):
        return
    looks: Looks = request.app.state.looks
    look = caller.name, action, f"transcript:{found.session_file}"
    if not looks.goes_on(*look):
        note_look(request, program, caller, *look[1:])
        looks.noted(*look)
