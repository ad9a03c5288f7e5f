"""Telling how the server is: health, alerts, the end of the audit log."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from precedent.security import audit
from precedent.security.refusals import Refusals
from precedent.security.witness import Witness
from precedent.telemetry import alerts, figures
from precedent.telemetry.contacts import Contacts
from precedent.telemetry.health import Health
from precedent.telemetry.watch import PERIOD_S, watching

from ._foundation import Foundation

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watching(Foundation):
    """Watches over the server."""

    @cached_property
    def health(self) -> Health:
        """Tells whether the server is well."""
        return Health(
            self.store,
            records=self.jobs.values,
            folder=self.settings.data_dir,
            low_bytes=self.settings.low_disk_mb << 20,
            clock=self.clock,
        )

    @cached_property
    def contacts(self) -> Contacts:
        """Remembers when schedulers call."""
        return Contacts(self.store, self.clock)

    @cached_property
    def refusals(self) -> Refusals:
        """Audits refused calls."""
        return Refusals(self.store, self.clock)

    @cached_property
    def witness(self) -> Witness:
        """Notes the end of the audit log outside the database."""
        return Witness(self.settings.data_dir)

    def open_telemetry(self) -> None:
        """Open what tells others of requests and runs, so that a fault in its settings is told at the start.

        Raises:
            Misconfigured: see `tracing`.
        """
        log.debug("telemetry: %s, %s", type(self.events).__name__, type(self.tracing).__name__)

    def archived(self) -> figures.Archived:
        """Return what the archive holds."""
        with self.store.read() as tx:
            return figures.archived(tx)

    def watching(self, *, period_s: float = PERIOD_S) -> AbstractContextManager[None]:
        """Watch over alerts and the audit log's end while the block runs; for a worker."""
        # The HTTP client is heavy, and only a worker posts.
        from precedent.telemetry.posting import post  # noqa: PLC0415

        thresholds = alerts.Thresholds(self.settings.alert_failures, self.settings.alert_backlog_s)
        watch = alerts.Alerts(
            self.store,
            look=lambda: alerts.holding(
                self.health.figures(), records=self.jobs.values(), disk=self.health.disk(), thresholds=thresholds
            ),
            webhooks=self.settings.alert_webhooks,
            post=post,
            clock=self.clock,
        )
        return watching({"looking for alerts": watch.look, "noting the audit log": self.note_audit}, period_s=period_s)

    def note_audit(self) -> bool:
        """Have the witness note the end of the audit log; false when there is nothing new.

        Raises:
            BadInput: the witness's file is damaged.
            OSError: it cannot be written.
        """
        with self.store.read() as tx:
            head = audit.head(tx)
        return head is not None and self.witness.note(head, now=self.clock.now())
