"""Logins with a password, sessions of browsers, links, lock-out, over HTTP."""

import shutil
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from builders import ManualTime
from callers import ORIGIN, PASSWORD, client, log_in, person, serving, token
from conftest import MakeApp
from precedent.app import App
from precedent.errors import BadInput, Conflict, Misconfigured, NotFound
from precedent.security import audit, passwords
from precedent.security.accounts import RESET
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role
from precedent.store.schema import account, login_failure, web_session
from precedent.store.schema import audit as audit_table

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BEHIND = {"trusted_proxies": ("127.0.0.0/8",), "public_url": "https://precedent.team"}
"""Settings behind a proxy that speaks HTTPS."""


def tried(http: httpx.Client, name: str, password: str, **headers: str) -> httpx.Response:
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    return http.post("/api/auth/login", json={"email": name, "password": password}, headers=ORIGIN | given)


def test_a_login_begins_a_session_and_a_logout_ends_it(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, log_in(url, "Ada@Example.com") as http:
        assert http.get("/api/me").json()["proof"] == "session"
        stolen = dict(http.cookies)
        assert http.post("/api/auth/logout", headers=ORIGIN).status_code == 204
        assert http.cookies.get("precedent-session") is None
        with client(url) as thief:
            thief.cookies.update(stolen)
            assert thief.get("/api/me").status_code == 401
    with app.store.read() as tx:
        said = tx.execute(sa.select(audit_table.c.action, audit_table.c.principal).order_by(audit_table.c.id)).all()
    assert said[-2:] == [("login", "ada"), ("logout", "ada")]


@SQLITE
def test_behind_https_the_cookie_is_for_this_host_alone(make_app: MakeApp) -> None:
    app = make_app(**BEHIND)
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http:
        answer = tried(http, "ada@example.com", PASSWORD, x_forwarded_proto="https", x_forwarded_for="203.0.113.7")
        name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith("__Host-precedent-session=")
    assert {each.lower() for each in attributes} == {
        "httponly", "secure", "samesite=lax", "path=/", "max-age=604800",
    }  # fmt: skip


@SQLITE
def test_on_this_machine_the_cookie_is_plain_and_still_closed_to_scripts(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http:
        answer = tried(http, "ada@example.com", PASSWORD)
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith("precedent-session=")
    assert {"httponly", "samesite=lax", "path=/"} <= {each.lower() for each in attributes}


@SQLITE
def test_a_plain_cookie_is_not_taken_behind_https(make_app: MakeApp) -> None:
    app = make_app(**BEHIND)
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http:
        answer = tried(http, "ada@example.com", PASSWORD, x_forwarded_proto="https")
        value = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
        for name, status in (("precedent-session", 401), ("__Host-precedent-session", 200)):
            assert http.get("/api/me", headers={"cookie": f"{name}={value}"}).status_code == status


@SQLITE
def test_no_password_is_taken_over_plain_http_from_elsewhere(app: App, make_app: MakeApp) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url, host="precedent.team") as http:
        answer = tried(http, "ada@example.com", PASSWORD)
        assert (answer.status_code, "not encrypted" in answer.text) == (403, True)
    with serving(make_app(public_url="http://precedent.team")) as url, client(url, host="precedent.team") as http:
        assert tried(http, "ada@example.com", PASSWORD).status_code == 200


@SQLITE
def test_each_login_has_a_new_session_and_ends_the_browsers_old_one(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, log_in(url, "ada@example.com") as http:
        before = http.cookies["precedent-session"]
        assert tried(http, "ada@example.com", PASSWORD).status_code == 200
        assert http.cookies["precedent-session"] != before
        with client(url, cookie=f"precedent-session={before}") as old:
            assert old.get("/api/me").status_code == 401


@SQLITE
def test_a_cookie_that_somebody_planted_is_never_a_session(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http:
        http.cookies.set("precedent-session", "planted")
        assert tried(http, "ada@example.com", PASSWORD).status_code == 200
        with client(url, cookie="precedent-session=planted") as thief:
            assert thief.get("/api/me").status_code == 401


@SQLITE
def test_a_session_ends_when_it_is_idle_and_in_any_case_in_the_end(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app(session_idle_s=600, session_lifetime_s=2000)
    person(app, "ada", password=PASSWORD)
    with serving(app) as url:
        with log_in(url, "ada@example.com") as http:
            manual_time.advance(599)
            assert http.get("/api/me").status_code == 200
            app.last_use.flush()
            manual_time.advance(599)
            assert http.get("/api/me").status_code == 200
            app.last_use.flush()
            manual_time.advance(600)
            assert http.get("/api/me").status_code == 401
        with log_in(url, "ada@example.com") as http:
            for _ in range(4):
                assert http.get("/api/me").status_code == 200
                app.last_use.flush()
                manual_time.advance(500)
            assert http.get("/api/me").status_code == 401


@SQLITE
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"sec-fetch-site": "none"}, 201),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "OWN"}, 403),
        ({"origin": "OWN"}, 201),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_a_session_changes_something_only_from_our_own_pages(app: App, headers: dict[str, str], status: int) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, log_in(url, "ada@example.com") as http:
        given = {name: url if value == "OWN" else value for name, value in headers.items()}
        assert http.post("/api/me/tokens", json={"name": "x"}, headers=given).status_code == status
        assert http.get("/api/me", headers=given).status_code == 200


@SQLITE
def test_another_sites_page_logs_nobody_in(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http:
        assert tried(http, "ada@example.com", PASSWORD, sec_fetch_site="cross-site").status_code == 403


def test_five_failures_lock_an_account_for_five_minutes_also_for_the_right_password(
    make_app: MakeApp, manual_time: ManualTime
) -> None:
    app = make_app(trusted_proxies=("127.0.0.1",))
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http:
        for number in range(5):
            answer = tried(http, "ada@example.com", "wrong password", x_forwarded_for=f"203.0.113.{number}")
            assert answer.status_code == 401
        answer = tried(http, "ADA@example.com ", PASSWORD, x_forwarded_for="203.0.113.99")
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300
        manual_time.advance(301)
        assert tried(http, "ada@example.com", PASSWORD, x_forwarded_for="203.0.113.99").status_code == 200


@SQLITE
def test_five_failures_lock_an_address_whatever_accounts_it_names(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app(trusted_proxies=("127.0.0.1",))
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http:
        for number in range(5):
            # One IPv6 network counts as one address: its holder has 2**64 of them.
            tried(http, f"guess{number}", "wrong password", x_forwarded_for=f"2001:db8::{number}")
        assert tried(http, "ada@example.com", PASSWORD, x_forwarded_for="2001:db8::99").status_code == 429
        assert tried(http, "ada@example.com", PASSWORD, x_forwarded_for="2001:db8:0:1::1").status_code == 200


@SQLITE
def test_five_minutes_between_failures_lock_nobody(app: App, manual_time: ManualTime) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http:
        for _ in range(3):
            for _ in range(4):
                assert tried(http, "ada@example.com", "wrong password").status_code == 401
            manual_time.advance(301)
        assert tried(http, "ada@example.com", PASSWORD).status_code == 200


@SQLITE
def test_a_login_forgets_the_failures_of_its_account_but_not_of_its_address(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http:
        for _ in range(4):
            tried(http, "bea@example.com", "wrong password")
        assert tried(http, "ada@example.com", PASSWORD).status_code == 200
        assert tried(http, "bea@example.com", "wrong password").status_code == 401
        assert tried(http, "ada@example.com", PASSWORD).status_code == 429


def test_many_attempts_at_once_are_no_more_than_five(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, client(url) as http, ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda number: tried(http, "ada@example.com", f"guess {number}").status_code, range(20)))
    assert sorted(set(found)) == [401, 429]
    assert found.count(401) <= 5


@SQLITE
def test_the_answer_does_not_tell_whether_an_account_exists(app: App, manual_time: ManualTime) -> None:
    person(app, "ada", password=PASSWORD)
    person(app, "without")
    app.accounts.change(person(app, "gone", password=PASSWORD), active=False, by=BY_COMMAND_LINE)
    told: dict[str, list[Any]] = {}
    with serving(app) as url, client(url) as http:
        for name in ("ada", "without", "gone", "nobody"):
            for _ in range(7):
                answer = tried(http, f"{name}@example.com", "wrong password").json()["error"]
                told.setdefault(name, []).append((answer["code"], answer["message"], answer["details"]))
            manual_time.advance(301)
        assert tried(http, "gone@example.com", PASSWORD).json()["error"]["message"] == "address or password is wrong"
    assert told["ada"] == told["without"] == told["gone"] == told["nobody"]
    assert [each[0] for each in told["ada"]] == ["unauthenticated"] * 5 + ["exhausted"] * 2


@SQLITE
def test_what_was_typed_as_a_name_is_not_kept(app: App) -> None:
    with serving(app) as url, client(url) as http:
        tried(http, "my password, by mistake", "x")
    with app.store.read() as tx:
        kept = str([*tx.execute(sa.select(login_failure)), *tx.execute(sa.select(audit_table))])
    assert "mistake" not in kept and "account:" in kept


def test_a_password_is_stored_as_argon2id_with_at_least_the_recommended_cost(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with app.store.read() as tx:
        stored = tx.scalar(sa.select(account.c.password_hash)) or ""
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert app.passwords.fits(PASSWORD, stored) and not app.passwords.fits(PASSWORD + " ", stored)


@pytest.mark.parametrize(
    "password",
    ["", "short", "1234567", "password", "Password1!", "PRECEDENT2026", "12345678", "abcdefgh", "aaaaaaaa", "abababab",
     "qwertyuiop", "ada2026!", "adalove1", "ada@example.com", "x" * 129, "iloveyou", "Summer2026!"],
)  # fmt: skip
def test_an_easy_password_is_refused_without_being_repeated(password: str) -> None:
    with pytest.raises(BadInput) as refused:
        passwords.check(password, about=("ada", "ada@example.com", "adalove"))
    assert password in {"", "password"} or password not in str(refused.value)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "zwölf Boxkämpfer", "пароль надёжный", "🚢🚢⚓harbour", "x9" + "k" * 126,
     "  leading and trailing  ", "\ud800 half a pair", "all lowercase words"],
)  # fmt: skip
def test_any_characters_make_a_password_and_none_is_cut_off(app: App, password: str) -> None:
    passwords.check(password)
    stored = app.passwords.hash(password)
    assert app.passwords.fits(password, stored)
    assert not app.passwords.fits(password[:-1], stored) and not app.passwords.fits(password.strip() + "x", stored)


def test_an_invitation_lets_its_person_set_a_password_once(app: App, manual_time: ManualTime) -> None:
    person(app, "root", Role.ADMIN, password=PASSWORD)
    with serving(app) as url, log_in(url, "root@example.com") as admin, client(url) as http:
        answer = admin.post(
            "/api/admin/accounts", json={"email": "Bea@example.com", "role": "reviewer"}, headers=ORIGIN
        )
        assert answer.status_code == 201
        assert answer.json()["account"]["key"] == "bea"
        place, _, secret = answer.json()["link"]["url"].partition("#")
        assert place == f"{url}/password"
        assert tried(http, "bea@example.com", PASSWORD).status_code == 401
        given = {"link": secret, "password": "short"}
        assert http.post("/api/auth/password", json=given).status_code == 400
        given = {"link": secret, "password": PASSWORD}
        assert http.post("/api/auth/password", json=given).status_code == 204
        assert http.post("/api/auth/password", json=given).status_code == 404
        assert tried(http, "bea@example.com", PASSWORD).json()["role"] == "reviewer"


@SQLITE
def test_a_link_expires_and_a_newer_one_makes_it_void(app: App, manual_time: ManualTime) -> None:
    key = person(app, "ada")
    with serving(app) as url, client(url) as http:
        first = app.accounts.link(key, kind=RESET, by=BY_COMMAND_LINE)
        second = app.accounts.link(key, kind=RESET, by=BY_COMMAND_LINE)
        given = {"link": first.secret, "password": PASSWORD}
        assert http.post("/api/auth/password", json=given).status_code == 404
        manual_time.advance(3600)
        given = {"link": second.secret, "password": PASSWORD}
        assert http.post("/api/auth/password", json=given).status_code == 404


@SQLITE
def test_a_reset_ends_every_session_and_token_from_before(app: App) -> None:
    key = person(app, "ada", password=PASSWORD)
    secret = token(app, key)
    with serving(app) as url, log_in(url, "ada@example.com") as http, client(url, secret) as program:
        link = app.accounts.link(key, kind=RESET, by=BY_COMMAND_LINE)
        assert http.get("/api/me").status_code == 200
        given = {"link": link.secret, "password": "another quiet harbour"}
        assert program.post("/api/auth/password", json=given).status_code == 204
        assert http.get("/api/me").status_code == 401
        assert program.get("/api/me").status_code == 401


@SQLITE
def test_who_changes_their_password_proves_the_old_one_and_keeps_only_this_session(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, log_in(url, "ada@example.com") as here, log_in(url, "ada@example.com") as there:
        given = {"current": "wrong", "new": "another quiet harbour"}
        assert here.put("/api/me/password", json=given, headers=ORIGIN).status_code == 401
        given = {"current": PASSWORD, "new": "another quiet harbour"}
        assert here.put("/api/me/password", json=given, headers=ORIGIN).status_code == 204
        assert here.get("/api/me").status_code == 200
        assert there.get("/api/me").status_code == 401
        assert tried(there, "ada@example.com", PASSWORD).status_code == 401


@SQLITE
def test_a_person_ends_their_other_sessions(app: App) -> None:
    person(app, "ada", password=PASSWORD)
    with serving(app) as url, log_in(url, "ada@example.com") as here, log_in(url, "ada@example.com") as there:
        assert here.delete("/api/me/sessions", headers=ORIGIN).json() == {"sessions": 1}
        assert (here.get("/api/me").status_code, there.get("/api/me").status_code) == (200, 401)


@SQLITE
def test_deactivation_ends_sessions_at_once_and_links_too(app: App) -> None:
    key = person(app, "ada", password=PASSWORD)
    link = app.accounts.link(key, kind=RESET, by=BY_COMMAND_LINE)
    with serving(app) as url, log_in(url, "ada@example.com") as http:
        app.accounts.change(key, active=False, by=BY_COMMAND_LINE)
        assert http.get("/api/me").status_code == 401
        given = {"link": link.secret, "password": "another quiet harbour"}
        assert http.post("/api/auth/password", json=given).status_code == 404
    with app.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(web_session)) == 0


def test_the_last_admin_stays_one(app: App) -> None:
    key = person(app, "root", Role.ADMIN)
    with pytest.raises(Conflict, match="last active admin"):
        app.accounts.change(key, active=False, by=BY_COMMAND_LINE)
    with pytest.raises(Conflict, match="last active admin"):
        app.accounts.change(key, role=Role.MEMBER, by=BY_COMMAND_LINE)
    with pytest.raises(Conflict, match="last active admin"):
        app.erase_person(key, by="root")
    person(app, "second", Role.ADMIN)
    app.accounts.change(key, role=Role.MEMBER, by=BY_COMMAND_LINE)


def test_an_account_is_given_to_the_person_whose_transcripts_are_there(app: App) -> None:
    from precedent.archive import people

    with app.store.write() as tx:
        ada = people.ensure(tx, "ada", now=1)
        other = people.ensure(tx, "bob", now=1)
    made = app.accounts.create("ada@example.com", role=Role.MEMBER, by=BY_COMMAND_LINE)
    assert (made.user_id, made.key) == (ada, "ada")
    made = app.accounts.create("robert@example.com", key="bob", role=Role.MEMBER, by=BY_COMMAND_LINE)
    assert (made.user_id, made.key) == (other, "bob")
    # Another Ada of another address is somebody else.
    made = app.accounts.create("ada@elsewhere.example", role=Role.MEMBER, by=BY_COMMAND_LINE)
    assert (made.user_id != ada, made.key) == (True, "ada@elsewhere.example")
    for email, key in (("ADA@example.com", ""), ("new@example.com", "ada")):
        with pytest.raises(Conflict):
            app.accounts.create(email, key=key, role=Role.MEMBER, by=BY_COMMAND_LINE)


@pytest.mark.parametrize("email", ["", "ada", "@example.com", "ada@", "a b@example.com", "a\0@example.com", "x" * 300])
@SQLITE
def test_what_is_no_address_makes_no_account(app: App, email: str) -> None:
    with pytest.raises(BadInput, match="no e-mail address"):
        app.accounts.create(email, role=Role.MEMBER, by=BY_COMMAND_LINE)


@pytest.mark.parametrize("text", ["a\0b", "a/b", "../x", ".hidden", "x" * 101, "a b", "\ud800", "a\nb"])
def test_a_key_that_no_folder_can_have_makes_no_account(app: App, text: str) -> None:
    with pytest.raises(BadInput, match="no key"):
        app.accounts.create("ada@example.com", key=text, role=Role.MEMBER, by=BY_COMMAND_LINE)
    for wrong in (lambda: app.accounts.get("a\0b"), lambda: app.teams.get("a\0b"), lambda: app.accounts.get("\ud800")):
        with pytest.raises(NotFound):
            wrong()


def test_every_change_of_an_account_is_in_the_audit_log_with_who_did_it(app: App) -> None:
    person(app, "root", Role.ADMIN, password=PASSWORD)
    with serving(app) as url, log_in(url, "root@example.com") as admin:
        admin.headers.update(ORIGIN)
        admin.post("/api/admin/accounts", json={"email": "bea@example.com"})
        admin.patch("/api/admin/accounts/bea", json={"role": "reviewer", "name": "Bea"})
        admin.post("/api/admin/accounts/bea/reset")
        admin.patch("/api/admin/accounts/bea", json={"active": False})
        admin.post("/api/admin/teams", json={"name": "harbour"})
        admin.put("/api/admin/teams/harbour/members/bea")
        admin.delete("/api/admin/teams/harbour/members/bea")
        admin.delete("/api/admin/teams/harbour")
        number = admin.post("/api/me/tokens", json={"name": "x"}).json()["token"]["id"]
        assert admin.delete(f"/api/admin/tokens/{number}").status_code == 204
    with app.store.read() as tx:
        rows = tx.execute(
            sa.select(audit_table).where(audit_table.c.principal == "root").order_by(audit_table.c.id)
        ).all()
        assert audit.verify(tx).row is None
    assert [row.action for row in rows] == [
        "login", "account.create", "account.invitation", "account.role", "account.rename", "account.reset",
        "account.deactivate", "team.create", "team.add", "team.remove", "team.delete", "token.create", "token.revoke",
    ]  # fmt: skip
    assert all(row.address == "127.0.0.1" and row.request_id for row in rows)


@SQLITE
def test_only_a_trusted_proxy_is_believed_about_the_callers_address(make_app: MakeApp) -> None:
    for given, expected in (({}, "127.0.0.1"), ({"trusted_proxies": ("127.0.0.1", "10.0.0.0/8")}, "203.0.113.7")):
        app = make_app(**given)
        with serving(app) as url, client(url) as http:
            tried(http, "x", "y", x_forwarded_for="1.2.3.4, 203.0.113.7, 10.1.2.3")
        with app.store.read() as tx:
            newest = sa.select(audit_table.c.address).order_by(audit_table.c.id.desc()).limit(1)
            assert tx.scalar(newest) == expected


@SQLITE
@pytest.mark.parametrize(
    "given",
    [
        {"public_url": "precedent.team"}, {"public_url": "ftp://precedent.team"}, {"public_url": "https://a/b"},
        {"public_url": "https://user:secret@precedent.team"}, {"public_url": "https://[::1"},
        {"public_url": "https://a:port"}, {"trusted_proxies": ("proxy.example",)}, {"trusted_proxies": ("10.0.0.1/8",)},
        {"tls_cert": Path("cert.pem")},
    ],
)  # fmt: skip
def test_settings_of_the_place_that_cannot_be_are_told_at_the_start(make_app: MakeApp, given: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match="PRECEDENT_") as told:
        from precedent.server import create

        create(make_app(**given))
    assert "user:secret" not in str(told.value)


def test_teams_are_listed_with_their_members(app: App) -> None:
    for name in ("ada", "bea"):
        person(app, name)
    app.teams.create("harbour", by=BY_COMMAND_LINE)
    app.teams.create("empty", by=BY_COMMAND_LINE)
    app.teams.add("harbour", "bea", by=BY_COMMAND_LINE)
    app.teams.add("harbour", "ada", by=BY_COMMAND_LINE)
    app.teams.add("harbour", "ada", by=BY_COMMAND_LINE)
    assert [(each.name, each.members) for each in app.teams.listed()] == [("empty", ()), ("harbour", ("ada", "bea"))]
    with pytest.raises(Conflict):
        app.teams.create("harbour", by=BY_COMMAND_LINE)
    app.teams.delete("harbour", by=BY_COMMAND_LINE)
    assert [each.name for each in app.teams.listed()] == ["empty"]


@SQLITE
def test_over_https_browsers_are_told_to_stay_there(make_app: MakeApp) -> None:
    with serving(make_app(**BEHIND)) as url, client(url) as http:
        said = [
            http.get("/livez", headers={"x-forwarded-proto": scheme}).headers.get("strict-transport-security")
            for scheme in ("http", "https")
        ]
    assert said == [None, "max-age=31536000"]


@SQLITE
@pytest.mark.skipif(shutil.which("openssl") is None, reason="a certificate is made with openssl")
def test_the_server_speaks_https_itself_with_a_certificate(make_app: MakeApp, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", key, "-out", cert, "-addext", "subjectAltName=IP:127.0.0.1"], check=True,
                   capture_output=True)  # fmt: skip
    app = make_app(tls_cert=cert, tls_key=key)
    person(app, "ada", password=PASSWORD)
    with (
        serving(app, ssl_certfile=cert, ssl_keyfile=key) as url,
        httpx.Client(
            base_url=url.replace("http:", "https:"), verify=ssl.create_default_context(cafile=cert), trust_env=False
        ) as http,
    ):
        answer = tried(http, "ada@example.com", PASSWORD)
        assert answer.status_code == 200
        assert answer.headers["set-cookie"].startswith("__Host-precedent-session=")
        assert http.get("/api/me").json()["key"] == "ada"
