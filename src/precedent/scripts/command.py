"""How a script is started: with which interpreter, in which environment, from which files."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from precedent.errors import BadInput, Misconfigured

from . import isolation
from .header import header
from .model import Value

SCRIPT, PARAMETERS = "script.py", "parameters.json"
PATH = "/usr/local/bin:/usr/bin:/bin"
LANG = "C.UTF-8"
HIDDEN_MARK = "***"
SHORTEST_HIDDEN = 8
"""A shorter secret would be found by chance in what a script prints."""


class Command(NamedTuple):
    """How a script is started.

    Attributes:
        arguments: program first.
        python: the interpreter among them.
    """

    arguments: list[str]
    python: str


def command(source: str, *, network: bool, home: str) -> Command:
    """Return how a script is started.

    What its head asks for beyond our own interpreter is had through `uv`.

    Args:
        source: its text.
        network: whether it may use the network.
        home: its folder, as it sees it.

    Raises:
        BadInput: what its head asks for cannot be had for it.
        Misconfigured: it needs `uv`, which is not installed, or not where a script sees it.
    """
    head, python = header(source), interpreter()
    path = f"{home}/{SCRIPT}"
    if not head.dependencies and head.suits(sys.version_info[:3]):
        return Command([python, "-I", "-u", path], python)
    if (uv := shutil.which("uv")) is None:
        wanted = (
            f"Python {head.requires_python}" if not head.dependencies else f"packages: {', '.join(head.dependencies)}"
        )
        raise Misconfigured(f"the head of the script asks for {wanted}; install uv on the path of the worker for that")
    program = os.path.realpath(uv)
    if not isolation.sees(program):
        raise Misconfigured(f"scripts may not go to {program}; install uv where every user may, as in /usr/local/bin")
    if not network:
        raise BadInput("the head of the script asks for what uv must fetch; allow it the network, or take that out")
    chosen = ["--python", python, "--no-python-downloads"] if head.suits(sys.version_info[:3]) else []
    return Command([program, "run", "--quiet", "--no-project", *chosen, "--script", path], python)


def interpreter() -> str:
    """Return the interpreter that scripts run with: ours, without what is installed for the server."""
    return os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)


def environment(parameters: Mapping[str, Value], secrets: Mapping[str, str], *, home: str) -> dict[str, str]:
    """Return all that a script sees of an environment.

    Args:
        parameters: by name.
        secrets: values, by variable.
        home: its folder, as it sees it.
    """
    given = {f"PARAM_{name.upper()}": _text(value) for name, value in parameters.items()}
    return {"PATH": PATH, "LANG": LANG, "HOME": home, "TMPDIR": home, **given, **secrets}


def fill(folder: Path, source: str, parameters: Mapping[str, Value], *, uid: int | None) -> None:
    """Put into a script's folder what it finds there; the folder becomes the user's whom it runs as."""
    for name, content in ((SCRIPT, source.encode()), (PARAMETERS, msgspec.json.encode(parameters))):
        (folder / name).write_bytes(content)
    if uid is not None:
        for path in (folder / SCRIPT, folder / PARAMETERS, folder):
            os.chown(path, uid, uid)


def home_of(folder: Path) -> str:
    """Return a script's folder as the script sees it."""
    return isolation.HOME if isolation.possible().files else str(folder)


def without(text: str, secrets: Mapping[str, str]) -> str:
    """Return what was printed without the values of secrets."""
    for value in sorted(secrets.values(), key=len, reverse=True):
        if len(value) >= SHORTEST_HIDDEN:
            text = text.replace(value, HIDDEN_MARK)
    return text


def _text(value: Value) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
