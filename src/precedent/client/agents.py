"""What each agent offers to call us with at the end of a turn or session, and where that is written.

Everything here is a function of its arguments: the platform, the home and the environment are given, nothing is looked
at. Sources: the agents' own documentation of hooks, plugins and extensions as of November 2026, linked in
docs/how-to/connect-a-laptop.md.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from precedent.errors import NotFound

Settings = dict[str, Any]
"""An agent's settings: any JSON object."""


class Platform(Enum):
    """A system that a laptop may run."""

    LINUX = "linux"
    MACOS = "darwin"
    WINDOWS = "win32"

    @classmethod
    def of(cls, name: str) -> "Platform":
        """Return the platform by what Python calls it; every other Unix is like Linux."""
        return next((each for each in cls if each.value == name), cls.LINUX)


class Machine(NamedTuple):
    """The machine that is to be connected.

    Attributes:
        platform: its system.
        home: the person's home.
        environment: variables, of which some move an agent's folder.
        python: the interpreter that runs us.
        hook: our hook's file.
    """

    platform: Platform
    home: PurePath
    environment: Mapping[str, str]
    python: str
    hook: str

    def folder(self, *parts: str, variable: str = "") -> PurePath:
        """Return a folder below the home, or the one that a variable names in its stead."""
        named = self.environment.get(variable, "") if variable else ""
        kind = PureWindowsPath if self.platform is Platform.WINDOWS else PurePosixPath
        return kind(named) if named else kind(self.home).joinpath(*parts)

    def arguments(self, agent: str) -> list[str]:
        """Return the call of the hook: without the user's site packages and environment, so that it starts fast."""
        return [self.python, "-I", "-S", self.hook, agent]

    def command(self, agent: str) -> str:
        """Return the same as a line for the system's shell."""
        if self.platform is Platform.WINDOWS:
            return " ".join(f'"{each}"' if " " in each or "\\" in each else each for each in self.arguments(agent))
        return shlex.join(self.arguments(agent))


class HookList(NamedTuple):
    """Settings in JSON whose `hooks` list commands by event.

    Attributes:
        path: of the file.
        events: in which we want to be called.
        entry: what stands in the list.
    """

    path: PurePath
    events: tuple[str, ...]
    entry: Settings


class OwnFile(NamedTuple):
    """A file of its own that the agent loads.

    Attributes:
        path: of the file.
        text: its content.
    """

    path: PurePath
    text: str


MARK = "Written by `precedent connect"
"""Stands in every script that is wholly ours."""
_SCRIPT = """\
// {mark} {agent}`; `precedent disconnect {agent}` removes it.
import {{ spawn }} from "node:child_process"

const [program, ...rest] = {arguments}
const send = () => {{
  const child = spawn(program, rest, {{ detached: true, stdio: "ignore", windowsHide: true }})
  child.on("error", () => {{}})
  child.unref()
}}
"""
_OPENCODE = """
export const Precedent = async () => ({
  event: async ({ event }) => {
    if (event.type === "session.idle") send()
  },
})
"""
_PI = """
export default function (pi) {
  pi.on("agent_end", async () => send())
  pi.on("session_shutdown", async () => send())
}
"""


def _claude_code(machine: Machine) -> HookList:
    entry = {"type": "command", "command": machine.command("claude-code"), "timeout": 5}
    path = machine.folder(".claude", variable="CLAUDE_CONFIG_DIR") / "settings.json"
    return HookList(path, ("SessionEnd", "Stop"), {"hooks": [entry]})


def _codex(machine: Machine) -> HookList:
    entry = {"type": "command", "command": machine.command("codex"), "timeout": 5}
    return HookList(machine.folder(".codex", variable="CODEX_HOME") / "hooks.json", ("Stop",), {"hooks": [entry]})


def _gemini_cli(machine: Machine) -> HookList:
    # Its timeout is in milliseconds.
    entry = {"type": "command", "name": "precedent", "command": machine.command("gemini-cli"), "timeout": 5000}
    return HookList(machine.folder(".gemini") / "settings.json", ("AfterAgent", "SessionEnd"), {"hooks": [entry]})


def _copilot_cli(machine: Machine) -> OwnFile:
    line = machine.command("copilot-cli")
    key = "powershell" if machine.platform is Platform.WINDOWS else "bash"
    entry = {"type": "command", key: f"& {line}" if key == "powershell" else line, "timeoutSec": 5}
    content = {"version": 1, "hooks": {"sessionEnd": [entry]}}
    path = machine.folder(".copilot", variable="COPILOT_HOME") / "hooks" / "precedent.json"
    return OwnFile(path, json.dumps(content, indent=2) + "\n")


def _opencode(machine: Machine) -> OwnFile:
    path = machine.folder(".config", variable="XDG_CONFIG_HOME") / "opencode" / "plugins" / "precedent.js"
    return OwnFile(path, _script(machine, "opencode") + _OPENCODE)


def _pi(machine: Machine) -> OwnFile:
    path = machine.folder(".pi", "agent", variable="PI_CODING_AGENT_DIR") / "extensions" / "precedent.ts"
    return OwnFile(path, _script(machine, "pi") + _PI)


def _script(machine: Machine, agent: str) -> str:
    return _SCRIPT.format(mark=MARK, agent=agent, arguments=json.dumps(machine.arguments(agent)))


_OFFERS: dict[str, Callable[[Machine], HookList | OwnFile]] = {
    "claude-code": _claude_code,
    "codex": _codex,
    "copilot-cli": _copilot_cli,
    "gemini-cli": _gemini_cli,
    "opencode": _opencode,
    "pi": _pi,
}
AGENTS = tuple(_OFFERS)
"""Agents that call us."""


def offer(agent: str, machine: Machine) -> HookList | OwnFile:
    """Return what an agent offers on a machine.

    Raises:
        NotFound: it offers nothing that we know of.
    """
    if agent not in _OFFERS:
        raise NotFound(f"{agent!r} calls nobody that we know of; agents that do: {', '.join(AGENTS)}")
    return _OFFERS[agent](machine)


def is_ours(command: object) -> bool:
    """Tell whether a command in an agent's settings is our hook, of this or another installation."""
    return isinstance(command, str) and "precedent" in command and "hook.py" in command


def clock_line(machine: Machine) -> str:
    """Return what makes the system's own clock push every ten minutes."""
    call = [machine.python, "-m", "precedent.cli", "push", "--quiet"]
    match machine.platform:
        case Platform.WINDOWS:
            inner = " ".join(f'\\"{each}\\"' if " " in each else each for each in call)
            return f'schtasks /Create /SC MINUTE /MO 10 /TN Precedent /TR "{inner}"'
        case Platform.MACOS:
            return (
                "Put this into ~/Library/LaunchAgents/precedent.push.plist, then: launchctl load that file\n"
                + _PLIST.format(arguments="".join(f"<string>{_xml(each)}</string>" for each in call))
            )
        case Platform.LINUX:
            return f"*/10 * * * * {shlex.join(call)}"


_PLIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>Label</key><string>precedent.push</string>
<key>ProgramArguments</key><array>{arguments}</array>
<key>StartInterval</key><integer>600</integer>
</dict></plist>"""


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
