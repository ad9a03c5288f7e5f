"""Sessions are named alike for every route, whatever their agents call them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from builders import claude_path, claude_session, codex_path, codex_session, home_of, put, session_id
from callers import client, person, serving, token
from precedent.app import App
from precedent.security.principals import Role, Scope
from precedent.store.schema import transcript

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


def test_a_session_is_erased_by_each_name_that_shows_it(app: App, served: str, tmp_path: Path) -> None:
    home, plain, odd = home_of(tmp_path), session_id("plain"), "quay/7"
    put(claude_path(home.path, plain), claude_session(plain, 1))
    put(codex_path(home.path, "odd"), codex_session(odd, 1))
    app.collect([home])
    with app.store.read() as tx:
        query = sa.select(transcript.c.session_file).where(transcript.c.native_id == odd)
        stem = str(tx.scalar(query)).removeprefix("ada/").removesuffix(".jsonl")
    assert stem != odd and "/" not in stem
    secret = token(app, "ada", Scope.WRITE)
    with client(served, token(app, "bob", Scope.WRITE)) as bob, client(served, secret) as ada:
        for name, session in ((plain, plain), (stem, odd)):
            assert ada.get(f"/api/sessions/{name}").status_code == 200
            assert bob.delete(f"/api/sessions/{name}").status_code == 404
            done = ada.delete(f"/api/sessions/{name}")
            assert done.status_code == 200, done.text
            assert (done.json()["subject"], done.json()["counts"]["transcript"]) == (session, 1)
            assert (
                ada.get(f"/api/sessions/{name}").status_code == ada.delete(f"/api/sessions/{name}").status_code == 404
            )
    assert app.collect([home]).files_copied == 0


def test_of_sessions_of_one_name_one_is_erased(app: App, served: str) -> None:
    for name in ("ada", "bob"):
        with uploader(app, served, name) as web:
            upload(web, "same")
    with client(served, token(app, "root", Scope.WRITE)) as root:
        refused = root.delete("/api/sessions/same")
        assert refused.status_code == 409 and "ada, bob" in refused.json()["error"]["message"]
        assert root.delete("/api/sessions/same", params={"person": "carol"}).status_code == 404
        assert root.delete("/api/sessions/same", params={"person": "ada"}).json()["counts"]["transcript"] == 1
        assert root.delete("/api/sessions/same").json()["counts"]["transcript"] == 1
        assert root.delete("/api/sessions/same").status_code == 404
