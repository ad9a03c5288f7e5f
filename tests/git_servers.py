"""A git server on loopback, as dulwich serves it over HTTP, and repositories with plugins."""

import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain

Files = dict[str, str | bytes]


def plugin(name: str = "tides", *, text: str = "Read the tide table first.", hook: str = "") -> Files:
    """Return the files of a marketplace with one plugin: a skill, an agent, a command and, if wanted, a hook."""
    listed = {"name": "harbour", "owner": {"name": "Ada"}, "plugins": [{"name": name, "source": f"./plugins/{name}"}]}
    files: Files = {
        ".claude-plugin/marketplace.json": json.dumps(listed),
        f"plugins/{name}/.claude-plugin/plugin.json": json.dumps(
            {"name": name, "version": "1.0.0", "description": f"All about {name}", "author": {"name": "Ada"}}
        ),
        f"plugins/{name}/skills/reading/SKILL.md": f"---\nname: reading\ndescription: Reads tables\n---\n{text}\n",
        f"plugins/{name}/agents/pilot.md": "---\nname: pilot\ndescription: >\n  Steers\n  ships\n---\nSteer.\n",
        f"plugins/{name}/commands/moor.md": "---\ndescription: 'Moors a ship'\n---\nMoor it.\n",
        f"plugins/{name}/.mcp.json": json.dumps({"mcpServers": {"gauge": {"command": "gauge", "args": ["-p", "7"]}}}),
    }
    if hook:
        hooks = {"hooks": {"PostToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": hook}]}]}}
        files[f"plugins/{name}/hooks/hooks.json"] = json.dumps(hooks)
    return files


class GitServer:
    """Serves bare repositories; remembers who asked for what, and may ask for a login or answer something else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._repositories: dict[str, Any] = {}
        self.password = ""
        self.answer: Callable[[dict[str, Any], Any], Iterable[bytes] | None] = lambda _environ, _start: None
        self.asked: list[str] = []
        self.url = ""

    def commit(
        self, name: str, files: Files, *, branch: str = "main", entries: list[tuple[bytes, int, bytes]] | None = None
    ) -> str:
        """Commit files, all there are, and return the commit's id; `entries` are put into the root as they are."""
        repository = self._repository(name)
        store: Any = repository.object_store
        ref: Any = f"refs/heads/{branch}".encode()
        commit: Any = Commit()
        commit.tree = _tree(store, files, entries or [])
        commit.parents = [repository.refs[ref]] if ref in repository.refs else []
        commit.author = commit.committer = b"Ada <ada@example.com>"
        commit.author_time = commit.commit_time = 1_767_225_600 + len(commit.parents)
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = b"A change"
        store.add_object(commit)
        repository.refs[ref] = commit.id
        return str(commit.id.decode())

    def store(self, name: str) -> Any:
        """Return the objects of a repository, to put into it what no commit has."""
        return self._repository(name).object_store

    def _repository(self, name: str) -> Any:
        found: Any = self._repositories.get(f"/{name}")
        if found is None:
            found = Repo.init_bare(str(self._folder / name), mkdir=True)
            found.refs.set_symbolic_ref(b"HEAD", b"refs/heads/main")
            self._repositories[f"/{name}"] = found
        return found

    @contextmanager
    def serving(self) -> Iterator["GitServer"]:
        chain: Any = make_wsgi_chain(DictBackend(self._repositories))

        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}")
            wanted = "Basic " + base64.b64encode(f"x-access-token:{self.password}".encode()).decode()
            if self.password and environ.get("HTTP_AUTHORIZATION", "") != wanted:
                start_response("401 Unauthorized", [("WWW-Authenticate", "Basic"), ("Content-Length", "0")])
                return [b""]
            found = self.answer(environ, start_response)
            return chain(environ, start_response) if found is None else found

        class Handler(WSGIRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingMixIn, WSGIServer):
            daemon_threads, block_on_close = True, False

        server = make_server("127.0.0.1", 0, application, Server, Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.url = f"http://localhost:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            for each in self._repositories.values():
                each.close()


def _tree(store: Any, files: Files, entries: list[tuple[bytes, int, bytes]]) -> bytes:
    tree: Any = Tree()
    folders = dict[str, Files]()
    for path, data in files.items():
        first, _, rest = path.partition("/")
        if rest:
            folders.setdefault(first, {})[rest] = data
            continue
        blob = Blob.from_string(data.encode() if isinstance(data, str) else data)
        store.add_object(blob)
        tree.add(first.encode(), 0o100644, blob.id)
    for folder, below in folders.items():
        tree.add(folder.encode(), 0o040000, _tree(store, below, []))
    if entries:
        raw = tree.as_raw_string()
        for name, mode, number in entries:
            raw += b"%o %s\0" % (mode, name) + bytes.fromhex(number.decode())
        tree = Tree.from_string(raw)
    store.add_object(tree)
    return bytes(tree.id)
