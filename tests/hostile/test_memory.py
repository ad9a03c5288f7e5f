"""However large a hostile line is, neither the collector nor the child that reads it takes more than 256 MB."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from builders import session_id
from conftest import TESTS
from precedent.transcripts.lines import MAX_LINE_BYTES, MAX_WHOLE_BYTES

from .agents import AGENTS, Agent, dumped

MOST_MB = 256
REASONS = dict.fromkeys(("objects", "no JSON", "quotes"), "too large to decode")
"""Why a long line is not read; of any other kind the long string is cut and the line counts."""

MB = 1 << 20


class Large(NamedTuple):
    """What a long line holds.

    Attributes:
        before: how it begins.
        filling: what is repeated.
        after: how it ends.
    """

    before: bytes
    filling: bytes
    after: bytes


def large(agent: Agent, session: str) -> dict[str, Large]:
    """Return long lines, by what they are."""
    before, after = dumped(agent.prompt(session, 7)).split(b"good 7")
    member = dumped(agent.prompt(session, 7))[:-1]
    return {
        "text": Large(before, b"lorem ipsum ", after),
        "text that is not ASCII": Large(before, "schön ".encode(), after),
        "escapes": Large(before, b"\\n\\u00e9", after),
        "objects": Large(member + b',"x":[', b"{},", b"0]}"),
        "no JSON": Large(b"", b"\0", b""),
        "quotes": Large(b"{", b'"', b""),
    }


def write(path: Path, agent: Agent, session: str, *, line: Large, size: int) -> int:
    """Write a session with a long line between its turns, piece by piece; return where the line starts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    marker = b"@@hostile@@"
    head = agent.lines(session, 1)
    whole = agent.content(session, [*head, marker, *agent.lines(session, 2)[len(head) :]])
    before, after = whole.split(marker)
    with path.open("wb") as file:
        file.write(before + line.before)
        piece = line.filling * (MB // len(line.filling))
        for _ in range(size // len(piece)):
            file.write(piece)
        file.write(line.after + after)
    return len(before)


def measured(data: Path, home: Path) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRECEDENT_")}
    done = subprocess.run(
        [sys.executable, str(TESTS / "hostile/driver.py"), str(data), str(home)],
        env=kept | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(tmp_path: Path, agent: Agent, kinds: Sequence[str], size: int) -> None:
    home = tmp_path / "ada"
    starts: dict[str, tuple[str, int]] = {}
    for kind in kinds:
        session = session_id(f"{agent.module} {kind}")
        native = f"ses_{session}" if "opencode" in agent.module else session
        starts[native] = (
            kind,
            write(home / agent.place(session), agent, session, line=large(agent, session)[kind], size=size),
        )
    found = measured(tmp_path / "data", home)
    assert found["collected"]["files_copied"] == len(starts), found["collected"]
    assert found["collected"]["files_failed"] == 0
    assert (found["counted"]["processed"], found["counted"]["errors"]) == (len(starts), 0), found["counted"]
    for native, (kind, start) in starts.items():
        seen = found["seen"][native]
        if agent.whole is None:
            reason = "line too long" if size > MAX_LINE_BYTES else REASONS.get(kind, "")
            line = len(agent.lines("x", 1)) + 1
            assert seen["told"] == ([[start, line, reason]] if reason else []), (kind, seen)
            assert seen["prompts"] == (2 if reason else 3), (kind, seen)
    assert found["mine_mb"] <= MOST_MB and found["children_mb"] <= MOST_MB, found


SOAK = pytest.mark.soak
FULL = [pytest.param(name, marks=() if name in {"codex", "opencode"} else SOAK) for name in AGENTS]
"""`make test` measures one agent of lines and one of documents, `make soak` all."""


@pytest.mark.parametrize("name", FULL)
def test_a_line_of_100_mb_is_counted_and_takes_no_more_than_256_mb(name: str, tmp_path: Path) -> None:
    check(tmp_path, AGENTS[name], ["text"], 100 * MB)


@pytest.mark.soak
@pytest.mark.parametrize("kind", large(AGENTS["pi"], "x"))
def test_whatever_is_in_a_line_of_100_mb_it_takes_no_more_than_256_mb(kind: str, tmp_path: Path) -> None:
    check(tmp_path, AGENTS["claude-code"], [kind], 100 * MB)


@pytest.mark.parametrize("name", FULL)
def test_a_line_that_is_just_not_too_long_takes_no_more_than_256_mb(name: str, tmp_path: Path) -> None:
    agent, home = AGENTS[name], tmp_path / "ada"
    for kind in ("text", "text that is not ASCII", "objects"):
        session = session_id(f"{name} {kind}")
        size = MAX_WHOLE_BYTES - 2 * MB
        write(home / agent.place(session), agent, session, line=large(agent, session)[kind], size=size)
    found = measured(tmp_path / "data", home)
    assert (found["collected"]["files_copied"], found["counted"]["errors"]) == (3, 0), found
    assert found["mine_mb"] <= MOST_MB and found["children_mb"] <= MOST_MB, found


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", AGENTS)
def test_a_line_of_1_gb_is_told_and_takes_no_more_than_256_mb(name: str, tmp_path: Path) -> None:
    check(tmp_path, AGENTS[name], ["text"], 1 << 30)
