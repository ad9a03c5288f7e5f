"""The overview and the login: what the team learned this week, and how one logs in where there is single sign-on."""

import re

import pytest

from browsers import cookie_of
from builders import ManualTime
from callers import client, person, serving
from conftest import MakeApp
from oidc_provider import CLIENT, SECRET, provider
from precedent.clock import SECOND
from precedent.knowledge.drafts import Draft
from precedent.security.acting import By
from precedent.security.principals import Principal, Role

HTML = {"accept": "text/html"}
DAY_S = 86_400


def learned(page: str) -> tuple[list[str], str]:
    """Return the titles under what was learned this week, and the tile's number."""
    card = re.search(r"<h2>Learned this week</h2>.*?</section>", page, re.DOTALL)
    tile = re.search(r'Learned this week</span><span class="value ">([^<]+)<', page)
    assert card and tile
    return re.findall(r"<li><span>(?:<a[^>]*>)?([^<]+)", card.group()), tile.group(1)


def test_the_overview_says_what_was_learned_this_week(make_app: MakeApp, manual_time: ManualTime) -> None:
    app = make_app()
    rita = By(Principal(name=person(app, "rita", Role.REVIEWER), role=Role.REVIEWER, user_id=1))
    for key, role in (("vera", Role.VIEWER), ("ada", Role.MEMBER)):
        person(app, key, role)

    def learn(title: str) -> None:
        made = app.proposing.propose(Draft(title=title, content=f"{title}."), by=rita)
        app.review.approve(made.id, by=rita)

    learn("Berths have numbers")
    manual_time.advance(8 * DAY_S)
    learn("Quays have names <b>")
    app.proposing.propose(Draft(title="Nobody agreed", content="Nobody agreed to this."), by=rita)
    with serving(app) as url:

        def page(key: str) -> str:
            with client(url, cookie=f"precedent-session={cookie_of(app, key)}") as http:
                return http.get("/", headers=HTML).text

        for key in ("vera", "ada"):
            assert learned(page(key)) == (["Quays have names &lt;b&gt;"], "1")
            assert "2 approved in all" in page(key)
        manual_time.advance(8 * DAY_S)
        assert learned(page("ada")) == ([], "0")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_login_offers_single_sign_on_where_there_is_any_and_leads_on(
    make_app: MakeApp, manual_time: ManualTime
) -> None:
    with provider(lambda: manual_time.clock.now() // SECOND) as idp:
        app = make_app(oidc_issuer=idp.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET)
        person(app, "ada")
        with serving(app) as url, client(url) as http:
            page = http.get("/login", params={"next": "/usage?by=tool&agent=codex"}, headers=HTML).text
            found = re.search(r'href="(/api/auth/oidc/login[^"]*)"', page)
            assert found
            begun = http.get(found.group(1).replace("&amp;", "&"))
            assert begun.status_code == 302
            back = http.get("/api/auth/oidc/callback", params=idp.log_in(begun.headers["location"]))
            assert (back.status_code, back.headers["location"]) == (303, "/usage?by=tool&agent=codex")
    with serving(make_app()) as url, client(url) as http:
        assert "oidc" not in http.get("/login", headers=HTML).text
