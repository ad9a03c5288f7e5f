"""Scheduled scripts: what is deployed, and asking for a run."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from precedent.errors import Busy
from precedent.jobs.records import SCRIPTS, Overlap
from precedent.security.acting import By

from ._foundation import Foundation

if TYPE_CHECKING:
    from precedent.scripts.registry import Registry
    from precedent.scripts.running import Running


@dataclass(frozen=True)
class Scripting(Foundation):
    """Keeps scripts; imported where it is made, for collecting and counting need none of it."""

    @cached_property
    def script_registry(self) -> "Registry":
        """Scripts."""
        from precedent.scripts.registry import Registry  # noqa: PLC0415  # see above

        return Registry(self.store, self.clock)

    @cached_property
    def script_running(self) -> "Running":
        """Runs scripts."""
        from precedent.scripts.running import Running  # noqa: PLC0415  # see above

        return Running(self.store, self.secrets, settings=self.settings, clock=self.clock)

    def ask_for_script(self, name: str, *, by: By) -> int:
        """Have a worker run a script now, and return the number of the run.

        A run of the job that is under way takes it; another one waits for its end all the same, as it may just end.

        Raises:
            NotFound: there is no such script.
            Busy: it is running already.
        """
        from precedent.scripts import claims  # noqa: PLC0415  # see above

        number = claims.ask(self.store, name, by=by, now=self.clock.now())
        with suppress(Busy):  # one waits already
            self.request(SCRIPTS, by=by.principal.name, overlap=Overlap.QUEUE_ONE)
        return number
