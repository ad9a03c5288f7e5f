"""The audit log: what was done is in it, and what is done to it shows."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from builders import ManualTime
from conftest import MakeApp
from observed import client_of
from precedent.app import App
from precedent.errors import BadInput
from precedent.jobs.records import COLLECTOR
from precedent.jobs.runs import Ending
from precedent.security import audit
from precedent.security.audit import Act, Filter, Head, record, verify
from precedent.security.refusals import MOST, WINDOW_S, Refusals
from precedent.security.witness import DAY_US, Witness
from precedent.store import Store

SECRET = "s" * 40
SCHEDULER = {"Authorization": f"Bearer {SECRET}"}


def act(number: int = 0, **more: Any) -> Act:
    return Act(f"ada{number}", "pause_job", "job:x", "ok", **more)


def write(app: App, count: int, *, first: int = 0) -> None:
    with app.store.write() as tx:
        for number in range(first, first + count):
            record(tx, act(number, details={"n": number}), now=1_000 + number)


def check(app: App, **more: Any) -> audit.Verdict:
    with app.store.read() as tx:
        return verify(tx, **more)


def change(app: App, *statements: str) -> None:
    with app.store.write() as tx:
        for each in statements:
            tx.execute(sa.text(each))


def test_an_empty_log_and_a_written_one_fit(app: App) -> None:
    assert check(app).fault == ""
    write(app, 20)
    found = check(app)
    assert (found.rows, found.fault, found.row) == (20, "", None)


MISDEEDS: dict[str, tuple[list[str], int]] = {
    "a changed result": (["UPDATE audit SET result = 'denied' WHERE id = 7"], 7),
    "a changed time": (["UPDATE audit SET at = 5 WHERE id = 7"], 7),
    "a changed detail": (["UPDATE audit SET details = '{}' WHERE id = 7"], 7),
    "a changed hash": (["UPDATE audit SET hash = '00' WHERE id = 7"], 7),
    "a row taken out": (["DELETE FROM audit WHERE id = 7"], 7),
    "the first row taken out": (["DELETE FROM audit WHERE id = 1"], 1),
    "a row taken out and the gap closed": (
        ["DELETE FROM audit WHERE id = 7", *[f"UPDATE audit SET id = {n - 1} WHERE id = {n}" for n in range(8, 11)]],
        7,
    ),
    "two rows in the other order": (
        [
            "UPDATE audit SET id = 99 WHERE id = 7",
            "UPDATE audit SET id = 7 WHERE id = 8",
            "UPDATE audit SET id = 8 WHERE id = 99",
        ],
        7,
    ),
    "the last row cut off": (["DELETE FROM audit WHERE id = 10"], 10),
    "half of it cut off": (["DELETE FROM audit WHERE id > 5"], 6),
    "all of it cut off": (["DELETE FROM audit"], 1),
    "the head taken out": (["DELETE FROM audit_head"], 10),
    "the head set back": (["UPDATE audit_head SET rows = 9"], 9),
    "a row put in at the end": (
        [
            "INSERT INTO audit (id, at, principal, action, resource, result, duration_us, hash) "
            "VALUES (11, 1, 'eve', 'a', 'r', 'ok', 0, 'ff')"
        ],
        11,
    ),
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_what_is_done_to_the_log_is_found_and_the_row_named(app: App, misdeed: str) -> None:
    write(app, 10)
    statements, row = MISDEEDS[misdeed]
    change(app, *statements)
    found = check(app)
    assert found.fault
    assert found.row == row


def anew(app: App, *, without: int) -> None:
    """Do what somebody does who may write to the database and knows how hashes are made: leave a row out."""
    with app.store.read() as tx:
        rows = list(audit.each(tx, Filter()))
    change(app, "DELETE FROM audit", "DELETE FROM audit_head")
    with app.store.write() as tx:
        for row in rows:
            if row.id != without:
                same = Act(
                    row.principal, row.action, row.resource, row.result, details=msgspec.json.decode(row.details)
                )
                record(tx, same, now=row.at)


def test_a_log_written_anew_by_somebody_with_the_database_is_found_by_the_witness(app: App, tmp_path: Path) -> None:
    write(app, 10)
    assert app.note_audit()
    anew(app, without=4)
    assert check(app).fault == ""  # nothing inside the database shows it
    found = check(app, seen=Witness(tmp_path / "data").hashes())
    assert "its end was cut" in found.fault
    write(app, 5, first=50)
    found = check(app, seen=Witness(tmp_path / "data").hashes())
    assert found.row == 10
    assert "written anew" in found.fault


def test_the_witness_keeps_what_it_saw_when_the_log_is_cut(app: App, tmp_path: Path) -> None:
    write(app, 10)
    assert app.note_audit()
    assert not app.note_audit()  # nothing new
    change(app, "DELETE FROM audit WHERE id > 3", "UPDATE audit_head SET rows = 3")
    assert not app.note_audit()
    assert [each.rows for each in Witness(tmp_path / "data").seen()] == [10]


def test_the_witness_keeps_a_line_a_day(tmp_path: Path) -> None:
    witness = Witness(tmp_path)
    for number in range(1, 100):
        witness.note(Head(number, f"{number:064x}"), now=number * DAY_US // 10)
    lines = witness.seen()
    assert [each.at // DAY_US for each in lines] == list(range(10))
    assert lines[-1].rows == 99
    assert witness.path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_witness_is_told_and_not_overwritten(tmp_path: Path) -> None:
    witness = Witness(tmp_path)
    witness.path.write_text("3 abc")
    with pytest.raises(BadInput, match="damaged"):
        witness.note(Head(9, "f" * 64), now=1)
    assert witness.path.read_text() == "3 abc"


def test_sixteen_writers_leave_neither_gap_nor_fork(database_url: str, app: App) -> None:
    each, stores = 12, [Store(database_url) for _ in range(4)]
    faults: list[BaseException] = []

    def body(number: int) -> None:
        try:
            for turn in range(each):
                with stores[number % len(stores)].write() as tx:
                    record(tx, act(number, details={"turn": turn}), now=turn)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for store in stores:
        store.close()
    assert faults == []
    found = check(app)
    assert (found.rows, found.fault) == (16 * each, "")


def test_a_log_that_is_written_while_it_is_verified_is_not_taken_for_broken(database_url: str, app: App) -> None:
    ended, store = threading.Event(), Store(database_url)

    def body() -> None:
        while not ended.is_set():
            with store.write() as tx:
                record(tx, act(), now=1)

    thread = threading.Thread(target=body)
    thread.start()
    try:
        verdicts, ends = [check(app)], time.monotonic() + 60
        # Forty looks, and more where the machine lets the writer wait.
        while len(verdicts) < 40 or (verdicts[0].rows == verdicts[-1].rows and time.monotonic() < ends):
            verdicts.append(check(app))
    finally:
        ended.set()
        thread.join(30)
        store.close()
    assert {each.fault for each in verdicts} == {""}
    assert verdicts[0].rows < verdicts[-1].rows


def test_an_act_that_is_rolled_back_is_not_in_the_log(app: App) -> None:
    write(app, 1)
    with pytest.raises(RuntimeError), app.store.write() as tx:
        record(tx, act(), now=1)
        raise RuntimeError
    assert check(app).rows == 1


@pytest.mark.parametrize(
    "details",
    [
        {"text": "x" * 100_000},
        {"key\0": "a\0b"},
        {"half": "\ud800"},
        {"number": 2**80},
        {f"k{n}": n for n in range(5000)},
        {"kind": object()},
        {"\ud800": 1},
    ],
    ids=["long", "nul", "surrogate", "large", "many", "odd", "odd key"],
)
def test_any_details_are_kept_in_bounds_and_never_refused(app: App, details: dict[str, Any]) -> None:
    with app.store.write() as tx:
        record(tx, act()._replace(details=details, principal="\ud800\0" + "p" * 1000), now=1)
        row = audit.find(tx, Filter(), limit=1).rows[0]
    assert len(row.details.encode()) <= audit.MAX_DETAILS_BYTES
    assert isinstance(msgspec.json.decode(row.details), dict)
    assert len(row.principal) == audit.MAX_TEXT
    assert check(app).fault == ""


def test_a_run_and_its_row_of_the_log_are_one_transaction(app: App) -> None:
    claimed = app.runs.open(app.jobs[COLLECTOR], by="ada")
    ending = Ending("done", {"files": 3})
    app.runs.close(claimed.id, fence=claimed.fence, record=app.jobs[COLLECTOR], ending=ending, by="ada", since=0)
    again = app.runs.close(claimed.id, fence=claimed.fence, record=app.jobs[COLLECTOR], ending=ending, by="x", since=0)
    assert not again
    with app.store.read() as tx:
        (row,) = audit.find(tx, Filter(), limit=10).rows
    assert (row.principal, row.action, row.resource, row.result) == (
        "ada", "run_session_collector", "job:session-collector", "done",
    )  # fmt: skip
    assert msgspec.json.decode(row.details) == {"run": claimed.id, "counts": {"files": 3}}


# Reading it -------------------------------------------------------------------------------------------------------


def test_an_admin_reads_the_log_page_by_page(make_app: MakeApp) -> None:
    app = make_app(local_dev_mode=True)
    write(app, 120)
    with client_of(app) as client:
        ids: list[int] = []
        query: dict[str, Any] = {"limit": 50}
        while True:
            page = client.get("/api/admin/audit", params=query).json()
            ids += [each["id"] for each in page["entries"]]
            if page["next"] is None:
                break
            query["before"] = page["next"]
    assert ids == list(range(120, 0, -1))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"principal": "ada3"}, [4]),
        ({"action": "pause_job"}, list(range(10, 0, -1))),
        ({"action": "pause*", "principal": "ada1"}, [2]),
        ({"action": "pause"}, []),
        ({"action": "%*"}, []),
        ({"resource": "job:y"}, []),
        ({"since": 1_008}, [10, 9]),
        ({"until": 1_001}, [1]),
        ({"result": "ok", "since": 1_004, "until": 1_006}, [6, 5]),
    ],
)
def test_the_log_is_filtered(make_app: MakeApp, query: dict[str, Any], wanted: list[int]) -> None:
    app = make_app(local_dev_mode=True)
    write(app, 10)
    with client_of(app) as client:
        page = client.get("/api/admin/audit", params=query).json()
    assert [each["id"] for each in page["entries"]] == wanted


def test_only_admins_read_the_log(make_app: MakeApp) -> None:
    app = make_app(scheduler_token=SECRET)
    with client_of(app) as client:
        assert client.get("/api/admin/audit").status_code == 401
        assert client.get("/api/admin/audit", headers=SCHEDULER).status_code == 403


# Refused calls ----------------------------------------------------------------------------------------------------

RUN = "/api/admin/run-session-processor"


def results(app: App) -> list[tuple[str, str, str]]:
    with app.store.read() as tx:
        return [(row.principal, row.resource, row.result) for row in reversed(audit.find(tx, Filter(), limit=500).rows)]


@pytest.mark.parametrize(
    ("call", "status", "row"),
    [
        (lambda c: c.post(f"{RUN}?processor=usage"), 401, ("unknown", "job:session-processor:usage", "denied")),
        (
            lambda c: c.post(f"{RUN}?processor=usage", headers={"Authorization": "Bearer wrong"}),
            401,
            ("unknown", "job:session-processor:usage", "denied"),
        ),
        (
            lambda c: c.post(f"{RUN}?processor=nono", headers=SCHEDULER),
            400,
            ("scheduler@system.local", "job:session-processor:nono", "invalid"),
        ),
        (lambda c: c.post(RUN, headers=SCHEDULER), 422, ("scheduler@system.local", RUN, "invalid")),
        (
            lambda c: c.get("/api/admin/audit", headers=SCHEDULER),
            403,
            ("scheduler@system.local", "/api/admin/audit", "denied"),
        ),
    ],
    ids=["no token", "wrong token", "unknown processor", "no processor", "not allowed"],
)
def test_a_refused_call_is_in_the_log(
    make_app: MakeApp, call: Callable[[httpx.Client], Any], status: int, row: tuple[str, str, str]
) -> None:
    app = make_app(scheduler_token=SECRET)
    with client_of(app) as client:
        assert call(client).status_code == status
    assert results(app) == [row]


def test_a_call_while_the_job_runs_is_in_the_log(make_app: MakeApp) -> None:
    app = make_app(scheduler_token=SECRET)
    app.request(COLLECTOR, by="ada")
    with client_of(app) as client:
        assert client.post("/api/admin/run-session-collector", headers=SCHEDULER).status_code == 409
    assert results(app) == [("scheduler@system.local", "job:session-collector", "conflict")]


def test_two_hundred_refusals_leave_two_rows(make_app: MakeApp) -> None:
    app = make_app(scheduler_token=SECRET)
    with client_of(app) as client:
        for _ in range(200):
            client.post(f"{RUN}?processor=usage")
    rows = results(app)
    assert rows == [("unknown", "job:session-processor:usage", "denied")] * 2
    with app.store.read() as tx:
        last = audit.find(tx, Filter(), limit=1).rows[0]
    assert msgspec.json.decode(last.details) == {"more_of_the_same": 199}


def test_nobody_fills_the_disk_by_being_refused_in_many_ways(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app()
    refusals = Refusals(app.store, manual_time.clock)
    for number in range(1000):
        refusals.note(act(number)._replace(result="denied"))
    manual_time.advance(WINDOW_S)
    refusals.flush()
    rows = results(app)
    assert len(rows) == MOST + 1
    with app.store.read() as tx:
        last = audit.find(tx, Filter(), limit=1).rows[0]
    assert msgspec.json.decode(last.details) == {"more_of_other_kinds": 1000 - MOST}


def test_a_refusal_is_answered_although_the_database_cannot_be_written(make_app: MakeApp) -> None:
    app = make_app(scheduler_token=SECRET)
    with client_of(app) as client:
        change(app, "ALTER TABLE audit RENAME TO audit_away")
        assert client.post(f"{RUN}?processor=usage").status_code == 401
        change(app, "ALTER TABLE audit_away RENAME TO audit")
