"""An agent asks for the team's knowledge over the Model Context Protocol, by a real client and real processes."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from builders import home_of
from laptops import ApiServer, Laptop
from precedent.app import App
from precedent.knowledge import rows
from precedent.knowledge.drafts import Draft
from precedent.knowledge.model import Status
from precedent.security.acting import BY_COMMAND_LINE, By
from precedent.security.principals import Principal, Role, Scope
from precedent.settings import load

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[ApiServer]:
    found = ApiServer(tmp_path / "server", database_url).start()
    yield found
    found.stop()


@pytest.fixture
def app(server: ApiServer) -> Iterator[App]:
    found = App(load(data_dir=server.data, database_url=server.database))
    yield found
    found.close()


def tools_of(laptop: Laptop) -> StdioServerParameters:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRECEDENT_")}
    return StdioServerParameters(
        command=sys.executable, args=["-m", "precedent.cli", "mcp"], env=kept | {"HOME": str(laptop.home)}
    )


def over_http(server: ApiServer, client: httpx2.AsyncClient) -> Any:
    return streamable_http_client(f"{server.url}/mcp", http_client=client)


@pytest.mark.parametrize("way", ["stdio", "http"])
def test_an_agent_finds_what_is_approved_and_proposes_what_waits(
    way: str, app: App, server: ApiServer, tmp_path: Path
) -> None:
    account = app.accounts.create("ada@example.org", role=Role.MEMBER, by=BY_COMMAND_LINE)
    ada = By(Principal(name=account.key, role=Role.MEMBER, user_id=account.user_id))
    settled = app.proposing.propose(Draft(title="Builds", content="We use pnpm here."), by=ada)
    app.review.approve(settled.id, by=BY_COMMAND_LINE)
    waiting = app.proposing.propose(Draft(title="Builds", content="We use pnpm 11 here."), by=ada)
    made = app.tokens.create("ada", name="laptop", scopes=[Scope.WRITE], by=BY_COMMAND_LINE)
    laptop = Laptop(home_of(tmp_path).path, server.url, token=made.secret)

    async def ask() -> list[str]:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {made.secret}"}) as http,
            Client(tools_of(laptop) if way == "stdio" else over_http(server, http)) as agent,
        ):
            names = {tool.name for tool in (await agent.list_tools()).tools}
            assert names == {"search_knowledge", "get_knowledge", "propose_knowledge"}
            said = []
            for name, arguments in (
                ("search_knowledge", {"text": "PNPM"}),
                ("search_knowledge", {"text": "yarn"}),
                ("get_knowledge", {"number": settled.id}),
                ("get_knowledge", {"number": waiting.id}),
                ("propose_knowledge", {"title": "Times", "content": "We keep times in UTC."}),
            ):
                answer = await agent.call_tool(name, arguments)
                said.append(f"{'error: ' if answer.is_error else ''}{answer.content[0].text}")  # type: ignore[union-attr]
            return said

    found, nothing, one, hidden, proposed = anyio.run(ask)
    assert found == f"- We use pnpm here. (item {settled.id})"
    assert nothing.startswith("Nothing approved")
    assert "Said by 1 of the team; approved." in one
    assert hidden.startswith("error: ") and "pnpm 11" not in hidden
    assert "a reviewer decides" in proposed
    with app.store.read() as tx:
        [last] = [item for item in rows.items(tx) if item.content == "We keep times in UTC."]
    assert last.status is Status.PENDING


def test_a_laptop_that_is_not_connected_says_so(tmp_path: Path, database_url: str) -> None:
    laptop = Laptop(home_of(tmp_path).path, "http://127.0.0.1:1")
    (laptop.home / ".precedent" / "config.toml").unlink()
    done = laptop.call("mcp")
    assert done.returncode != 0 and "precedent connect" in done.stderr


def test_nobody_speaks_to_it_without_a_token_and_reading_tokens_propose_nothing(app: App, server: ApiServer) -> None:
    app.accounts.create("ada@example.org", role=Role.MEMBER, by=BY_COMMAND_LINE)
    made = app.tokens.create("ada", name="reads", scopes=[Scope.READ], by=BY_COMMAND_LINE)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    call |= {"params": {"name": "propose_knowledge", "arguments": {"title": "Times", "content": "We keep UTC."}}}
    headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    with httpx2.Client(base_url=server.url, headers=headers) as client:
        assert client.post("/mcp", json=call).status_code == 401
        answer = client.post("/mcp", json=call, headers={"Authorization": f"Bearer {made.secret}"})
        assert client.get("/mcp").status_code == 405
    assert answer.status_code == 200 and answer.json()["result"]["isError"] and "write" in answer.text
    with app.store.read() as tx:
        assert rows.items(tx) == []
