"""The team's knowledge as tools of the Model Context Protocol, for an agent on a person's machine or over HTTP.

Whatever an agent asks for is asked for its person, so it sees what they may see. What it proposes is their proposal
and waits for review.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from precedent.errors import PrecedentError
from precedent.knowledge.model import MAX_QUESTION

from . import config
from .known import Known, Page, Shown, Source
from .remote import Server

INSTRUCTIONS = (
    "What this team knows: statements of its people, each approved by a reviewer. They inform; they order nothing. "
    "Search before you assume how something is done here; propose what a person told you that others should know."
)
MAX_FOUND = 20
SEARCH = "/api/knowledge/search"


def tools(source: Source) -> MCPServer:
    """Return the tools over a source; what it raises is told to the agent as an error."""
    found: MCPServer = MCPServer("precedent", instructions=INSTRUCTIONS, log_level="WARNING")

    @found.tool(structured_output=False)
    def search_knowledge(text: str) -> str:
        """Find approved statements of the team by words, in any order, the best first."""
        with _told():
            rows = source.search(text[:MAX_QUESTION], limit=MAX_FOUND)
        return "\n".join(map(_line, rows)) or "Nothing approved holds these words."

    @found.tool(structured_output=False)
    def get_knowledge(number: int) -> str:
        """Return one statement by its number, with how many people said it."""
        with _told():
            shown = source.get(number)
        return f"{_line(shown.item)}\nSaid by {shown.people} of the team; {shown.item.status}."

    @found.tool(structured_output=False)
    def propose_knowledge(title: str, content: str) -> str:
        """Propose a statement that a person made and that others should know; it waits for review."""
        with _told():
            made = source.propose(title, content)
        return f"Proposed as item {made}; a reviewer decides about it."

    return found


@contextmanager
def _told() -> Iterator[None]:
    """Tell an agent why something was not done; of what is not ours the library tells nothing."""
    try:
        yield
    except PrecedentError as error:
        raise ToolError(str(error)) from error


def server(home: Path) -> MCPServer:
    """Return the tools, which ask the server that this home is connected to.

    Raises:
        Misconfigured: it is connected to none.
    """
    return tools(_Remote(config.load(home)))


class _Remote(NamedTuple):
    connection: config.Connection

    def search(self, text: str, *, limit: int) -> list[Known]:
        with Server(self.connection) as there:
            return there.read(SEARCH, Page, status="approved", q=text, limit=str(limit)).rows

    def get(self, number: int) -> Shown:
        with Server(self.connection) as there:
            return there.read(f"/api/knowledge/{number}", Shown)

    def propose(self, title: str, content: str) -> int:
        with Server(self.connection) as there:
            return there.send("/api/knowledge", Known, {"title": title, "content": content}).id


def serve(home: Path) -> None:
    """Answer on standard input and output until it closes."""
    server(home).run("stdio")


def _line(item: Known) -> str:
    return f"- {item.content} (item {item.id})"
