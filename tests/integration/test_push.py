"""`precedent push` as real processes against a real server: nothing lost, nothing doubled, nothing private."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from builders import (
    claude_path,
    claude_prompt,
    claude_session,
    claude_turn,
    codex_path,
    codex_session,
    grow,
    home_of,
    put,
    session_id,
)
from laptops import ApiServer, Laptop
from more_builders import opencode_document
from opencode_stores import SECRET, Database
from precedent.app import App
from precedent.archive.sources import Home
from precedent.client import hook
from precedent.client.pushing import push_until_done
from precedent.errors import Transient
from precedent.knowledge.notes.model import MAX_BODY_BYTES, MAX_NOTE_BYTES, MAX_NOTES
from precedent.settings import load
from precedent.testing import ClaudeCode

KEY = "ghp_" + "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"
S = session_id("pushed")
NUMBERS = count(1)
LIMIT_S = 40.0


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ApiServer]]:
    found: dict[str, ApiServer] = {}
    yield found
    for each in found.values():
        each.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, servers: dict[str, ApiServer]
) -> ApiServer:
    kind = request.param
    if kind not in servers:
        data = tmp_path_factory.mktemp(kind) / "data"
        url = f"sqlite:///{data / 'precedent.db'}"
        servers[kind] = ApiServer(data, url if kind == "sqlite" else request.getfixturevalue("postgres_url")()).start()
    servers[kind].share(f"-{next(NUMBERS)}")
    return servers[kind]


sqlite_only = pytest.mark.parametrize("server", ["sqlite"], indirect=True)


@pytest.fixture
def laptop(server: ApiServer, tmp_path: Path) -> Laptop:
    return Laptop(home_of(tmp_path).path, server.url, token=server.token("member-ada"))


def until(condition: Callable[[], bool], *, what: str) -> None:
    ends = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > ends:
            pytest.fail(f"not within {LIMIT_S} s: {what}")
        time.sleep(0.05)


# What is new --------------------------------------------------------------------------------------------------------


def test_what_is_new_is_sent_once_and_what_grows_is_appended(server: ApiServer, laptop: Laptop) -> None:
    path = put(claude_path(laptop.home, S), claude_session(S, 2))
    put(codex_path(laptop.home, session_id("c")), codex_session(session_id("c"), 2))
    assert laptop.push()["transcripts_sent"] == 2
    first = server.archived()
    assert sorted(first.values()) == sorted([claude_session(S, 2), codex_session(session_id("c"), 2)])
    again = laptop.push()
    assert (again["transcripts_sent"], again["transcripts_unchanged"]) == (0, 2)
    grow(path, claude_turn(S, 2) + b'{"type":"us')
    grown = laptop.push()
    assert grown["bytes_sent"] == len(claude_turn(S, 2)), "neither what was there nor the torn line"
    assert server.archived()[f"ada/{S}.jsonl"] == claude_session(S, 3)
    assert [row["generation"] for row in server.transcripts()] == [0, 0]


@sqlite_only
def test_a_laptop_that_forgot_everything_asks_the_server_and_goes_on(server: ApiServer, laptop: Laptop) -> None:
    path = put(claude_path(laptop.home, S), claude_prompt(f"key {KEY}", session=S) + claude_session(S, 200))
    laptop.push()
    (laptop.home / ".precedent/push/pushed.db").unlink()
    assert laptop.push()["bytes_sent"] == 0
    (laptop.home / ".precedent/push/pushed.db").unlink()
    grow(path, claude_turn(S, 300))
    assert laptop.push()["bytes_sent"] == len(claude_turn(S, 300))
    [row] = server.transcripts()
    assert row["generation"] == 0


@sqlite_only
@pytest.mark.parametrize("change", ["rewritten", "shrunk", "replaced"])
def test_a_source_that_did_not_only_grow_is_sent_anew(change: str, server: ApiServer, laptop: Laptop) -> None:
    path = put(claude_path(laptop.home, S), claude_session(S, 3))
    laptop.push()
    new = {
        "rewritten": claude_session(S, 3, first=1),
        "shrunk": claude_session(S, 1),
        "replaced": claude_session(S, 2) + claude_turn(S, 8) * 3,
    }[change]
    put(path, new)
    laptop.push()
    [row] = server.transcripts()
    assert (row["generation"], server.content(row)) == (1, new)


@sqlite_only
def test_a_large_transcript_goes_in_parts(server: ApiServer, laptop: Laptop) -> None:
    body = claude_session(S, 8000)
    assert len(body) > 18 << 20
    put(claude_path(laptop.home, S), body)
    assert laptop.push()["bytes_sent"] == len(body)
    assert server.archived() == {f"ada/{S}.jsonl": body}


@sqlite_only
def test_a_sub_agents_transcript_names_its_parent_and_type(server: ApiServer, laptop: Laptop) -> None:
    path = put(claude_path(laptop.home, S, agent="a1"), claude_session(S, 1, agent="a1"))
    put(path.with_name("agent-a1.meta.json"), b'{"agentType":"explorer"}')
    laptop.push()
    [row] = server.transcripts()
    assert (row["native_id"], row["agent_id"], row["parent_id"], row["agent_type"]) == (S, "a1", S, "explorer")


@sqlite_only
def test_a_stored_session_is_rendered_as_the_collector_does_and_goes_on(
    server: ApiServer, laptop: Laptop, tmp_path: Path
) -> None:
    database = Database(laptop.home)
    session: dict[str, Any] = json.loads(opencode_document())
    database.put({**session, "messages": session["messages"][:2]})
    laptop.push()
    laptop.push()  # what was still being written is taken when it rests
    database.put(session)
    laptop.push()
    laptop.push()
    [uploaded] = server.archived().values()
    collecting = App(load(data_dir=tmp_path / "collecting"))
    for _ in range(2):
        collecting.collect([Home(laptop.home, "ada")])
    [path] = (collecting.archive.root / "ada").glob("*.jsonl")
    assert uploaded == path.read_bytes() and SECRET.encode() not in uploaded
    assert [row["agent"] for row in server.transcripts()] == ["opencode"]
    collecting.close()
    database.close()


# Two laptops --------------------------------------------------------------------------------------------------------


def test_two_laptops_with_one_session_make_one_transcript_or_two_and_lose_nothing(
    server: ApiServer, laptop: Laptop, tmp_path: Path
) -> None:
    other = Laptop(home_of(tmp_path, "other").path, server.url, token=server.token("member-ada"), device="two")
    first, second = claude_path(laptop.home, S), claude_path(other.home, S)
    put(first, claude_session(S, 3))
    put(second, claude_session(S, 2))
    laptop.push()
    assert other.push()["bytes_sent"] == 0, "the server has more of the same"
    grow(second, claude_turn(S, 2) + claude_turn(S, 3))
    assert other.push()["bytes_sent"] == len(claude_turn(S, 3))
    assert server.archived() == {f"ada/{S}.jsonl": claude_session(S, 4)}
    grow(first, claude_turn(S, 9))  # from here on they differ
    laptop.push()
    assert sorted(server.archived().values()) == sorted([claude_session(S, 4), first.read_bytes()])
    for turn in (10, 11):
        for each, path in ((laptop, first), (other, second)):
            grow(path, claude_turn(S, turn))
            assert each.push()["bytes_sent"] == len(claude_turn(S, turn)), "nobody sends anything anew"
    assert sorted(server.archived().values()) == sorted([first.read_bytes(), second.read_bytes()])


# Privacy and secrets ------------------------------------------------------------------------------------------------


class Wire:
    """Stands between a laptop and its server and keeps what passes."""

    def __init__(self, server: ApiServer) -> None:
        self.seen: list[bytes] = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                wire.seen.append(self.path.encode() + b"\n" + _unpacked(body))
                headers = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "content-length"}}
                with server.client() as client:
                    answer = client.request(self.command, self.path, content=body, headers=headers)
                self.send_response(answer.status_code)
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def _unpacked(body: bytes) -> bytes:
    from backports import zstd

    return zstd.decompress(body) if body.startswith(b"\x28\xb5\x2f\xfd") else body


@pytest.fixture
def wire(server: ApiServer) -> Iterator[Wire]:
    found = Wire(server)
    yield found
    found.close()


@sqlite_only
def test_a_secret_is_in_no_request(server: ApiServer, wire: Wire, tmp_path: Path) -> None:
    laptop = Laptop(home_of(tmp_path).path, wire.url, token=server.token("member-ada"))
    put(claude_path(laptop.home, S), claude_prompt(f"the key is {KEY}", session=S) + claude_session(S, 1))
    assert laptop.push()["redactions"] == 1
    passed = b"".join(wire.seen)
    assert S.encode() in passed and b"[REDACTED:" in passed and KEY.encode() not in passed
    [row] = server.transcripts()
    assert row["redactions"] == 0, "the server found nothing more"


@sqlite_only
def test_a_private_session_never_leaves_the_laptop(server: ApiServer, wire: Wire, tmp_path: Path) -> None:
    laptop = Laptop(home_of(tmp_path).path, wire.url, token=server.token("member-ada"))
    secret, late, marked = session_id("secret"), session_id("late"), session_id("marked")
    folder = tmp_path / "marked"
    put(folder / ".precedent-private", b"")
    put(laptop.home / ".precedent/private", f"{secret}\n/srv/payroll\n".encode())
    put(claude_path(laptop.home, secret), claude_session(secret, 1))
    put(claude_path(laptop.home, secret, agent="a1"), claude_session(secret, 1, agent="a1"))
    # It enters a private folder at its very end, many parts after its beginning.
    put(claude_path(laptop.home, late), claude_session(late, 5000) + claude_turn(late, 9, cwd="/srv/payroll/june"))
    put(claude_path(laptop.home, marked), claude_session(marked, 1, cwd=str(folder / "deep")))
    put(claude_path(laptop.home, S), claude_session(S, 1))
    done = laptop.push()
    assert (done["transcripts_sent"], done["transcripts_private"]) == (1, 4)
    passed = b"".join(wire.seen)
    assert S.encode() in passed
    assert not any(each.encode() in passed for each in (secret, late, marked, "/srv/payroll"))


def test_what_becomes_private_is_withdrawn_from_the_server(server: ApiServer, laptop: Laptop) -> None:
    other = session_id("other")
    path = put(claude_path(laptop.home, S), claude_session(S, 1))
    grows = put(claude_path(laptop.home, other), claude_session(other, 1))
    laptop.push()
    assert len(server.transcripts()) == 2
    put(laptop.home / ".precedent/private", f"{S}\n/srv/payroll\n".encode())
    path.unlink()
    grow(grows, claude_turn(other, 3, cwd="/srv/payroll"))
    assert laptop.push()["transcripts_withdrawn"] == 2
    assert server.transcripts() == [] and server.objects() == []


# Offline, refused, of another time ----------------------------------------------------------------------------------


@sqlite_only
def test_offline_nothing_is_lost_and_online_it_is_sent(server: ApiServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    laptop = Laptop(home_of(tmp_path).path, f"http://127.0.0.1:{port}", token=server.token("member-ada"))
    put(claude_path(laptop.home, S), claude_session(S, 2))
    done = laptop.call("push")
    assert done.returncode == 1 and "sent later" in done.stderr and "Traceback" not in done.stderr
    Laptop(laptop.home, server.url, token=server.token("member-ada")).push()
    assert server.archived() == {f"ada/{S}.jsonl": claude_session(S, 2)}


def test_rests_grow_and_are_spread_until_it_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    home = home_of(tmp_path).path
    Laptop(home, f"http://127.0.0.1:{port}", token="x" * 20)
    put(claude_path(home, S), claude_session(S, 1))
    from precedent import plugins

    readers = {name: reader for name, (reader, _) in plugins.readers().items()}
    rests: list[float] = []
    with pytest.raises(Transient):
        push_until_done(home, readers=readers, rest=rests.append, chance=lambda: 0.5, linger_s=600)
    assert rests == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0]


@sqlite_only
def test_a_revoked_token_says_what_to_do_and_sends_nothing(server: ApiServer, tmp_path: Path) -> None:
    laptop = Laptop(home_of(tmp_path).path, server.url, token=server.token("revoked-ada"))
    put(claude_path(laptop.home, S), claude_session(S, 1))
    done = laptop.call("push")
    assert done.returncode == 2 and "connect again" in done.stderr and server.transcripts() == []


@pytest.mark.parametrize(
    ("versions", "said"), [("2,3", "upgrade Precedent on this machine"), ("0,0", "upgrade Precedent there")]
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_old_and_new_say_what_to_upgrade(versions: str, said: str, database_url: str, tmp_path: Path) -> None:
    server = ApiServer(tmp_path / "data", database_url).start(versions=versions)
    try:
        laptop = Laptop(home_of(tmp_path).path, server.url)
        put(claude_path(laptop.home, S), claude_session(S, 1))
        done = laptop.call("push")
        assert done.returncode == 2 and said in done.stderr, done.stderr
    finally:
        server.stop()


@sqlite_only
def test_a_deleted_session_is_not_offered_again_and_costs_the_others_nothing(server: ApiServer, laptop: Laptop) -> None:
    path = put(claude_path(laptop.home, S), claude_session(S, 1))
    laptop.push()
    app = App(load(data_dir=server.data, database_url=server.database))
    [row] = server.transcripts()
    app.erase_session(row["session_file"], by="test")
    app.close()
    grow(path, claude_turn(S, 5))
    put(codex_path(laptop.home, session_id("c")), codex_session(session_id("c"), 1))
    done = laptop.push()
    assert (done["transcripts_refused"], done["transcripts_sent"]) == (1, 1)
    assert laptop.push()["transcripts_refused"] == 0


@sqlite_only
def test_one_push_at_a_time(server: ApiServer, laptop: Laptop) -> None:
    import fcntl

    folder = laptop.home / ".precedent/push"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert laptop.call("push").returncode == 3
    assert laptop.call("push").returncode == 0


# Hooks --------------------------------------------------------------------------------------------------------------


@sqlite_only
def test_a_hook_returns_at_once_and_its_session_arrives(server: ApiServer, laptop: Laptop, tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "claude-work" / f"{S}.jsonl", claude_session(S, 2))  # below no folder that is searched
    told = json.dumps({"session_id": S, "transcript_path": str(elsewhere), "hook_event_name": "SessionEnd"})
    done = subprocess.run(
        [sys.executable, "-I", "-S", hook.__file__, "claude-code"],
        env={"HOME": str(laptop.home), "PATH": os.environ["PATH"]},
        input=told.encode(),
        capture_output=True,
        check=True,
        timeout=10,
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    until(lambda: server.archived() == {f"ada/{S}.jsonl": claude_session(S, 2)}, what="the session arrived")
    until(lambda: not (laptop.home / hook.SPOOL).with_name("spool.taken").exists(), what="the spool is empty")


@sqlite_only
def test_push_in_the_background_names_one_session(server: ApiServer, laptop: Laptop) -> None:
    path = put(claude_path(laptop.home, S), claude_session(S, 1))
    done = laptop.call("push", "--background", "--session", str(path), "--agent", "claude-code")
    assert done.returncode == 0, done.stderr
    until(lambda: bool(server.archived()), what="the session arrived")


@sqlite_only
def test_one_session_alone_may_be_pushed(server: ApiServer, laptop: Laptop) -> None:
    path = put(claude_path(laptop.home, S), claude_session(S, 1))
    put(codex_path(laptop.home, session_id("c")), codex_session(session_id("c"), 1))
    assert laptop.push("--session", str(path), "--agent", "claude-code")["transcripts_sent"] == 1
    assert list(server.archived()) == [f"ada/{S}.jsonl"]
    assert laptop.call("push", "--session", str(path)).returncode == 2
    assert laptop.call("push", "--session", "/nowhere", "--agent", "codex").returncode == 2


@pytest.mark.parametrize("told", [b"", b"no json", b"[]", b'{"transcript_path":7}', b"\xff\n\n", b"{" * 100_000])
def test_a_hook_never_fails_its_agent_and_prints_nothing(told: bytes, tmp_path: Path) -> None:
    home = home_of(tmp_path).path
    done = subprocess.run(
        [sys.executable, "-I", "-S", hook.__file__, 'co"dex\n;'],
        env={"HOME": str(home)},
        input=told,
        capture_output=True,
        check=False,
        timeout=10,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (home / hook.SPOOL).read_bytes().count(b"\n") == 1
    (home / hook.SPOOL).chmod(0o400)
    unwritable = {"HOME": "/dev/null"}
    done = subprocess.run([sys.executable, "-I", "-S", hook.__file__, "x"], env=unwritable, input=told, check=False)
    assert done.returncode == 0


def test_a_hook_costs_a_sessions_end_less_than_50_ms(tmp_path: Path) -> None:
    env = {"HOME": str(home_of(tmp_path).path)}
    Laptop(Path(env["HOME"]), "http://127.0.0.1:9", token="x" * 20)
    call = [sys.executable, "-I", "-S", hook.__file__, "claude-code"]

    def cost() -> float:
        before = os.times()
        process = subprocess.Popen(call, env=env, stdin=subprocess.DEVNULL)
        assert process.wait(10) == 0
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    # Time of the processor: the clock on the wall tells how busy the machine is.
    assert min(cost() for _ in range(10)) <= 0.05


def test_a_hook_loads_next_to_nothing(tmp_path: Path) -> None:
    def loaded(*call: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-X", "importtime", *call],
            env={"HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        return set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))

    extra = loaded(hook.__file__, "codex") - loaded("-c", "pass")
    assert extra <= {"os", "stat", "_stat", "posixpath", "genericpath", "_collections_abc", "select", "abc", "_abc"}


def test_a_killed_hook_leaves_its_line(tmp_path: Path) -> None:
    laptop = Laptop(home_of(tmp_path).path, "http://127.0.0.1:9", token="x" * 20)
    done = laptop.call("push", "--background", "--agent", "codex", PRECEDENT_FAULT="push.spooled")
    assert done.returncode == -signal.SIGKILL
    assert (laptop.home / hook.SPOOL).read_bytes() == b'{"agent":"codex","told":{}}\n'


# Notes ----------------------------------------------------------------------------------------------------------------


def test_notes_are_sent_with_the_sessions_once_and_what_is_gone_is_taken_back(
    server: ApiServer, laptop: Laptop
) -> None:
    project = laptop.home / "harbour"
    session = ClaudeCode("noted", cwd=str(project)).prompt("go").reply("Done.")
    put(laptop.home / ".claude/projects" / session.path, session.data)
    put(laptop.home / ".claude/CLAUDE.md", f"- The mail key is {KEY}.\n- Berths are numbered from 1.\n".encode())
    put(project / "AGENTS.md", b"- Tides are stored in metres.\n")
    put(laptop.home / "quiet" / "AGENTS.md", b"- The safe opens with seagull-and-anchor.\n")
    (laptop.home / "quiet" / ".precedent-private").touch()
    quiet = ClaudeCode("quiet", cwd=str(laptop.home / "quiet")).prompt("go").reply("Done.")
    put(laptop.home / ".claude/projects" / quiet.path, quiet.data)
    first = laptop.push()
    assert (first["notes_sent"], first["redactions"]) == (2, 1)
    assert [note["path"] for note in server.notes()] == ["~/.claude/CLAUDE.md", "~/harbour/AGENTS.md"]
    assert KEY not in str(server.notes()) and "seagull" not in str(server.notes())
    assert laptop.push()["notes_sent"] == 0
    put(project / "AGENTS.md", b"- Tides are stored in feet.\n")
    (laptop.home / ".claude/CLAUDE.md").unlink()
    again = laptop.push()
    assert (again["notes_sent"], again["notes_removed"]) == (1, 1)
    assert [(note["path"], note["text"]) for note in server.notes()] == [
        ("~/harbour/AGENTS.md", "- Tides are stored in feet.")
    ]
    (laptop.home / ".precedent/push/notes.json").write_bytes(b"{")
    assert laptop.push()["notes_sent"] == 0, "the server has them; a laptop that forgot sends them to no effect"


@sqlite_only
def test_more_notes_than_a_server_takes_are_sent_as_far_as_there_is_room(server: ApiServer, laptop: Laptop) -> None:
    memories = laptop.home / ".codex/memories"
    for number in range(30):
        put(memories / f"{number:02}.md", (f"- Quay {number} has many berths.\n" * 9000)[: 250 << 10].encode())
    first = laptop.push()
    assert (first["notes_sent"], first["notes_refused"]) == (25, 5)
    assert "larger than 6 MiB" in first["errors_detail"][0]["error"]
    put(laptop.home / ".claude/CLAUDE.md", b"- Tides are stored in metres.\n" * 8000)
    again = laptop.push()
    assert (again["notes_sent"], again["notes_removed"]) == (1, 0), "what has no room any more stays as it is there"
    assert len(server.notes()) == 26


@sqlite_only
def test_more_notes_than_are_taken_of_one_device_cost_only_those_that_are_too_many(
    server: ApiServer, laptop: Laptop
) -> None:
    for number in range(MAX_NOTES + 1):
        put(laptop.home / ".codex/memories" / f"{number:04}.md", b"- Tides are stored in metres.\n")
    put(laptop.home / "AGENTS.md", b"x" * (MAX_NOTE_BYTES - 100) + b"\xff" * 100)
    pushed = laptop.push()
    assert (pushed["notes_sent"], pushed["notes_refused"]) == (MAX_NOTES, 2)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"[]", 400),
        (b'{"device": "a", "notes": [{"path": "", "text": "x"}]}', 400),
        (b'{"device": "", "notes": []}', 400),
        (b'{"device": "a", "notes": [{"path": "%s", "text": "x"}]}' % ("é" * 501).encode(), 400),
        (b'{"device": "a", "notes": [{"path": "p", "text": "%s"}]}' % (b"x" * (MAX_NOTE_BYTES + 1)), 400),
        (b'{"device": "a", "notes": [%s]}' % b",".join([b'{"path": "p", "text": ""}'] * (MAX_NOTES + 1)), 400),
        (b" " * (MAX_BODY_BYTES + 1), 413),
        (b'{"device": "a", "notes": [{"path": "~/AGENTS.md", "text": "a\\u0000b \\ud800"}]}', 400),
        (b'{"device": "a", "notes": [{"path": "~/AGENTS.md", "text": "a\\u0000b"}]}', 200),
    ],
)
def test_what_are_no_notes_is_refused(server: ApiServer, sent: bytes, status: int) -> None:
    with server.client() as client:
        answer = client.post("/api/notes", content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert len(server.notes()) == (status == 200)


@sqlite_only
def test_a_laptop_without_notes_says_nothing_about_them(server: ApiServer, laptop: Laptop) -> None:
    laptop.push()
    assert server.notes() == [] and not (laptop.home / ".precedent/push/notes.json").exists()
