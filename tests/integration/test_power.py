"""What nobody could derive again is on disk before anybody is told that it is done."""

import os
from pathlib import Path

import pytest

from precedent.app import App
from precedent.jobs.records import COLLECTOR
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def synced(app: App, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the database's log each time that the disk was made to hold it."""
    with app.store.write():
        pass
    log, sizes, real = Path(f"{app.store.url.database}-wal"), list[int](), os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        found = os.fstat(descriptor)
        if found.st_ino == log.stat().st_ino:
            sizes.append(found.st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    return sizes


def test_an_audited_act_is_on_disk_when_it_is_done(app: App, synced: list[int]) -> None:
    app.accounts.create("ada@example.com", role=Role.MEMBER, by=BY_COMMAND_LINE)
    assert synced == [Path(f"{app.store.url.database}-wal").stat().st_size]


def test_a_run_that_was_accepted_is_on_disk_when_its_number_is_told(app: App, synced: list[int]) -> None:
    app.runs.request(app.jobs[COLLECTOR], by="ada")
    assert synced == [Path(f"{app.store.url.database}-wal").stat().st_size]


def test_a_heartbeat_does_not_wait_for_the_disk(app: App, synced: list[int]) -> None:
    claimed = app.runs.open(app.jobs[COLLECTOR], by="ada")
    synced.clear()
    assert app.runs.beat(claimed.id, fence=claimed.fence)
    assert synced == []
