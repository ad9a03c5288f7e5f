"""The tutorial for writers of processors works as it is written, in a clean environment, word by word."""

import ast
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "write-a-processor.md"
BLOCK = re.compile(r"(^```(?:.*\n)+?```\n)|((?:^    .*\n)+)|(.*\n)", re.MULTILINE)
NAMED = re.compile(r"Write `([^`]+)`:\s*\Z")
MARK = "=== end of block ==="
PASSED = ("HOME", "LANG", "PATH", "SSL_CERT_FILE", "TMPDIR")
"""Of our environment, beside what tells pip where its index is."""


class Step(NamedTuple):
    """What a reader does: writes a file or calls commands.

    Attributes:
        file: to write; empty for commands.
        text: of the file, or the commands.
        shown: output of the commands as the page shows it; None when it shows none.
    """

    file: str
    text: str
    shown: str | None = None


def steps(page: str) -> list[Step]:
    """Return what the page tells its reader to do, in order: indented commands, fenced files and outputs."""
    found: list[Step] = []
    prose = ""
    for fence, commands, other in BLOCK.findall(page):
        prose = prose + other if other else prose
        if commands:
            found.append(Step("", re.sub(r"^    ", "", commands, flags=re.MULTILINE)))
        elif fence:
            kind, _, content = fence.removesuffix("```\n").partition("\n")
            if kind == "```":
                assert not found[-1].file and found[-1].shown is None, f"output of no command: {content[:60]!r}"
                found[-1] = found[-1]._replace(shown=content)
            else:
                named = NAMED.search(prose)
                assert named, f"no name for the file {content[:60]!r}"
                found.append(Step(named[1], content))
    return found


def script(todo: list[Step]) -> str:
    """Return the steps as one shell script, so that folder, variables and environment last as they do for a reader."""
    lines = ["set -e"]
    for step in todo:
        lines.append(f"cat > {step.file} <<'END OF FILE'\n{step.text}END OF FILE" if step.file else step.text)
        lines.append(f"echo '{MARK}'")
    return "\n".join(lines)


def matches(shown: str, said: str) -> bool:
    """Compare output with what the page shows; `…` stands for anything."""
    words = [re.escape(word).replace("…", ".*") for word in shown.split()]
    return re.fullmatch(r"\s+".join(words), said.strip(), re.DOTALL) is not None


@pytest.mark.timeout(600)
def test_the_tutorial_can_be_followed_to_the_letter(tmp_path: Path) -> None:
    todo = steps(PAGE.read_text("utf-8"))
    environment = {name: each for name, each in os.environ.items() if name in PASSED or name.startswith("PIP_")}
    # Remarks of pip on the machine's own index are none of the tutorial's.
    environment |= {"PRECEDENT": str(ROOT), "PIP_QUIET": "1"}
    done = subprocess.run(
        ["bash", "-c", script(todo)], cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500, check=False,
    )  # fmt: skip
    said = done.stdout.split(MARK)
    assert len(said) == len(todo) + 1, done.stdout[-3000:]
    for step, output in zip(todo, said, strict=False):
        if step.shown is not None:
            assert matches(step.shown, output), f"{step.text}\nshows:\n{step.shown}\nand says:\n{output}"


def test_the_tutorials_processor_is_no_longer_than_promised() -> None:
    (code,) = [step.text for step in steps(PAGE.read_text("utf-8")) if step.file == "questions.py"]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    ast.parse(code)
