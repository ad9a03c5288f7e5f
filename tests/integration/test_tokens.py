"""Bearer tokens and the scheduler's secret, over HTTP."""

import re
import string
import zlib
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from builders import ManualTime
from callers import PASSWORD, SCHEDULER_SECRET, client, person, serving, token
from conftest import MakeApp
from precedent.app import App
from precedent.clock import SECOND
from precedent.errors import BadInput, Misconfigured, NotFound
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role, Scope
from precedent.security.secret_text import fresh_token, is_token
from precedent.store.schema import token as token_table

DAY = 86_400
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def me(url: str, given: str) -> httpx.Response:
    with client(url, given) as http:
        return http.get("/api/me")


def test_a_token_lets_its_person_in_with_its_scopes_and_not_after_it_was_revoked(app: App) -> None:
    key = person(app, "ada", Role.ADMIN)
    secret = token(app, key, Scope.READ)
    with serving(app) as url:
        answer = me(url, secret)
        assert answer.status_code == 200
        assert answer.json() | {"user_id": 0} == {
            "key": "ada", "user_id": 0, "role": "admin", "proof": "token", "scopes": ["read"],
        }  # fmt: skip
        app.tokens.revoke(app.tokens.listed()[0].id, by=BY_COMMAND_LINE)
        assert me(url, secret).status_code == 401  # the very next request, without any wait


@SQLITE
def test_a_token_dies_on_its_day(app: App, manual_time: ManualTime) -> None:
    secret = token(app, person(app, "ada"), days=1)
    with serving(app) as url:
        manual_time.advance(DAY - 1)
        assert me(url, secret).status_code == 200
        manual_time.advance(1)
        assert me(url, secret).status_code == 401


@SQLITE
@pytest.mark.parametrize("days", [0, -1, 366, 10_000])
def test_no_token_lives_longer_than_a_year_or_shorter_than_a_day(app: App, days: int) -> None:
    with pytest.raises(BadInput, match="1 to 365 days"):
        token(app, person(app, "ada"), days=days)


@SQLITE
def test_a_token_lives_ninety_days_unless_told_otherwise(app: App) -> None:
    key = person(app, "ada")
    minted = app.tokens.create(key, name="t", scopes=[Scope.READ], by=BY_COMMAND_LINE)
    assert minted.token.expires_at - minted.token.created_at == 90 * DAY * SECOND


@SQLITE
@pytest.mark.parametrize("scopes", [(), (Scope.LOGIN,), (Scope.READ, Scope.LOGIN)])
def test_no_token_can_manage_accounts_or_make_tokens(app: App, scopes: tuple[Scope, ...]) -> None:
    with pytest.raises(BadInput, match="scopes"):
        app.tokens.create(person(app, "ada"), name="t", scopes=scopes, by=BY_COMMAND_LINE)


@SQLITE
def test_the_token_of_a_person_who_was_deactivated_is_dead_at_once_and_for_good(app: App) -> None:
    key = person(app, "bea")
    secret = token(app, key)
    with serving(app) as url:
        assert me(url, secret).status_code == 200
        app.accounts.change(key, active=False, by=BY_COMMAND_LINE)
        assert me(url, secret).status_code == 401
        app.accounts.change(key, active=True, by=BY_COMMAND_LINE)
        assert me(url, secret).status_code == 401
    with pytest.raises(NotFound):
        app.accounts.change(key, active=False, by=BY_COMMAND_LINE)
        token(app, key)


@SQLITE
def test_another_role_holds_from_the_next_request_on(app: App) -> None:
    person(app, "root", Role.ADMIN)
    secret = token(app, person(app, "ada", Role.ADMIN))
    with serving(app) as url, client(url, secret) as http:
        assert http.get("/api/admin/jobs").status_code == 200
        app.accounts.change("ada", role=Role.MEMBER, by=BY_COMMAND_LINE)
        assert http.get("/api/admin/jobs").status_code == 403


def test_a_token_is_a_prefix_256_random_bits_and_a_checksum() -> None:
    made = {fresh_token() for _ in range(1000)}
    assert len(made) == 1000
    for each in made:
        assert re.fullmatch(r"prec_[0-9A-Za-z]{49}", each)
        number = 0
        for digit in each[-6:]:
            number = number * 62 + (string.digits + string.ascii_uppercase + string.ascii_lowercase).index(digit)
        assert number == zlib.crc32(each[:-6].encode())
    # 256 bits take 43 digits: over a thousand tokens every digit stands at the first place that can vary freely.
    assert all(len({each[at] for each in made}) == 62 for at in range(6, 48))


def test_a_token_with_one_letter_wrong_is_none() -> None:
    good = fresh_token()
    assert is_token(good)
    for at in range(len(good)):
        other = "x" if good[at] != "x" else "y"
        assert not is_token(good[:at] + other + good[at + 1 :])
    assert not is_token(good[:-1]) and not is_token(good + "a") and not is_token("")


HOSTILE = [
    b"Bearer", b"bearer \xc3\xa9\xc3\xa9", b"Bearer \xff\xfe", b"Basic YTpi", b"prec_x", b"Bearer prec_x",
    b"Bearer " + b"a" * 5000, b"Bearer a b c", b"Bearer ' OR 1=1 --", b"Bearer %00", b"Negotiate x",
]  # fmt: skip


@SQLITE
@pytest.mark.parametrize("header", HOSTILE)
def test_any_other_bearer_is_401_in_the_one_error_shape(make_app: MakeApp, header: bytes) -> None:
    with serving(make_app(scheduler_token=SCHEDULER_SECRET)) as url, client(url) as http:
        answer = http.get("/api/me", headers=[(b"authorization", header)])
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthenticated"
    assert answer.headers["www-authenticate"] == "Bearer"


@SQLITE
def test_the_scheduler_starts_jobs_and_does_nothing_else(make_app: MakeApp) -> None:
    app = make_app(scheduler_token=SCHEDULER_SECRET)
    with serving(app) as url, client(url, SCHEDULER_SECRET) as http:
        assert http.get("/api/me").json()["key"] == "scheduler@system.local"
        assert http.get("/api/admin/jobs").status_code == 200
        assert http.post("/api/admin/run-session-collector?wait=0").status_code == 202
        assert http.post("/api/me/tokens", json={"name": "x"}).status_code == 403
        assert http.get("/api/admin/accounts").status_code == 403
        assert http.post("/api/admin/accounts", json={"email": "x@example.com"}).status_code == 403


@SQLITE
def test_both_secrets_are_taken_while_one_replaces_the_other(make_app: MakeApp) -> None:
    old, new = "o" * 32, "n" * 32
    with serving(make_app(scheduler_token=new, scheduler_token_previous=old)) as url:
        assert [me(url, each).status_code for each in (old, new, "x" * 32)] == [200, 200, 401]


@SQLITE
@pytest.mark.parametrize("secret", ["short", "x" * 31])
def test_a_short_secret_lets_nobody_in(make_app: MakeApp, secret: str) -> None:
    with serving(make_app(scheduler_token=secret)) as url, client(url) as http:
        assert http.get("/api/me", headers={"authorization": f"Bearer {secret}"}).status_code == 401


@SQLITE
def test_a_token_makes_no_tokens_and_an_admins_token_manages_nobody(app: App) -> None:
    secret = token(app, person(app, "ada", Role.ADMIN))
    with serving(app) as url, client(url, secret) as http:
        for method, path in (("POST", "/api/me/tokens"), ("GET", "/api/me/tokens"), ("GET", "/api/admin/accounts")):
            answer = http.request(method, path, json={"name": "x"})
            assert (answer.status_code, "no token may" in answer.text) == (403, True)


@SQLITE
def test_the_last_use_of_a_token_is_noted_at_most_once_a_minute(app: App, manual_time: ManualTime) -> None:
    secret = token(app, person(app, "ada"))
    with serving(app) as url:
        for _ in range(3):
            assert me(url, secret).status_code == 200
            manual_time.advance(1)
        app.last_use.close()
    assert app.tokens.listed()[0].last_used_at == manual_time.clock.now() - 3 * SECOND


@SQLITE
def test_reading_with_a_token_does_not_wait_for_the_databases_writer(app: App) -> None:
    secret = token(app, person(app, "ada"))
    with serving(app) as url, client(url, secret) as http, app.store.write() as tx:
        tx.execute(sa.update(token_table).values(name="somebody writes for long"))
        http.timeout = httpx.Timeout(5.0)
        assert http.get("/api/me").status_code == 200


@SQLITE
def test_a_person_may_have_a_hundred_tokens_and_no_more(app: App) -> None:
    key = person(app, "ada")
    for _ in range(100):
        token(app, key)
    with pytest.raises(BadInput, match="100 tokens"):
        token(app, key)


@SQLITE
def test_local_development_mode_is_refused_where_others_could_come(make_app: MakeApp) -> None:
    for given in (
        {"host": "0.0.0.0"}, {"host": "192.168.1.5"}, {"host": "::"}, {"host": "precedent.team"},
        {"public_url": "https://precedent.team"},
    ):  # fmt: skip
        with pytest.raises(Misconfigured, match="LOCAL_DEV_MODE"):
            _ = make_app(local_dev_mode=True, **given).site
    for given in ({}, {"host": "::1"}, {"host": "localhost"}, {"public_url": "http://localhost:8000"}):
        assert make_app(local_dev_mode=True, **given).site.local


@SQLITE
def test_in_local_development_mode_only_this_machine_is_an_admin(make_app: MakeApp) -> None:
    with serving(make_app(local_dev_mode=True)) as url, client(url) as http:
        assert http.get("/api/me").json()["role"] == "admin"
        assert http.post("/api/admin/run-session-collector?wait=0").status_code == 202
        # A name of others that leads here, a proxy between, a page of another site, a wrong proof.
        assert http.get("/api/me", headers={"host": "evil.example"}).status_code == 401
        assert http.get("/api/me", headers={"x-forwarded-for": "203.0.113.9"}).status_code == 401
        foreign = {"origin": "https://evil.example"}
        assert http.post("/api/admin/run-session-collector?wait=0", headers=foreign).status_code == 403
        foreign = {"sec-fetch-site": "cross-site"}
        assert http.post("/api/admin/run-session-collector?wait=0", headers=foreign).status_code == 403
        assert http.get("/api/me", headers={"authorization": "Bearer no"}).status_code == 401


@SQLITE
def test_no_secret_stands_in_the_database_its_log_or_the_servers_log(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for name in ("httpx", "httpcore"):
        caplog.set_level("WARNING", name)  # the test's own client
    key = person(app, "ada", Role.ADMIN, password=PASSWORD)
    secrets = {PASSWORD, "and another one, longer", "typed as a name by mistake", token(app, key)}
    with serving(app) as url, client(url) as http:
        for name in ("ada@example.com", "typed as a name by mistake"):
            http.post("/api/auth/login", json={"email": name, "password": "and another one, longer"})
        assert http.post("/api/auth/login", json={"email": "ada@example.com", "password": PASSWORD}).is_success
        secrets.add(http.cookies["precedent-session"])
        browser = {"sec-fetch-site": "same-origin"}
        minted = http.post("/api/me/tokens", json={"name": "mine"}, headers=browser).json()
        secrets.add(minted["secret"])
        assert me(url, minted["secret"]).status_code == 200
        link = http.post("/api/admin/accounts", json={"email": "bea@example.com"}, headers=browser).json()["link"]
        secrets.add(link["url"].partition("#")[2])
        assert http.get("/api/me", headers={"authorization": f"Bearer {fresh_token()}"}).status_code == 401
    assert len(secrets) == 7
    app.last_use.close()
    written = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert any(path.name == "precedent.db" for path in written)
    for secret in secrets:
        assert [path for path, content in written.items() if secret.encode() in content] == []
        assert secret not in caplog.text
    # What is looked for would be found: the token's hint is there.
    assert any(minted["token"]["hint"].encode() in content for content in written.values())
