"""The n-th call to the system fails while uploads are taken: a clean 503, and the sender goes on where it stands."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from builders import claude_session, claude_turn, session_id
from callers import client, person, serving, token
from conftest import MakeApp
from failing import BROKEN, FULL, MOST, NO_DESCRIPTORS, every, failing
from precedent.app import App
from precedent.security.principals import Scope
from precedent.store.schema import usage_request

UNAVAILABLE = 503
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Sender(NamedTuple):
    """Somebody who uploads.

    Attributes:
        app: the program.
        web: where to.
        data: the data folder, of which no answer tells.
    """

    app: App
    web: httpx.Client
    data: Path

    def stands(self, session: str) -> dict[str, Any]:
        answer = self.web.get(path(session))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def post(self, session: str, source: bytes, *, at: int, state: str, replace: bool) -> httpx.Response:
        asked = {"at": at, "replace": replace} | ({"state": state} if state else {})
        body = gzip.compress(source[at:])
        return self.web.post(path(session), params=asked, content=body, headers={"content-encoding": "gzip"})

    def send(self, session: str, source: bytes, *, replace: bool = False) -> httpx.Response:
        """Send what a source has more than the server, or a source that was rewritten."""
        known = self.stands(session)
        return self.post(session, source, at=0 if replace else known["offset"], state=known["state"], replace=replace)

    def refused(self, answer: httpx.Response) -> None:
        """See that an answer says that the upload cannot be kept now, in the one shape."""
        assert answer.status_code == UNAVAILABLE, answer.text
        assert answer.headers.get("retry-after", "").isdigit()
        assert set(answer.json()) == {"error"} and answer.json()["error"]["code"] == "unavailable"
        assert not [each for each in ("Traceback", ".py", str(self.data)) if each in answer.text]

    def archived(self, session: str) -> bytes:
        (row,) = [each for each in self.app.archive.files() if session in each.key]
        return row.path.read_bytes()


@pytest.fixture
def sender(make_app: MakeApp, tmp_path: Path) -> Iterator[Sender]:
    app = make_app()
    with serving(app) as url, client(url, token(app, person(app, "ada"), Scope.UPLOAD)) as web:
        yield Sender(app, web, tmp_path)


def path(session: str) -> str:
    return f"/api/sessions/claude-code/{session}"


@every(
    [
        ("write", FULL, 1), ("write", BROKEN, 1), ("fsync", FULL, 1), ("fsync", BROKEN, 1), ("pread", BROKEN, 1),
        ("open", NO_DESCRIPTORS, 1), ("dup", NO_DESCRIPTORS, 1),
    ]
)  # fmt: skip
def test_a_call_that_fails_while_an_upload_is_taken_is_refused_cleanly_and_made_good(
    sender: Sender, name: str, number: int, step: int
) -> None:
    sessions = 0
    for nth in range(1, MOST, step):
        session, hit = session_id(f"{name} {number} {nth}"), False
        first, grown = claude_session(session, 2), claude_session(session, 4)
        rewritten = claude_session(session, 1) + claude_turn(session, 9)
        for source, replace in ((first, False), (grown, False), (rewritten, True)):
            known = sender.stands(session)
            at, state = (0 if replace else known["offset"]), known["state"]
            with failing(name, number, nth) as fault:
                answer = sender.post(session, source, at=at, state=state, replace=replace)
            hit |= fault.hit
            if answer.status_code != 200:
                sender.refused(answer)
                if sender.stands(session)["offset"] != len(source):
                    assert sender.send(session, source, replace=replace).status_code == 200
            assert sender.stands(session)["offset"] == len(source)
            assert sender.archived(session) == source
        sessions += 1
        if not hit:
            break
    assert 1 < nth < MOST - step
    assert not sender.app.run_processor("usage").errors
    with sender.app.store.read() as tx:
        assert len(tx.execute(usage_request.select()).all()) == sessions * 4
