"""What is done every night: old things go, old transcripts are compressed, leftovers are swept.

Every step can be killed and done again; one that fails does not keep the others from being done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import sqlalchemy as sa

from precedent.archive.compressing import compress_old
from precedent.archive.disk import Disk
from precedent.archive.expiring import expire
from precedent.archive.folder import FolderArchive
from precedent.archive.sweeping import sweep
from precedent.clock import DAY, Clock
from precedent.errors import PrecedentError
from precedent.settings import Settings
from precedent.store import Store
from precedent.store.schema import (
    friction_moment,
    invitation,
    login_failure,
    receipt,
    secret_mark,
    token,
    transcript,
    web_session,
)
from precedent.usage import retention

from .runs import Ending, OpenRun, Runs

SHOWN_DAYS = 30
"""An expired or revoked token and a used invitation are listed this long."""

FINDINGS = (secret_mark, friction_moment)
LOGIN_FAILURE_DAYS = 1
MAX_DETAILS = 50


class HousekeepingStats(msgspec.Struct, kw_only=True):
    """What one run of housekeeping did.

    Attributes:
        runs_pruned: finished runs older than 90 days.
        transcripts_expired: transcripts whose text was removed because it is too old.
        usage_rows_pruned: rows of usage that are too old.
        findings_pruned: marks of secrets and moments of friction that are too old.
        knowledge_expired: approved items whose time has passed.
        names_forgotten: names of projects, models and tools that nothing points to.
        sign_ins_pruned: expired tokens, web sessions and invitations, and old login failures.
        transcripts_compressed: old transcripts that were compressed.
        bytes_saved: by compressing.
        objects_swept: files of the archive that no row names.
        unfinished_swept: files that somebody left half written.
        wiped: the database was rewritten without the remains of what was erased.
        disk_used_bytes: by archive and database; 0 when no limit is set.
        disk_free_bytes: on the archive's disk.
        disk_full: why collections and uploads stop; empty when there is room.
        errors_detail: what failed, each with step or file and error.
    """

    runs_pruned: int = 0
    transcripts_expired: int = 0
    usage_rows_pruned: int = 0
    findings_pruned: int = 0
    knowledge_expired: int = 0
    names_forgotten: int = 0
    sign_ins_pruned: int = 0
    transcripts_compressed: int = 0
    bytes_saved: int = 0
    objects_swept: int = 0
    unfinished_swept: int = 0
    wiped: bool = False
    disk_used_bytes: int = 0
    disk_free_bytes: int = 0
    disk_full: str = ""
    errors_detail: list[dict[str, str]] = []


class Housekeeping:
    """Keeps house.

    Args:
        store: the database.
        archive: where transcripts are.
        runs: the ledger of runs.
        disk: the room there is.
        settings: how long what is kept.
        clock: time.
    """

    def __init__(
        self,
        store: Store,
        archive: FolderArchive,
        runs: Runs,
        *,
        disk: Disk,
        settings: Settings,
        clock: Clock = Clock(),
    ) -> None:
        self._store, self._archive, self._runs = store, archive, runs
        self._disk, self._settings, self._clock = disk, settings, clock
        self._errors: list[dict[str, str]] = []

    def work(self, run: OpenRun, stopping: Callable[[], bool]) -> Ending:
        """Do the work of an open run."""
        stats = self.keep(stopping=lambda: run.is_lost() or stopping())
        if stopping():
            return Ending("stopped", stats)
        return Ending("partial" if stats.errors_detail else "done", stats)

    def keep(self, *, stopping: Callable[[], bool] = lambda: False) -> HousekeepingStats:
        """Do everything once.

        Args:
            stopping: asked between pieces of work; what is left is done the next time.
        """
        stats, settings, now = HousekeepingStats(), self._settings, self._clock.now()
        store, archive, clock = self._store, self._archive, self._clock
        self._errors = stats.errors_detail
        with self._step("runs"):
            stats.runs_pruned = self._runs.prune()
        with self._step("sign-ins"):
            stats.sign_ins_pruned = prune_sign_ins(store, now=now)
        with self._step("transcripts"):
            stats.transcripts_expired = expire(
                store, archive, days=settings.keep_transcripts_days, stopping=stopping, clock=clock
            )
        with self._step("usage"):
            if settings.keep_usage_days:
                before = now - settings.keep_usage_days * DAY
                stats.usage_rows_pruned = retention.prune(store, before=before, stopping=stopping)
        with self._step("findings"):
            if settings.keep_findings_days:
                stats.findings_pruned = prune_findings(store, before=now - settings.keep_findings_days * DAY)
        with self._step("knowledge"):
            from precedent.knowledge import review  # noqa: PLC0415  # its patterns take long to compile

            stats.knowledge_expired = review.expire(store, now=now)
        with self._step("names"):
            stats.names_forgotten = retention.forget_names(store)
        with self._step("compressing"):
            packed = compress_old(store, archive, days=settings.compress_after_days, stopping=stopping, clock=clock)
            stats.transcripts_compressed, stats.bytes_saved = packed.transcripts, packed.saved_bytes
            stats.errors_detail += packed.errors_detail
        with self._step("sweeping"):
            swept = sweep(store, archive, stopping=stopping, clock=clock)
            stats.objects_swept, stats.unfinished_swept = swept.objects, swept.unfinished
        with self._step("wiping"):
            stats.wiped = self._something_erased(now) and store.wipe(at_most_bytes=None)
        with self._step("disk"):
            room = self._disk.usage()
            stats.disk_used_bytes, stats.disk_free_bytes, stats.disk_full = room
        stats.errors_detail = stats.errors_detail[:MAX_DETAILS]
        return stats

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Note what fails in the block and go on after it."""
        try:
            yield
        except (OSError, PrecedentError, sa.exc.DBAPIError) as error:
            self._errors.append({"step": name, "error": str(error)})

    def _something_erased(self, now: int) -> bool:
        """Tell whether anything was erased since a night before the last one."""
        with self._store.read() as tx:
            return tx.scalar(sa.select(receipt.c.id).where(receipt.c.at > now - 2 * DAY).limit(1)) is not None


def prune_sign_ins(store: Store, *, now: int) -> int:
    """Remove proofs of identity that nobody can use any more; return how many."""
    shown = now - SHOWN_DAYS * DAY
    old = (
        token.delete().where(sa.or_(token.c.expires_at < shown, token.c.revoked_at < shown)),
        web_session.delete().where(web_session.c.expires_at < now),
        invitation.delete().where(sa.or_(invitation.c.expires_at < shown, invitation.c.used_at < shown)),
        login_failure.delete().where(
            login_failure.c.locked_until < now, login_failure.c.first_at < now - LOGIN_FAILURE_DAYS * DAY
        ),
    )
    with store.write() as tx:
        return sum(tx.execute(each).rowcount for each in old)


def prune_findings(store: Store, *, before: int) -> int:
    """Remove findings of before an instant; one without a time is as old as its transcript. Return how many."""
    removed = 0
    for table in FINDINGS:
        quiet = sa.select(transcript.c.id).where(transcript.c.observed_at < before)
        timeless = sa.and_(table.c.at.is_(None), table.c.transcript_id.in_(quiet))
        with store.write() as tx:
            removed += tx.execute(table.delete().where(sa.or_(table.c.at < before, timeless))).rowcount
    return removed
