"""Approved knowledge reaches the files that agents read, and what is revoked leaves them, by real processes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import home_of, put
from laptops import ApiServer, Laptop
from precedent.app import App
from precedent.client import pulling
from precedent.client.rules_files import AGENTS, Target, written
from precedent.errors import BadInput
from precedent.knowledge.bundle import STALE_AFTER_S
from precedent.knowledge.drafts import Draft
from precedent.knowledge.marker import BEGIN, END, hidden, wrap
from precedent.security.acting import BY_COMMAND_LINE, By
from precedent.security.principals import Principal, Role, Scope
from precedent.settings import load
from precedent.testing import AGENTS as BUILDERS
from precedent.testing import Pipeline

WORDS = "We use pnpm here."


class Team:
    """A server and the program on its data."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.app = App(load(data_dir=server.data, database_url=server.database))
        account = self.app.accounts.create("ada@example.org", role=Role.MEMBER, by=BY_COMMAND_LINE)
        self.ada = By(Principal(name=account.key, role=Role.MEMBER, user_id=account.user_id))
        made = self.app.tokens.create("ada", name="laptop", scopes=[Scope.UPLOAD, Scope.READ], by=BY_COMMAND_LINE)
        self.token = made.secret

    def approved(self, content: str, *, mandatory: bool = False) -> int:
        item = self.app.proposing.propose(Draft(title=content[:100], content=content), by=self.ada)
        self.app.review.approve(item.id, by=BY_COMMAND_LINE)
        if mandatory:
            self.app.review.mandate(item.id, by=BY_COMMAND_LINE)
        return item.id

    def revoke(self, number: int) -> None:
        self.app.review.revoke(number, by=BY_COMMAND_LINE)


@pytest.fixture
def team(tmp_path: Path, database_url: str) -> Iterator[Team]:
    data = tmp_path / "server"
    server = ApiServer(data, database_url).start()
    found = Team(server)
    yield found
    found.app.close()
    server.stop()


@pytest.fixture
def laptop(team: Team, tmp_path: Path) -> Laptop:
    return Laptop(home_of(tmp_path).path, team.server.url, token=team.token)


sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def pull(laptop: Laptop, *arguments: str) -> dict[str, Any]:
    done = laptop.call("pull", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_is_approved_arrives_and_what_is_revoked_leaves_even_the_last(team: Team, laptop: Laptop) -> None:
    rules = laptop.home / ".claude" / "rules" / "precedent.md"
    one, must = team.approved(WORDS), team.approved("We keep times in UTC.", mandatory=True)
    assert pull(laptop, "--agent", "claude-code")["items"] == 2
    text = rules.read_text()
    assert text.index("We keep times in UTC.") < text.index(WORDS), "mandatory ones come first"
    assert "said by one person, most recently" in text and text.startswith(BEGIN) and text.endswith(f"{END}\n")
    team.revoke(must)
    pull(laptop, "--agent", "claude-code")
    assert "UTC" not in rules.read_text() and WORDS in rules.read_text()
    team.revoke(one)
    assert pull(laptop, "--agent", "claude-code")["files_changed"] == [str(rules)]
    assert not rules.exists()


@sqlite_only
def test_the_persons_own_rules_stay_byte_for_byte(team: Team, laptop: Laptop) -> None:
    own = "# Mine\r\n\r\nTabs.\n"
    path = put(laptop.home / ".codex" / "AGENTS.md", own.encode())
    number = team.approved(WORDS)
    pull(laptop, "--agent", "codex")
    assert path.read_bytes().decode().startswith(own) and WORDS in path.read_text()
    team.revoke(number)
    pull(laptop, "--agent", "codex")
    assert path.read_bytes() == own.encode()


@sqlite_only
def test_every_agent_gets_its_file_in_a_project_and_a_dry_run_writes_none(
    team: Team, laptop: Laptop, tmp_path: Path
) -> None:
    team.approved(WORDS)
    chosen = [word for agent in AGENTS for word in ("--agent", agent)]
    shown = laptop.call("pull", "--into", str(tmp_path / "repo"), "--dry-run", *chosen)
    assert WORDS in shown.stdout and not (tmp_path / "repo").exists()
    pull(laptop, "--into", str(tmp_path / "repo"), *chosen)
    there = {str(path.relative_to(tmp_path / "repo")) for path in (tmp_path / "repo").rglob("*") if path.is_file()}
    assert there == {".claude/rules/precedent.md", "AGENTS.md", ".github/copilot-instructions.md", "GEMINI.md"}
    assert set(BUILDERS) == set(AGENTS)


@sqlite_only
def test_connecting_an_agent_brings_knowledge_and_disconnecting_takes_it_out(team: Team, laptop: Laptop) -> None:
    team.approved(WORDS)
    refused = laptop.call("pull")
    assert refused.returncode != 0 and "precedent connect" in refused.stderr
    assert laptop.call("connect", "codex").returncode == 0
    assert pull(laptop)["items"] == 1
    assert WORDS in (laptop.home / ".codex" / "AGENTS.md").read_text()
    assert laptop.call("disconnect", "codex").returncode == 0
    assert not (laptop.home / ".codex" / "AGENTS.md").exists()


@sqlite_only
def test_the_push_after_a_session_pulls_as_well(team: Team, laptop: Laptop) -> None:
    team.approved(WORDS)
    laptop.call("connect", "codex")
    assert laptop.call("push", "--quiet", "--linger").returncode == 0
    assert WORDS in (laptop.home / ".codex" / "AGENTS.md").read_text()


@sqlite_only
def test_without_a_server_what_is_there_stays_until_it_is_stale(team: Team, laptop: Laptop) -> None:
    team.approved(WORDS)
    pull(laptop, "--agent", "codex")
    path = laptop.home / ".codex" / "AGENTS.md"
    team.server.stop()
    done = laptop.call("pull", "--agent", "codex")
    assert done.returncode != 0 and WORDS in path.read_text()
    kept = laptop.home / ".precedent" / "pull" / "last.json"
    last = json.loads(kept.read_text())
    kept.write_text(json.dumps(last | {"stale_after": last["stale_after"] - STALE_AFTER_S * 1_000_000 - 10**9}))
    assert pull(laptop, "--agent", "codex")["stale"] is True
    assert not path.exists()


@sqlite_only
def test_a_token_that_may_only_upload_is_told_what_it_lacks(team: Team, laptop: Laptop) -> None:
    made = team.app.tokens.create("ada", name="old", scopes=[Scope.UPLOAD], by=BY_COMMAND_LINE)
    other = Laptop(laptop.home, team.server.url, token=made.secret)
    done = other.call("pull", "--agent", "codex")
    assert done.returncode != 0 and "`read`" in done.stderr


@pytest.mark.parametrize("text", [f"mine {BEGIN} cut", f"{END} and {BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_file_with_broken_marks_is_left_alone(text: str, tmp_path: Path) -> None:
    path = put(tmp_path / "AGENTS.md", text.encode())
    with pytest.raises(BadInput, match="not whole"):
        written(Target(path, own=False), wrap("x"))
    assert path.read_text() == text


def test_a_file_that_is_not_ours_is_not_overwritten(tmp_path: Path) -> None:
    path = put(tmp_path / "precedent.md", b"by hand")
    with pytest.raises(BadInput, match="left alone"):
        written(Target(path, own=True), wrap("x"))


def test_a_bundle_whose_words_are_not_those_approved_is_refused() -> None:
    item = pulling.Item(id=1, hash="0" * 64, title="a", content="b")
    with pytest.raises(BadInput, match="not what was approved"):
        pulling.checked(pulling.Pulled(revision=1, items=[item], stale_after=0, text="b"))


@pytest.mark.parametrize("agent", BUILDERS)
def test_our_own_text_read_back_is_nobodys_statement(agent: str) -> None:
    ours = wrap("- No, we use pnpm in this repo, not npm. We always deploy on Tuesdays.")
    with Pipeline("precedent.processors.verification:PROCESSOR") as pipeline:
        session = BUILDERS[agent](agent).prompt("go").reply("I ran npm install.")
        pipeline.put(
            session.prompt(f"{ours}\nwe keep all times in UTC here").reply(ours).prompt(f"look: {BEGIN} we never test")
        )
        assert pipeline.run().errors == 0
        found = [row["quote"] for row in pipeline.rows("knowledge_evidence")]
    assert found == ["we keep all times in UTC here"]


def test_hiding_our_text_moves_nothing() -> None:
    text = f"before\n{wrap('ours')}after"
    assert len(hidden(text)) == len(text) and hidden(text).split() == ["before", "after"]
    assert wrap(f"a {END} b").count(END) == 1
