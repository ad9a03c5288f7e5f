"""The log of the server: what is in each line, and what never gets in."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from precedent.errors import BadInput
from precedent.settings import Settings
from precedent.store import Store
from precedent.telemetry import logs
from precedent.telemetry.context import bound

TOKEN = "tok-" + "q7" * 20
WEBHOOK = "https://hooks.example.com/services/T0/B0/very-secret-part"
TEXT = "my mother's maiden name is Ostrander"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The log belongs to the process; put it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    root.setLevel(level)


class Log:
    """A log into memory."""

    def __init__(self, **given: Any) -> None:
        self.stream = io.StringIO()
        settings = Settings(scheduler_token=TOKEN, alert_webhooks=(WEBHOOK,), **given)
        logs.set_up(settings, process="api", stream=self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def test_each_line_has_time_level_event_and_what_it_belongs_to() -> None:
    log = Log()
    with bound(request_id="abc12345"), bound(job="usage"):
        logging.getLogger("precedent.x").warning("looked at %d", 3)
    logging.getLogger("uvicorn.error").info("started")
    first, second = log.lines()
    assert list(first)[:3] == ["time", "level", "event"]
    assert first["time"].endswith("Z")
    assert (first["level"], first["event"], first["logger"]) == ("warning", "looked at 3", "precedent.x")
    assert (first["process"], first["request_id"], first["job"]) == ("api", "abc12345", "usage")
    assert (second["event"], second["logger"]) == ("started", "uvicorn.error")
    assert "request_id" not in second


def test_what_is_bound_in_one_thread_is_not_in_the_lines_of_another() -> None:
    log = Log()
    with bound(run_id=7):
        thread = threading.Thread(target=lambda: logging.getLogger("x").warning("elsewhere"))
        thread.start()
        thread.join()
        logging.getLogger("x").warning("here")
    assert [line.get("run_id") for line in log.lines()] == [None, 7]


def test_the_level_is_that_of_the_settings() -> None:
    log = Log(log_level="warning")
    logs.event("quiet", {}, logger="x")
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").error("loud")
    assert [line["event"] for line in log.lines()] == ["loud"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_gets_in_whatever_is_logged(form: str) -> None:
    log = Log(log_format=form)
    password = "pa55-of-nobody"
    logger = logging.getLogger("x")
    logger.warning("calling %s with %s", WEBHOOK, TOKEN)
    logger.warning("the header was Authorization: Bearer %s", "z9" * 12)
    logger.warning("connecting to postgresql://ada:%s@host/base", password)
    logger.warning("given", extra={"authorization": password, "nested": {"api_key": password, "ok": TOKEN}})
    logs.event("called", {"cookie": password, "password": password, "X-Api-Key": password, "where": WEBHOOK})
    for secret in (TOKEN, WEBHOOK, "very-secret-part", password, "z9" * 12):
        assert secret not in log.text


def test_an_exception_tells_kind_and_place_and_no_text_that_it_choked_on() -> None:
    log = Log()
    try:
        int(TEXT)
    except ValueError:
        logging.getLogger("x").exception("a run failed")
    try:
        raise BadInput("the file is no list")
    except BadInput as error:
        logging.getLogger("x").warning("it failed: %s", error)
    try:
        json.loads('{"a": ' + TEXT)
    except ValueError as error:
        logging.getLogger("x").warning("it failed: %s", error)
    first, second, third = log.lines()
    assert TEXT not in log.text
    assert first["error_type"] == "ValueError"
    assert "test_logs:" in first["frames"][-1]
    assert second["event"] == "it failed: the file is no list"
    assert third["event"] == "it failed: JSONDecodeError"


def test_an_error_of_the_database_tells_no_values(database_url: str) -> None:
    log, store = Log(), Store(database_url)
    for statement in ("INSERT INTO audit (id) VALUES (:text)", "SELECT * FROM nowhere WHERE a = :text"):
        try:
            with store.write() as tx:
                tx.execute(sa.text(statement), {"text": TEXT})
        except sa.exc.DBAPIError as error:
            assert TEXT not in str(error).splitlines()[-2:]
            logging.getLogger("x").warning("it failed: %s", error)
            logging.getLogger("x").exception("it failed")
    store.close()
    assert len(log.lines()) == 4
    assert TEXT not in log.text


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_event_is_one_line_whatever_is_in_it(form: str) -> None:
    log = Log(log_format=form)
    logging.getLogger("x").warning("a\nb\x1b[31m\u2028\ud800%s", "y" * 10_000, extra={"more": "c\nd"})
    assert len(log.text.splitlines()) == 1
    assert "\x1b" not in log.text
    assert len(log.text) < 5_000


def test_a_log_that_cannot_be_written_hurts_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    log.stream.close()
    logging.getLogger("x").warning("gone")
    assert capsys.readouterr().err == ""
