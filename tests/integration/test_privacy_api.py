"""Consent, erasing and receipts over HTTP: one's own for everybody, others' for admins alone."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from builders import fill, home_of, session_id
from callers import ORIGIN, PASSWORD, SCHEDULER_SECRET, client, log_in, person, serving, token
from conftest import MakeApp
from precedent.app import App
from precedent.archive import consent
from precedent.model import Purpose
from precedent.security.principals import Role, Scope
from precedent.store.schema import user

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def filled(app: App, folder: Path) -> None:
    """Ada and Bob with two sessions each; Ada is a member, Root an admin."""
    homes = [home_of(folder, name) for name in ("ada", "bob")]
    for home in homes:
        fill(home, sessions=2)
    person(app, "ada", password=PASSWORD)
    person(app, "root", Role.ADMIN, password=PASSWORD)
    app.collect(homes)
    app.run_processor("usage")


@contextmanager
def two(url: str) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Ada and Root at their browsers."""
    with log_in(url, "ada@example.com") as ada, log_in(url, "root@example.com") as root:
        yield ada, root


@SQLITE
def test_a_person_changes_what_they_allow_and_an_admin_sees_it(app: App, tmp_path: Path) -> None:
    filled(app, tmp_path)
    with (
        serving(app) as url,
        log_in(url, "ada@example.com") as ada,
        log_in(url, "root@example.com") as root,
    ):
        shown = ada.get("/api/me/consent").json()
        assert shown["person"] == "ada"
        assert [(each["purpose"], each["allowed"]) for each in shown["rules"]] == [("server", True), ("model", False)]
        wish = {"purpose": "server", "project": "/code", "allowed": False}
        changed = ada.put("/api/me/consent", json=wish, headers=ORIGIN)
        assert changed.status_code == 200, changed.text
        assert changed.json()["withheld"] == 2 * len(app.processors.usable) and len(changed.json()["rules"]) == 3
        assert root.get("/api/people/ada/consent").json()["rules"] == changed.json()["rules"]
        assert ada.get("/api/people/bob/consent").status_code == 403
        assert root.get("/api/people/nobody/consent").status_code == 404
        for wrong in ({"purpose": "fun", "allowed": True}, {"purpose": "server"}):
            assert ada.put("/api/me/consent", json=wrong, headers=ORIGIN).status_code == 422
        relative = {"purpose": "server", "project": "code", "allowed": False}
        assert ada.put("/api/me/consent", json=relative, headers=ORIGIN).status_code == 400


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_who_set_the_same_rule_at_once_do_so_one_after_the_other(app: App, tmp_path: Path) -> None:
    filled(app, tmp_path)
    ours = "datname = current_database() AND wait_event_type = 'Lock'"
    waits = sa.text(f"SELECT count(*) FROM pg_stat_activity WHERE {ours}")
    wish = {"purpose": "model", "project": "/code", "allowed": True}
    with serving(app) as url, log_in(url, "ada@example.com") as ada, ThreadPoolExecutor(1) as threads:
        with app.store.write() as tx:
            user_id = tx.scalar(sa.select(user.c.id).where(user.c.key == "ada"))
            assert user_id is not None
            consent.put(tx, user_id, Purpose.MODEL, project="/code", allowed=False, by="root", now=1)
            second = threads.submit(ada.put, "/api/me/consent", json=wish, headers=ORIGIN)
            ends, waiting = time.monotonic() + 60, 0
            while not waiting and time.monotonic() < ends:
                with app.store.read() as other:
                    waiting = other.scalar(waits) or 0
        answer = second.result()
    assert answer.status_code == 200, answer.text
    (rule,) = [each for each in answer.json()["rules"] if each["project"]]
    assert (rule["allowed"], rule["changed_by"]) == (True, "ada")


@SQLITE
def test_a_member_erases_their_own_session_and_sees_no_other(app: App, tmp_path: Path) -> None:
    filled(app, tmp_path)
    secret = token(app, "ada", Scope.WRITE)
    with serving(app) as url, client(url, secret) as ada:
        foreign, absent = (ada.delete(f"/api/sessions/{session_id(name)}") for name in ("bob 0", "no such"))
        assert foreign.status_code == absent.status_code == 404
        shapes = [each.json()["error"]["code"] for each in (foreign, absent)]
        assert shapes == ["not_found", "not_found"]
        done = ada.delete(f"/api/sessions/{session_id('ada 0')}")
        assert done.status_code == 200 and done.json()["counts"]["transcript"] == 1
        assert ada.delete(f"/api/sessions/{session_id('ada 0')}").status_code == 404
        assert ada.get("/api/receipts").status_code == 403
        reading = token(app, "ada", Scope.READ)
        with client(url, reading) as reader:
            assert reader.delete(f"/api/sessions/{session_id('ada 1')}").status_code == 403


@SQLITE
def test_an_admin_erases_a_person_whose_login_ends_with_it(app: App, tmp_path: Path) -> None:
    filled(app, tmp_path)
    secret = token(app, "ada", Scope.WRITE)
    with (
        serving(app) as url,
        log_in(url, "root@example.com") as root,
        log_in(url, "ada@example.com") as ada,
    ):
        assert ada.post("/api/people/bob/erase", json={"key": "bob"}, headers=ORIGIN).status_code == 403
        assert root.post("/api/people/ada/erase", headers=ORIGIN).status_code == 422
        assert root.post("/api/people/ada/erase", json={"key": "bob"}, headers=ORIGIN).status_code == 400
        done = root.post("/api/people/ada/erase", json={"key": "ada"}, headers=ORIGIN)
        assert done.status_code == 200, done.text
        assert done.json()["counts"]["account"] == 1 and done.json()["counts"]["transcript"] == 2
        assert ada.get("/api/me/consent").status_code == 401
        with client(url, secret) as program:
            assert program.get("/api/me/consent").status_code == 401
        (receipt,) = root.get("/api/receipts").json()["receipts"]
        assert receipt["kind"] == "person" and "ada" not in receipt["subject"]
        assert root.delete(f"/api/sessions/{session_id('bob 0')}", headers=ORIGIN).status_code == 200
        assert [each["kind"] for each in root.get("/api/receipts").json()["receipts"]] == ["session", "person"]


@SQLITE
def test_housekeeping_is_a_job_like_any_other(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(scheduler_token=SCHEDULER_SECRET)
    filled(app, tmp_path)
    with serving(app) as url, client(url, SCHEDULER_SECRET) as clock:
        jobs = {each["name"]: each for each in clock.get("/api/admin/jobs").json()["jobs"]}
        assert jobs["housekeeping"]["schedule"] == "daily 04:00"
        asked = clock.post("/api/admin/run-housekeeping?wait=0")
        assert asked.status_code == 202 and asked.json()["run"]["job"] == "housekeeping"


@SQLITE
def test_over_the_limit_of_the_disk_an_upload_is_refused_with_the_reason(make_app: MakeApp) -> None:
    app = make_app(disk_min_free_mb=1 << 40)
    person(app, "ada")
    secret = token(app, "ada", Scope.UPLOAD)
    with serving(app) as url, client(url, secret) as laptop:
        answer = laptop.post(f"/api/sessions/claude-code/{session_id('one')}?at=0", content=b"{}\n")
    assert answer.status_code == 429 and "PRECEDENT_DISK_MIN_FREE_MB" in answer.text
    assert int(answer.headers["retry-after"]) > 0
