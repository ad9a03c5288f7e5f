"""Connecting agents: where each keeps its settings on each system, and that nothing but our part changes."""

import json
import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest

from precedent.client import config
from precedent.client.agents import AGENTS, HookList, Machine, OwnFile, Platform, clock_line, is_ours, offer
from precedent.client.connecting import BACKUP, apply, connected, disconnected
from precedent.errors import BadInput, Misconfigured, NotFound

HOMES = {
    Platform.LINUX: PurePosixPath("/home/ada"),
    Platform.MACOS: PurePosixPath("/Users/ada lovelace"),
    Platform.WINDOWS: PureWindowsPath("C:/Users/Ada Lovelace"),
}
PLACES = {
    "claude-code": ".claude/settings.json",
    "codex": ".codex/hooks.json",
    "copilot-cli": ".copilot/hooks/precedent.json",
    "gemini-cli": ".gemini/settings.json",
    "opencode": ".config/opencode/plugins/precedent.js",
    "pi": ".pi/agent/extensions/precedent.ts",
}


def machine(platform: Platform = Platform.LINUX, *, home: Path | None = None, moved: str = "") -> Machine:
    windows = platform is Platform.WINDOWS
    python = "C:\\Program Files\\Python\\python.exe" if windows else "/opt/my tools/python"
    hook = "C:\\precedent\\client\\hook.py" if windows else "/opt/precedent/client/hook.py"
    variable, _, folder = moved.partition("=")
    return Machine(platform, home or HOMES[platform], {variable: folder}, python, hook)


# Where --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("agent", AGENTS)
def test_each_agents_place_on_each_system(agent: str, platform: Platform) -> None:
    assert offer(agent, machine(platform)).path == HOMES[platform] / PLACES[agent]


@pytest.mark.parametrize(
    ("agent", "variable"),
    [
        ("claude-code", "CLAUDE_CONFIG_DIR"),
        ("codex", "CODEX_HOME"),
        ("copilot-cli", "COPILOT_HOME"),
        ("opencode", "XDG_CONFIG_HOME"),
        ("pi", "PI_CODING_AGENT_DIR"),
    ],
)
def test_a_variable_that_moves_an_agents_folder_is_followed(agent: str, variable: str) -> None:
    assert offer(agent, machine(moved=f"{variable}=/srv/moved")).path.is_relative_to("/srv/moved")
    windows = offer(agent, machine(Platform.WINDOWS, moved=f"{variable}=D:/moved"))
    assert windows.path.is_relative_to(PureWindowsPath("D:/moved"))


@pytest.mark.parametrize("agent", AGENTS)
def test_a_command_is_one_call_although_its_paths_hold_spaces(agent: str) -> None:
    posix, windows = (json.dumps(_text(offer(agent, machine(each)))) for each in (Platform.LINUX, Platform.WINDOWS))
    assert "'/opt/my tools/python'" in posix or '\\"/opt/my tools/python\\"' in posix
    assert ("Program Files" in windows and f"hook.py{chr(34)} {agent}" in windows.replace("\\", "")) or agent in windows


def _text(found: HookList | OwnFile) -> Any:
    return found.text if isinstance(found, OwnFile) else found.entry


def test_windows_gets_powershells_form_where_an_agent_asks_for_it() -> None:
    found = offer("copilot-cli", machine(Platform.WINDOWS))
    assert isinstance(found, OwnFile)
    [entry] = json.loads(found.text)["hooks"]["sessionEnd"]
    assert entry["powershell"].startswith('& "C:\\Program Files\\Python\\python.exe" -I -S')


def test_an_agent_that_calls_nobody_is_told_and_the_systems_clock_helps() -> None:
    with pytest.raises(NotFound):
        offer("aider", machine())
    assert clock_line(machine()).startswith("*/10 * * * * '/opt/my tools/python' -m precedent.cli push --quiet")
    assert "LaunchAgents" in clock_line(machine(Platform.MACOS)) and "<integer>600" in clock_line(
        machine(Platform.MACOS)
    )
    assert clock_line(machine(Platform.WINDOWS)).startswith("schtasks /Create")


def test_any_other_unix_is_like_linux() -> None:
    assert Platform.of("freebsd14") is Platform.LINUX
    assert Platform.of("darwin") is Platform.MACOS and Platform.of("win32") is Platform.WINDOWS


# What changes -------------------------------------------------------------------------------------------------------

THEIRS = """{
    "model": "opus",
    "hooks": {"Stop": [{"matcher": "", "hooks": [{"type": "command", "command": "say done"}]}],
              "PreToolUse": []},
    "permissions": {"allow": ["Bash(make:*)"]}, "umlaut": "ü"
}"""


def settings_file(home: Path, agent: str, text: str | None) -> Path:
    path = home / PLACES[agent]
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is not None:
        path.write_bytes(text.encode())
    return path


def connect(agent: str, found: Machine) -> None:
    apply(connected(offer(agent, found)), connects=True)


def disconnect(agent: str, found: Machine) -> None:
    apply(disconnected(offer(agent, found)), connects=False)


@pytest.mark.parametrize("agent", AGENTS)
def test_connecting_twice_is_connecting_once_and_disconnecting_leaves_no_trace(agent: str, tmp_path: Path) -> None:
    here = machine(home=tmp_path)
    connect(agent, here)
    once = (tmp_path / PLACES[agent]).read_bytes()
    assert is_ours(once.decode())
    assert connected(offer(agent, here)).is_empty()
    connect(agent, here)
    assert (tmp_path / PLACES[agent]).read_bytes() == once
    disconnect(agent, here)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert disconnected(offer(agent, here)).is_empty()


@pytest.mark.parametrize("agent", ["claude-code", "codex", "gemini-cli"])
@pytest.mark.parametrize("text", [THEIRS, "{}", '{"hooks":{}}\n', '{\n\t"a": 1\n}\n'])
def test_what_stands_there_stays_in_order_and_comes_back_byte_for_byte(agent: str, text: str, tmp_path: Path) -> None:
    path, here = settings_file(tmp_path, agent, text), machine(home=tmp_path)
    path.chmod(0o640)
    before = json.loads(text)
    umask = os.umask(0o077)  # what the program itself runs with
    try:
        connect(agent, here)
    finally:
        os.umask(umask)
    after = json.loads(path.read_text("utf-8"))
    assert [name for name in after if name in before] == list(before)
    assert {name: value for name, value in after.items() if name != "hooks"} == {
        name: value for name, value in before.items() if name != "hooks"
    }
    for event, groups in before.get("hooks", {}).items():
        assert after["hooks"][event][: len(groups)] == groups
    assert path.with_name(path.name + BACKUP).read_text("utf-8") == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    disconnect(agent, here)
    assert path.read_bytes() == text.encode()
    assert not path.with_name(path.name + BACKUP).exists()


def test_what_a_person_changed_meanwhile_stays_when_our_part_goes(tmp_path: Path) -> None:
    path, here = settings_file(tmp_path, "claude-code", THEIRS), machine(home=tmp_path)
    connect("claude-code", here)
    changed = json.loads(path.read_text("utf-8"))
    changed["model"] = "haiku"
    changed["hooks"]["Stop"][1]["hooks"].append({"type": "command", "command": "theirs, in our group"})
    path.write_text(json.dumps(changed), "utf-8")
    disconnect("claude-code", here)
    left = json.loads(path.read_text("utf-8"))
    assert left["model"] == "haiku" and not is_ours(path.read_text("utf-8"))
    assert [each["command"] for group in left["hooks"]["Stop"] for each in group["hooks"]] == [
        "say done",
        "theirs, in our group",
    ]


def test_another_installation_of_ours_is_replaced(tmp_path: Path) -> None:
    connect("claude-code", machine(home=tmp_path))
    other = machine(home=tmp_path)._replace(python="/new/python")
    connect("claude-code", other)
    text = (tmp_path / PLACES["claude-code"]).read_text("utf-8")
    assert "/new/python" in text and "/opt/my tools" not in text
    assert len(json.loads(text)["hooks"]["Stop"]) == 1


@pytest.mark.parametrize(
    "text",
    ['{"a": 1,}', '{"a": // why\n 1}', "[]", "7", '{"hooks": []}', '{"hooks": {"Stop": {}}}', "{" * 100_000],
)
def test_what_cannot_be_understood_is_refused_and_not_touched(text: str, tmp_path: Path) -> None:
    path = settings_file(tmp_path, "claude-code", text)
    with pytest.raises(BadInput, match=r"settings\.json"):
        connected(offer("claude-code", machine(home=tmp_path)))
    assert path.read_text("utf-8") == text and list(path.parent.iterdir()) == [path]
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(BadInput):
        connected(offer("claude-code", machine(home=tmp_path)))


@pytest.mark.parametrize("agent", ["opencode", "pi", "copilot-cli"])
def test_a_file_that_we_did_not_write_is_neither_replaced_nor_removed(agent: str, tmp_path: Path) -> None:
    path = settings_file(tmp_path, agent, "// somebody else's\n")
    for change in (connected, disconnected):
        with pytest.raises(BadInput):
            change(offer(agent, machine(home=tmp_path)))
    assert path.read_text("utf-8") == "// somebody else's\n"


def test_a_link_to_the_settings_stays_a_link(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "claude.json"
    target.parent.mkdir()
    target.write_text("{}", "utf-8")
    path = settings_file(tmp_path, "claude-code", None)
    path.symlink_to(target)
    connect("claude-code", machine(home=tmp_path))
    assert path.is_symlink() and is_ours(target.read_text("utf-8"))
    disconnect("claude-code", machine(home=tmp_path))
    assert path.is_symlink() and target.read_text("utf-8") == "{}"


def test_the_difference_shows_what_would_change_and_nothing_does(tmp_path: Path) -> None:
    path = settings_file(tmp_path, "claude-code", THEIRS)
    shown = connected(offer("claude-code", machine(home=tmp_path))).difference()
    assert '"timeout": 5' in shown and shown.startswith("--- ")
    assert path.read_text("utf-8") == THEIRS and list(path.parent.iterdir()) == [path]


# The connection -----------------------------------------------------------------------------------------------------


def test_the_connection_is_for_its_owners_eyes_and_keeps_the_laptops_name(tmp_path: Path) -> None:
    first = config.save(tmp_path, server="https://precedent.example.org/", token='to"ken-123')
    assert stat.S_IMODE((tmp_path / config.FILE).stat().st_mode) == 0o600
    assert config.load(tmp_path) == first and first.server == "https://precedent.example.org"
    second = config.save(tmp_path, server="http://127.0.0.1:8000", token="another-one")
    assert second.device == first.device and config.load(tmp_path) == second


@pytest.mark.parametrize(
    ("server", "token"),
    [
        ("precedent.example.org", "long-enough"),
        ("ftp://precedent.example.org", "long-enough"),
        ("https://", "long-enough"),
        ("https://u:p@host", "long-enough"),
        ("https://host?x=1", "long-enough"),
        ("https://host:99999", "long-enough"),
        ("https://host", "short"),
        ("https://host", "two words here"),
        ("https://host", "tökentöken"),
        ("https://host", "line\nline\nline"),
    ],
)
def test_what_is_no_server_or_no_token_is_refused(server: str, token: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        config.save(tmp_path, server=server, token=token)
    assert not (tmp_path / config.FILE).exists()


@pytest.mark.parametrize("text", [None, "", "server = 1", "no toml", 'server="x"\ntoken="y"\ndevice="z"\nmore=1'])
def test_without_a_usable_connection_the_way_to_one_is_told(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / ".precedent").mkdir()
        (tmp_path / config.FILE).write_text(text, "utf-8")
    with pytest.raises(Misconfigured, match="precedent connect --server"):
        config.load(tmp_path)
