"""Demo data comes with one click, says that it is such, is made by a worker, and goes with one click."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from browsers import cookie_of, served
from callers import ORIGIN, client, person
from conftest import MakeApp
from places import until
from precedent.clock import Clock
from precedent.security.principals import Role

FORM = {"accept": "text/html"} | ORIGIN


@contextmanager
def working(folder: Path) -> Iterator[None]:
    """Run a worker on a data folder while the block runs; the home it collects from is empty."""
    command = [sys.executable, "-W", "error", "-m", "precedent.cli", "--data-dir", str(folder), "worker"]
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(command, env={**os.environ, "HOME": str(folder / "nobody")}, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.timeout(180)
def test_demo_data_comes_is_named_so_and_goes(make_app: MakeApp) -> None:
    app = make_app(clock=Clock())
    person(app, "root", Role.ADMIN)
    person(app, "mia", Role.MEMBER)
    folder = app.settings.data_dir
    cookie, other = (f"precedent-session={cookie_of(app, key)}" for key in ("root", "mia"))
    with served(folder) as url, working(folder), client(url, cookie=cookie) as http, client(url, cookie=other) as mias:

        def page(path: str = "/") -> str:
            answer: httpx.Response = http.get(path, headers=FORM)
            assert answer.status_code == 200
            return answer.text

        assert "Show demo data" in page()
        assert mias.post("/demo", headers=FORM).status_code == 403
        assert http.post("/demo", headers=FORM).status_code == 303
        until(lambda: "demo-grace" in page(), what="the sessions of the demo data are shown")
        until(lambda: "demo-ada" in page("/usage?by=person&since=2026-01-01"), what="they are counted")
        assert "Remove demo data" in page() and "Show demo data" not in page()
        assert http.post("/demo", headers=FORM).status_code == 409
        ended = http.post("/demo/end", headers=FORM)
        assert ended.status_code == 303, ended.text
        assert app.demo_homes() == [] and "demo-grace" not in page()
        assert "Show demo data" not in page()  # nothing is collected again of whoever was erased
        assert http.post("/demo", headers=FORM).status_code == 409
        assert http.post("/demo/end", headers=FORM).status_code == 303  # nothing is there, nothing happens
