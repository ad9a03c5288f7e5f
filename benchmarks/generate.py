"""Writes realistic transcripts whose exact totals are known by construction.

    python -m benchmarks.generate HOME --size 1GB [--seed N] [--codex FILES]

The statistical shape (kinds of lines, lines per response, sizes, growing counters, copies in forks) was measured on
real files; every word is made from lists of our own. The same seed gives the same bytes.
"""

import argparse
import dataclasses
import json
import re
import time
from pathlib import Path

import msgspec

from ._claude import write as write_claude
from ._codex import write as write_codex
from ._expected import Generated

__all__ = ["MEAN_BYTES", "Generated", "generate", "generate_codex", "main"]

MEAN_BYTES = 512_000
"""Mean size of a file: 1 GB (2**30 bytes) is 2,097 files."""

UNITS = {"": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


def generate(home: Path, *, files: int, seed: int = 1, mean_bytes: int | None = None) -> Generated:
    """Write Claude Code transcripts below `home/.claude/projects`.

    Args:
        home: an existing or new folder; what other seeds wrote there stays.
        files: how many transcripts, those of sub-agents and forks included.
        seed: the same seed and numbers give the same files, byte for byte.
        mean_bytes: mean size of a file, `MEAN_BYTES` if None; sizes are spread from some KB to 16 times this.

    Returns:
        What the files hold, all of them together.
    """
    return write_claude(home, files=files, seed=seed, mean_bytes=mean_bytes or MEAN_BYTES).freeze()


def generate_codex(home: Path, *, files: int, seed: int = 1) -> Generated:
    """Write Codex rollouts below `home/.codex/sessions`, about one in six a fork or a sub-agent of another.

    Args:
        home: an existing or new folder; what other seeds wrote there stays.
        files: how many rollouts.
        seed: the same seed and number give the same files, byte for byte.

    Returns:
        What the files hold, all of them together; a request is a rise of the cumulative total.
    """
    return write_codex(home, files=files, seed=seed).freeze()


def main() -> None:
    """Run from the command line: write the files, print the totals as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--size", default="1GB", type=_size, help="total of the Claude Code files, such as 300MB")
    parser.add_argument("--seed", default=1, type=int)
    parser.add_argument("--codex", default=0, type=int, metavar="FILES", help="write as many Codex rollouts as well")
    given = parser.parse_args()
    begun = time.perf_counter()
    totals = {"claude-code": generate(given.home, files=max(1, round(given.size / MEAN_BYTES)), seed=given.seed)}
    if given.codex:
        totals["codex"] = generate_codex(given.home, files=given.codex, seed=given.seed)
    shown: dict[str, object] = {agent: _plain(each) for agent, each in totals.items()}
    print(json.dumps(shown | {"seconds": round(time.perf_counter() - begun, 2)}, indent=2))


def _plain(generated: Generated) -> dict[str, object]:
    fields = {each.name: getattr(generated, each.name) for each in dataclasses.fields(generated)}
    return fields | {"tokens": msgspec.structs.asdict(generated.tokens)}


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]B)?", text.strip().upper())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 500KB, 300MB or 1GB")
    return round(float(found[1]) * UNITS[found[2] or ""])


if __name__ == "__main__":
    main()
