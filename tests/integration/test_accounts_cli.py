"""Accounts, tokens and teams on the command line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from precedent.app import App
from precedent.cli import cli
from precedent.errors import Terminal
from precedent.security.secret_text import is_token
from precedent.settings import load


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run(folder: Path, *arguments: str, stdin: str = "", **environment: str) -> Done:
    """Run a command in this process; a fault of ours has the code that the program gives it."""
    done = CliRunner().invoke(cli, ["--data-dir", str(folder), *arguments], input=stdin, env=environment)
    if isinstance(done.exception, Terminal):
        return Done(2, done.stdout, str(done.exception))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def test_the_first_admin_has_a_link_a_password_and_a_token(tmp_path: Path) -> None:
    made = run(
        tmp_path, "admin", "create", "ada@example.com", "--name", "Ada", PRECEDENT_PUBLIC_URL="https://p.example"
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("https://p.example/password#") and len(made.stdout.strip()) == 27 + 43
    assert run(tmp_path, "admin", "create", "ada@example.com").returncode == 2
    assert run(tmp_path, "accounts", "set-password", "ada", "--stdin", stdin="short\n").returncode == 2
    assert run(tmp_path, "accounts", "set-password", "ada", "--stdin", stdin="quiet harbour at dawn\n").returncode == 0
    assert run(tmp_path, "accounts", "set-password", "ada").returncode == 2  # no terminal
    minted = run(tmp_path, "token", "create", "laptop", "--scope", "upload", "--scope", "read", "--days", "30")
    assert minted.returncode == 0 and is_token(minted.stdout.strip())
    (shown,) = json.loads(run(tmp_path, "token", "list", "--json").stdout)
    assert (shown["user"], shown["scopes"], shown["revoked_at"]) == ("ada", ["read", "upload"], None)
    assert minted.stdout.strip() not in json.dumps(shown)
    assert run(tmp_path, "token", "revoke", str(shown["id"])).returncode == 0
    assert "revoked" in run(tmp_path, "token", "list").stdout
    for wrong in (("--scope", "login"), ("--scope", "all"), ("--days", "366"), ("--user", "nobody")):
        assert run(tmp_path, "token", "create", "x", *wrong).returncode == 2


def test_accounts_and_teams_are_managed(tmp_path: Path) -> None:
    for arguments in (
        ("admin", "create", "ada@example.com"),
        ("accounts", "invite", "bea@example.com", "--role", "viewer", "--key", "beatrice"),
        ("accounts", "set-role", "bea@example.com", "reviewer"),
        ("accounts", "reset-password", "beatrice"),
        ("accounts", "deactivate", "beatrice"),
        ("accounts", "activate", "beatrice"),
        ("teams", "create", "harbour"),
        ("teams", "add", "harbour", "beatrice"),
        ("teams", "add", "harbour", "ada"),
        ("teams", "remove", "harbour", "ada"),
    ):
        done = run(tmp_path, *arguments)
        assert done.returncode == 0, (arguments, done.stderr)
    (ada, bea) = json.loads(run(tmp_path, "accounts", "list", "--json").stdout)
    assert (ada["key"], ada["role"], bea["key"], bea["role"], bea["active"]) == (
        "ada", "admin", "beatrice", "reviewer", True,
    )  # fmt: skip
    (team,) = json.loads(run(tmp_path, "teams", "list", "--json").stdout)
    assert (team["name"], team["members"]) == ("harbour", ["beatrice"])
    assert "beatrice" in run(tmp_path, "accounts", "list").stdout
    for wrong in (
        ("accounts", "set-role", "ada", "scheduler"),
        ("accounts", "set-role", "ada", "member"),  # the last admin
        ("accounts", "deactivate", "nobody"),
        ("accounts", "reset-password", "nobody"),
        ("teams", "add", "harbour", "nobody"),
        ("teams", "delete", "nothing"),
        ("token", "create", "x"),  # whose?
    ):
        assert run(tmp_path, *wrong).returncode == 2, wrong
    assert run(tmp_path, "teams", "delete", "harbour").returncode == 0
    app = App(load(data_dir=tmp_path))
    try:
        assert app.teams.listed() == []
    finally:
        app.close()


@pytest.mark.parametrize("command", [("run", "usage"), ("status",), ("token", "list")])
def test_ordinary_commands_load_nothing_of_logins(tmp_path: Path, command: tuple[str, ...]) -> None:
    code = (
        "import sys; from precedent.cli import cli\n"
        f"try: cli(['--data-dir', {str(tmp_path)!r}, *{command!r}])\n"
        "except SystemExit: pass\n"
        "heavy = ('argon2', 'authlib', 'joserfc', 'httpx', 'fastapi', 'uvicorn')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
