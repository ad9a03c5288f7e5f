"""Sessions are named alike for every route, whatever their agents call them."""

from collections.abc import Iterator

import httpx
import pytest

from builders import claude_session
from callers import client, person, serving, token
from precedent.app import App
from precedent.security.principals import Role, Scope

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PARTS = ("events", "friction")
AGENT = "claude-code"


@pytest.fixture
def served(app: App) -> Iterator[str]:
    for name, role in (("ada", Role.MEMBER), ("bob", Role.MEMBER), ("root", Role.ADMIN)):
        person(app, name, role)
    with serving(app) as url:
        yield url


def uploader(app: App, url: str, name: str) -> httpx.Client:
    return client(url, token(app, name, Scope.UPLOAD))


def upload(web: httpx.Client, session: str, *, turns: int = 1) -> bytes:
    source = claude_session(session, turns)
    answer = web.post(f"/api/sessions/{AGENT}/{session}", params={"at": 0}, content=source)
    assert answer.status_code == 200, answer.text
    return source


@pytest.mark.parametrize("session", PARTS)
def test_a_session_that_is_called_like_a_part_of_sessions_can_be_sent_on(app: App, served: str, session: str) -> None:
    with uploader(app, served, "ada") as web:
        assert web.get(f"/api/sessions/{AGENT}/{session}").json()["offset"] == 0
        source = upload(web, session)
        known = web.get(f"/api/sessions/{AGENT}/{session}")
        assert known.status_code == 200 and known.json()["offset"] == len(source)
        more = claude_session(session, 1, first=1)
        asked = {"at": len(source), "state": known.json()["state"]}
        assert web.post(f"/api/sessions/{AGENT}/{session}", params=asked, content=more).status_code == 200
    with client(served, token(app, "ada", Scope.READ)) as reader:
        assert len(reader.get(f"/api/sessions/{session}/events").json()["events"]) > 0
        assert reader.get(f"/api/sessions/{session}/friction").json() == {"moments": []}
        assert reader.get(f"/api/sessions/{session}").json()["transcripts"][0]["session_file"] == f"ada/{session}.jsonl"
    with uploader(app, served, "ada") as web:
        assert web.delete(f"/api/sessions/{AGENT}/{session}").json() == {"withdrawn": True}


@pytest.mark.parametrize("session", PARTS)
def test_what_stands_of_such_a_session_takes_the_scope_of_uploads(app: App, served: str, session: str) -> None:
    with client(served, token(app, "ada", Scope.READ)) as reader:
        assert reader.get(f"/api/sessions/{AGENT}/{session}").status_code == 403
    with client(served) as nobody:
        assert nobody.get(f"/api/sessions/{AGENT}/{session}").status_code == 401
