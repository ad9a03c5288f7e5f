"""Scripts that attack: nothing of them is left, the next one runs, and what is not theirs they neither see nor change.

Where the system gives no namespaces the table of what holds is shorter; `docs/explanation/security.md` tells it.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import MakeApp
from deployed_scripts import deploy, folders, last, marked, printed, run
from places import until
from precedent.app import App
from precedent.scripts import isolation
from precedent.scripts.listing import ScriptRunShown
from precedent.security.acting import BY_COMMAND_LINE

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.skipif(not isolation.possible().files, reason="the system gives no namespaces"),
]
LONGEST_S = 15.0


@pytest.fixture
def app(make_app: MakeApp) -> App:
    return make_app(script_disk_mb=32, script_memory_mb=256)


@pytest.fixture
def mark() -> Iterator[str]:
    """A text in the command line of every process of an attack."""
    yield f"attack-{os.getpid()}-{time.monotonic_ns()}"


def attack(app: App, mark: str, source: str, *, timeout_s: int = 10) -> tuple[ScriptRunShown, str]:
    """Run an attack and see that nothing is left of it and that the next script runs."""
    began = time.monotonic()
    begins = f"""
import os, signal, subprocess, sys, time
if "{mark}" not in sys.argv:
    os.execv(sys.executable, [sys.executable, "-I", "-u", sys.argv[0], "{mark}"])
"""
    found, text = run(app, "attack", begins + source, timeout_s=timeout_s)
    assert time.monotonic() - began < LONGEST_S
    assert marked(mark) == []
    assert folders(app) == []
    assert found.isolation == "processes, files, network" + (", user" if os.geteuid() == 0 else "")
    good, said = run(app, "next", "print('fine')")
    assert (good.state, said) == ("done", "fine\n")
    return found, text


def test_a_fork_bomb_is_ended(app: App, mark: str) -> None:
    found, _ = attack(app, mark, """
while True:
    try:
        os.fork()
    except OSError:
        pass
""")  # fmt: skip
    assert found.state == "killed"
    assert found.reason in {"it had more than 32 processes at a time", "it took more than 256 MiB of memory"}


def test_what_forks_twice_into_a_session_of_its_own_ends_with_its_script(app: App, mark: str) -> None:
    found, text = attack(app, mark, """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for each in (0, 1, 2):
            os.close(each)
        while True:
            time.sleep(1)
    os._exit(0)
os.wait()
print("away")
""")  # fmt: skip
    assert (found.state, text) == ("done", "away\n")


def test_a_large_file_is_refused(app: App, mark: str) -> None:
    found, text = attack(app, mark, """
with open("large", "wb") as file:
    for _ in range(10 << 10):
        file.write(bytes(1 << 20))
""")  # fmt: skip
    assert found.state in {"failed", "killed"}, text


def test_many_files_that_are_large_together_are_ended(app: App, mark: str) -> None:
    found, _ = attack(app, mark, """
for number in range(10 << 10):
    with open(f"part{number}", "wb") as file:
        file.write(os.urandom(1 << 20))
""")  # fmt: skip
    assert (found.state, found.reason) == ("killed", "it wrote more than 32 MiB")


def test_files_without_a_name_count_too(app: App, mark: str) -> None:
    found, _ = attack(app, mark, """
kept = []
for number in range(100):
    file = open("hidden", "wb")
    os.unlink("hidden")
    kept.append(file)
    file.write(os.urandom(4 << 20))
    file.flush()
    time.sleep(0.02)
time.sleep(60)
""")  # fmt: skip
    assert (found.state, found.reason) == ("killed", "it wrote more than 32 MiB")


def test_more_files_than_can_be_counted_are_ended_and_removed(app: App, mark: str) -> None:
    found, _ = attack(app, mark, """
for number in range(10**6):
    open(f"file{number}", "wb").close()
""")  # fmt: skip
    assert (found.state, found.reason) == ("killed", "it made more than 20,000 files")


def test_folders_that_are_deeper_than_a_path_are_ended_and_removed(app: App, mark: str) -> None:
    found, _ = attack(app, mark, """
for _ in range(3_000):
    os.mkdir("deeper" * 10)
    os.chdir("deeper" * 10)
time.sleep(60)
""")  # fmt: skip
    assert found.state == "killed"
    assert "cannot be looked at" in found.reason


@pytest.mark.parametrize("text", ["b'line\\n' * 4_096", "b'x' * 65_536"], ids=["lines", "one line"])
def test_endless_output_is_bounded_and_ends_at_the_timeout(app: App, mark: str, text: str) -> None:
    found, said = attack(app, mark, f"""
while True:
    os.write(1, {text})
""", timeout_s=2)  # fmt: skip
    assert found.state == "timeout"
    assert len(said) <= 256 << 10
    assert found.output_bytes > 1 << 20


def test_a_memory_hog_is_refused_or_ended(app: App, mark: str) -> None:
    found, text = attack(app, mark, """
kept = []
while True:
    kept.append(bytearray(os.urandom(1 << 20)))
""")  # fmt: skip
    assert found.state in {"failed", "killed"}
    assert "MemoryError" in text or "memory" in found.reason


def test_a_memory_hog_of_many_processes_is_ended(app: App, mark: str) -> None:
    found, _ = attack(app, mark, """
for _ in range(8):
    if os.fork() == 0:
        kept = os.urandom(64 << 20)
        time.sleep(60)
time.sleep(60)
""")  # fmt: skip
    assert (found.state, found.reason) == ("killed", "it took more than 256 MiB of memory")


def test_what_ignores_sigterm_is_ended_all_the_same(app: App, mark: str) -> None:
    found, text = attack(app, mark, """
signal.signal(signal.SIGTERM, lambda *_: print("no"))
while True:
    time.sleep(1)
""", timeout_s=1)  # fmt: skip
    assert (found.state, found.reason, text) == ("timeout", "it took longer than 1 s", "no\n")


def test_what_heeds_sigterm_may_tidy_up(app: App, mark: str) -> None:
    found, text = attack(app, mark, """
def end(*_):
    print("tidy")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
while True:
    time.sleep(1)
""", timeout_s=1)  # fmt: skip
    assert (found.state, text) == ("timeout", "tidy\n")


def test_closing_its_output_keeps_nobody_waiting(app: App, mark: str) -> None:
    found, _ = attack(app, mark, """
os.close(1); os.close(2)
time.sleep(60)
""", timeout_s=1)  # fmt: skip
    assert found.state == "timeout"


def test_it_sees_no_process_but_its_own_and_no_environment_of_ours(
    app: App, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECEDENT_SECRET_OTHER", "a value that nobody may see")
    found, text = attack(app, mark, """
seen = b""
for each in os.listdir("/proc"):
    if each.isdecimal():
        try:
            seen += open(f"/proc/{each}/environ", "rb").read()
        except OSError:
            pass
print(len([each for each in os.listdir("/proc") if each.isdecimal()]), b"nobody may see" in seen)
""")  # fmt: skip
    assert (found.state, text) == ("done", "2 False\n")


def test_it_reads_neither_database_nor_archive_nor_secrets(app: App, mark: str) -> None:
    data = app.settings.data_dir.resolve()
    found, text = attack(app, mark, f"""
for path in ("{data}", "{data}/precedent.db", "{data}/scripts", "/etc/shadow"):
    try:
        print(os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(16))
    except OSError as error:
        print(type(error).__name__)
""")  # fmt: skip
    assert found.state == "done"
    assert set(text.split()) <= {"FileNotFoundError", "PermissionError"}


def test_a_data_folder_outside_the_temporary_one_is_hidden_too(make_app: MakeApp, mark: str) -> None:
    folder = Path("/var/tmp") / mark
    try:
        app = make_app(data_dir=folder)
        found, text = attack(app, mark, f"""
try:
    print(os.listdir("{folder}"))
except OSError as error:
    print(type(error).__name__)
""")  # fmt: skip
        assert found.state == "done"
        assert text in {"PermissionError\n", "FileNotFoundError\n", "[]\n"}
    finally:
        os.system(f"rm -rf {folder}")


def test_it_connects_to_no_server_of_this_machine(app: App, mark: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"""
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=2)
    print("connected")
except OSError as error:
    print("refused")
"""
        found, text = attack(app, mark, source)
        assert (found.state, text) == ("done", "refused\n")
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()


def test_with_the_network_allowed_it_connects(app: App) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"import socket; socket.create_connection(('127.0.0.1', {port})); print('connected')"
        found, text = run(app, "open", source, network=True)
        assert (found.state, text) == ("done", "connected\n"), found
        assert "network" not in found.isolation


def test_killing_its_parent_and_everybody_harms_itself_alone(app: App, mark: str) -> None:
    found, _ = attack(app, mark, """
for number in (signal.SIGTERM, signal.SIGKILL):
    for pid in (os.getppid(), -1):
        try:
            os.kill(pid, number)
        except OSError:
            pass
time.sleep(60)
""", timeout_s=3)  # fmt: skip
    assert found.state in {"killed", "timeout", "failed"}


def test_it_writes_nowhere_but_in_its_folder(app: App, mark: str) -> None:
    found, text = attack(app, mark, f"""
for folder in ("/etc", "/var/tmp", "/usr/local/bin", "/dev", "/root", "/home", "/mnt", "/"):
    try:
        open(f"{{folder}}/{mark}", "w").close()
        print("wrote into", folder)
    except OSError:
        pass
open("/tmp/{mark}", "w").close()
""")  # fmt: skip
    assert (found.state, text) == ("done", "")
    assert not Path(f"/tmp/{mark}").exists()


def test_it_has_no_privileges_and_no_descriptor_of_ours(app: App, mark: str) -> None:
    found, text = attack(app, mark, """
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
print(status["CapEff"].strip(), status["NoNewPrivs"].strip(), sorted(os.listdir("/proc/self/fd"), key=int)[:-1])
""")  # fmt: skip
    assert (found.state, text) == ("done", "0000000000000000 1 ['0', '1', '2']\n")


def test_four_run_at_a_time_and_see_nothing_of_each_other(app: App) -> None:
    source = """
import os, time
open("mine{}".format(os.environ["PARAM_N"]), "w").close()
time.sleep(1)
print(sorted(os.listdir("/tmp")), len([each for each in os.listdir("/proc") if each.isdecimal()]))
"""
    for number in range(4):
        deploy(app, f"s{number}", source, parameters={"n": number})
        app.ask_for_script(f"s{number}", by=BY_COMMAND_LINE)
    began = time.monotonic()
    app.run_scripts()
    assert time.monotonic() - began < 4
    for number in range(4):
        found = last(app, f"s{number}")
        assert printed(app, found.id).head == f"['mine{number}', 'parameters.json', 'script.py'] 2\n"


def test_a_script_that_is_ended_from_outside_is_killed_and_the_runner_goes_on(app: App, mark: str) -> None:
    deploy(app, "victim", f"""
        import os, sys, time
        if "{mark}" not in sys.argv:
            os.execv(sys.executable, [sys.executable, "-I", "-u", sys.argv[0], "{mark}"])
        time.sleep(60)
    """)  # fmt: skip
    app.ask_for_script("victim", by=BY_COMMAND_LINE)
    thread = threading.Thread(target=app.run_scripts)
    thread.start()
    until(lambda: bool(marked(mark)), what="it runs")
    os.kill(marked(mark)[0], 9)
    thread.join(20)
    assert (last(app, "victim").state, last(app, "victim").reason) == ("killed", "ended by SIGKILL")
