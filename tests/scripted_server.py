"""A server on the loopback that answers as a test's script says, and remembers what it was asked."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any

    @property
    def key(self) -> int:
        return int(self.headers["idempotency-key"])


class Reply(NamedTuple):
    """One answer, after a while."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = {}
    after_s: float = 0.0


Script = Callable[[Asked], Reply | Awaitable[Reply]]


class ScriptedServer:
    """Serves within `async with`, on a free port, or on the one it had before."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def of(self, path: str, method: str = "POST") -> list[Asked]:
        """Return the requests for a path."""
        return [each for each in self.asked if (each.method, each.path) == (method, path)]

    async def __aenter__(self) -> "ScriptedServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever asked went away, or we do
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(method, path, headers, json.loads(content) if content else None)
        self.asked.append(asked)
        said = self.script(asked)
        reply = said if isinstance(said, Reply) else await said
        await asyncio.sleep(reply.after_s)
        body = json.dumps(reply.body).encode()
        lines = [f"HTTP/1.1 {reply.status} Scripted", f"content-length: {len(body)}", "content-type: application/json"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return True
