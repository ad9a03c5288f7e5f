"""Logging in and out in a browser and without one: who is led where, what is refused, what a page says of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.async_api import Page

from browsers import PASSWORD, Browsers, Seen, cookie_of, wrong
from callers import ORIGIN, client, person, serving
from conftest import MakeApp
from precedent.app import App
from precedent.security.accounts import INVITATION
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HTML = {"accept": "text/html"}
FORM = HTML | ORIGIN


@contextmanager
def anonymous(app: App) -> Iterator[tuple[str, httpx.Client]]:
    with serving(app) as url, client(url) as http:
        yield url, http


def test_who_has_not_logged_in_is_led_to_the_login_and_back(shown: Any) -> None:
    with client(shown.url) as http:
        for each in shown.routes:
            if not each.page or each.method != "GET" or not each.access.roles:
                continue
            path = each.path.replace("{session}", shown.sessions[0]) + "?by=tool"
            if "{" in path:
                continue
            answer = http.get(path, headers=HTML)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), path
            assert httpx.URL(answer.headers["location"]).params["next"] == path
            assert http.get(path, headers={"hx-request": "true"}).headers["hx-redirect"] == "/login"
            assert http.get(path).json()["error"]["code"] == "unauthenticated"  # a program is told so


def test_every_page_and_every_file_has_the_policy(shown: Any) -> None:
    with client(shown.url) as http:
        text = http.get("/login", headers=HTML)
        policy = text.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'") and "unsafe" not in policy
        for name, value in {
            "x-content-type-options": "nosniff", "referrer-policy": "same-origin", "x-frame-options": "DENY",
            "cross-origin-opener-policy": "same-origin", "cache-control": "no-store",
        }.items():  # fmt: skip
            assert text.headers[name] == value
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=|javascript:", text.text)
        missing = http.get("/nothing", headers=HTML)
        assert "No page has this address" in missing.text
        assert missing.status_code == 404 and missing.headers["content-security-policy"] == policy


def test_a_person_logs_in_goes_where_they_wanted_and_out_again(browsers: Browsers, shown: Any) -> None:
    async def look(page: Page, seen: Seen) -> tuple[list[str], list[str]]:
        places = []
        await page.goto("/sessions?agent=codex")
        places.append(page.url)
        await page.fill("input[name=email]", "ada@example.com")
        await page.fill("input[name=password]", PASSWORD)
        await page.click("button:has-text('Log in')")
        places.append(page.url)
        assert "Yours" in await page.inner_text(".head")
        await page.click("button:has-text('Log out')")
        places.append(page.url)
        assert "You are logged out." in await page.inner_text("main")
        await page.goto("/usage")
        places.append(page.url)
        return places, await wrong(page, seen, shown.url)

    places, faults = browsers.visit(shown.url, look)
    paths = [each.removeprefix(shown.url).partition("?")[0] for each in places]
    assert paths == ["/login", "/sessions", "/login", "/login"] and faults == []


def test_a_wrong_password_is_told_and_lets_nobody_in(shown: Any) -> None:
    with client(shown.url) as http:
        given = {"email": "vera@example.com", "password": "wrong", "next": "/usage"}
        answer = http.post("/login", data=given, headers=FORM)
        assert answer.status_code == 401 and "address or password is wrong" in answer.text
        assert "set-cookie" not in answer.headers and "vera@example.com" in answer.text


@SQLITE
@pytest.mark.parametrize("to", ["//elsewhere.invalid", "https://elsewhere.invalid/", "/\\elsewhere.invalid", "x"])
def test_a_login_leads_to_pages_of_ours_only(app: App, to: str) -> None:
    person(app, "bea", password=PASSWORD)
    with anonymous(app) as (_, http):
        given = {"email": "bea", "password": PASSWORD, "next": to}
        assert http.post("/login", data=given, headers=FORM).headers["location"] == "/"


@SQLITE
def test_a_form_of_another_site_changes_nothing(app: App) -> None:
    person(app, "bea", password=PASSWORD)
    cookie = {"cookie": f"precedent-session={cookie_of(app, 'bea')}"}
    elsewhere = HTML | {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.invalid"}
    with anonymous(app) as (_, http):
        login = http.post("/login", data={"email": "bea", "password": PASSWORD}, headers=elsewhere)
        assert login.status_code == 403 and "another site" in login.text
        for path in ("/logout", "/account/tokens", "/account/consent", "/account/sessions/end"):
            answer = http.post(path, data={"name": "x", "scope": "read", "days": "1"}, headers=cookie | elsewhere)
            assert answer.status_code == 403, path
            assert http.post(path, data={}, headers=cookie | HTML).status_code == 403, (
                path
            )  # it does not say from where
        assert app.tokens.listed("bea") == []
        assert http.get("/account", headers=cookie | HTML).status_code == 200


@SQLITE
def test_the_link_of_an_invitation_sets_a_password_and_stays_out_of_addresses(
    make_app: MakeApp, browsers: Browsers
) -> None:
    app = make_app()
    person(app, "bea")
    secret = app.accounts.link("bea", kind=INVITATION, by=BY_COMMAND_LINE).secret

    async def look(page: Page, seen: Seen) -> str:
        await page.goto(f"/password#{secret}")
        await page.fill("input[name=password]", PASSWORD)
        await page.fill("input[name=again]", "something else entirely")
        assert page.url.endswith("/password")
        await page.click("button:has-text('Set it')")
        assert "The two are not the same." in await page.inner_text("main")
        await page.fill("input[name=password]", PASSWORD)
        await page.fill("input[name=again]", PASSWORD)
        await page.click("button:has-text('Set it')")
        assert not any(secret in each.partition("#")[0] for each in seen.requests)
        return await page.inner_text("main")

    with serving(app) as url:
        assert "Your password is set" in browsers.visit(url, look)
        with client(url) as http:
            used = http.post("/password", data={"link": secret, "password": PASSWORD, "again": PASSWORD}, headers=FORM)
    assert used.status_code == 404


@SQLITE
def test_without_an_account_the_login_says_how_the_first_one_is_made(app: App) -> None:
    with anonymous(app) as (_, http):
        assert " admin create you@example.com" in http.get("/login").text
        person(app, "bea")
        assert " admin create" not in http.get("/login").text


@SQLITE
def test_local_development_mode_needs_no_login_and_an_empty_server_says_how_to_begin(make_app: MakeApp) -> None:
    with serving(make_app(local_dev_mode=True)) as url, client(url) as http:
        answer = http.get("/", headers=HTML)
    assert answer.status_code == 200 and "Begin here" in answer.text and 'href="/connect"' in answer.text


@pytest.mark.parametrize(("role", "path"), [(Role.VIEWER, "/sessions"), (Role.VIEWER, "/usage?by=person")])
def test_what_is_not_for_a_role_says_so_in_a_page(shown: Any, role: Role, path: str) -> None:
    with client(shown.url, cookie=f"precedent-session={shown.cookies[role]}") as http:
        answer = http.get(path, headers=HTML)
    assert answer.status_code == 403 and "This is not for you" in answer.text and "Overview" in answer.text


def test_somebody_elses_session_is_answered_like_one_that_is_not_there(shown: Any) -> None:
    with client(shown.url, cookie=f"precedent-session={shown.cookies[Role.MEMBER]}") as http:
        found = [http.get(f"/sessions/{name}", headers=HTML) for name in (shown.sessions[1], "nothing")]
        assert http.get(f"/sessions/{shown.sessions[0]}", headers=HTML).status_code == 200
    texts = {re.sub(r"<code>\w+</code>", "", each.text) for each in found}
    assert {each.status_code for each in found} == {404} and len(texts) == 1


def test_an_admins_look_at_somebody_elses_transcript_is_audited(shown: Any) -> None:
    with client(shown.url, cookie=f"precedent-session={shown.cookies[Role.ADMIN]}") as http:
        assert http.get(f"/sessions/{shown.sessions[0]}?person=ada", headers=HTML).status_code == 200
        found = http.get("/api/admin/audit", params={"principal": "grace"}).json()
    assert any(each["action"] == "read_transcript" for each in found["entries"])


@SQLITE
def test_one_makes_a_token_sees_it_once_and_revokes_it(app: App, browsers: Browsers) -> None:
    person(app, "bea", password=PASSWORD)

    async def look(page: Page, seen: Seen) -> list[str]:
        await page.goto("/account")
        await page.fill("input[name=name]", "laptop")
        await page.check("input[value=read]")
        await page.click("button:has-text('Make it')")
        secret = await page.inner_text("#secret")
        await page.goto("/account")
        assert secret not in await page.content()
        await page.click("button:has-text('Revoke')")
        assert "The token is void." in await page.inner_text("#toasts")
        return [secret, *(await wrong(page, seen, url))]

    with serving(app) as url:
        secret, *faults = browsers.visit(url, look, cookie=cookie_of(app, "bea"))
        with client(url, secret) as http:
            assert http.get("/api/me").status_code == 401
    assert [each for each in faults if not each.startswith("confirm")] == []
    assert app.tokens.listed("bea")[0].revoked_at is not None


@SQLITE
def test_one_withdraws_consent_for_a_purpose_and_for_a_project(app: App) -> None:
    person(app, "bea", password=PASSWORD)
    cookie = {"cookie": f"precedent-session={cookie_of(app, 'bea')}"}
    with anonymous(app) as (_, http):
        for project, allowed in (("", "no"), ("/code/harbour", "yes")):
            given = {"purpose": "server", "project": project, "allowed": allowed}
            assert http.post("/account/consent", data=given, headers=cookie | FORM).status_code == 303
        page = http.get("/account", headers=cookie | HTML).text
        bad = http.post("/account/consent", data={"purpose": "fame", "allowed": "no"}, headers=cookie | FORM)
    rules = {(each.purpose, each.project): each.allowed for each in app.wishes.of("bea")}
    assert rules["server", ""] is False and rules["server", "/code/harbour"] is True
    assert "/code/harbour" in page and bad.status_code == 400


@SQLITE
def test_one_changes_ones_password_with_the_old_one(app: App) -> None:
    person(app, "bea", password=PASSWORD)
    cookie = {"cookie": f"precedent-session={cookie_of(app, 'bea')}"}
    new = "a lantern on the far pier"
    with anonymous(app) as (_, http):
        for current, again, status in (("wrong", new, 400), (PASSWORD, "other", 400), (PASSWORD, new, 303)):
            given = {"current": current, "new": new, "again": again}
            assert http.post("/account/password", data=given, headers=cookie | FORM).status_code == status
        assert http.post("/login", data={"email": "bea", "password": new}, headers=FORM).status_code == 303


@SQLITE
def test_single_sign_on_is_offered_where_there_is_a_provider(make_app: MakeApp) -> None:
    app = make_app(oidc_issuer="https://idp.example", oidc_client_id="precedent")
    with anonymous(app) as (_, http):
        page = http.get("/login?next=/usage").text
    assert "/api/auth/oidc/login?to=/usage" in page and "Log in with single sign-on" in page
