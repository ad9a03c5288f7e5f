"""What approved statements changed, as the first page, the list and the item tell it."""

import re
from pathlib import Path

import httpx
import pytest

from browsers import PASSWORD, cookie_of
from builders import ManualTime
from callers import client, person, serving
from conftest import MakeApp
from learning_team import Harbour
from precedent.security.principals import Role

HTML = {"accept": "text/html"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_has_to_be_said_less_often_is_told_where_people_look(
    make_app: MakeApp, manual_time: ManualTime, tmp_path: Path
) -> None:
    app = make_app()
    harbour = Harbour(app, manual_time, tmp_path)
    person(app, "vera", Role.VIEWER, password=PASSWORD)
    with serving(app) as url:

        def get(path: str) -> httpx.Response:
            with client(url, cookie=f"precedent-session={cookie_of(app, 'vera')}") as http:
                return http.get(path, headers=HTML)

        def page(path: str) -> str:
            return get(path).raise_for_status().text

        assert "Nothing is approved yet" in page("/learned")
        item = harbour.learns()
        listed = page("/learned")
        sentence = "Said less often: said again 4 times in 19 sessions before agents were given it, once in 64 sessions"
        assert sentence in listed and f'href="/knowledge/{item.id}"' in listed
        assert re.search(r"<circle[^>]*>", listed) and 'class="delivered"' in listed
        assert sentence in page(f"/knowledge/{item.id}") and "What it changed" in page(f"/knowledge/{item.id}")
        assert "Since agents are told: 1 statement said less often" in page("/")
        assert "None of this kind" in page("/learned?verdict=more")
        assert get("/learned?verdict=odd").status_code == 422
