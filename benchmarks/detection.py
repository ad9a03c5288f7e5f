"""How fast statements are found in transcripts by rules: `python -m benchmarks.detection [SIZE_MB] [FOLDER]`.

Processor time of one core over generated Claude Code transcripts, or over those below FOLDER, which is laid out like
`~/.claude/projects`. The reference in the same run only reads the same transcripts' events, which anything that looks
at turns must do.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from precedent import plugins
from precedent.pipeline.contract import Done, Transcript, TranscriptRef
from precedent.processors.verification.extract import extract_statements
from precedent.processors.verification.turns import Listener

from . import generate
from ._measure import machine

GOAL_MB_S = 100.0
AGENT = "claude-code"


def main(size_mb: int = 256, *, runs: int = 3, folder: Path | None = None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as made:
        if folder is None:
            home = Path(made)
            generate.generate(home, files=max(1, round(size_mb * (1 << 20) / generate.MEAN_BYTES)))
            folder = home / ".claude" / "projects"
        transcripts = [_transcript(path) for path in sorted(folder.rglob("*.jsonl"))]
        size = sum(each.ref.length for each in transcripts) / 1e6
        turns = [turn for each in transcripts for turn in _heard(each)]
        typed = sum(map(len, turns)) / 1e6
        print(f"detection by rules, {size:,.0f} MB, {len(turns):,} human turns of {typed:.1f} MB; {machine()}")
        _row("precedent: read and find", size, [_timed(_found, transcripts) for _ in range(runs)], goal=GOAL_MB_S)
        _row("reference: read only", size, [_timed(_heard, transcripts) for _ in range(runs)])


def _transcript(path: Path) -> Transcript:
    ref = TranscriptRef(
        id=1, session_file=path.name, user_id=1, username="bench", agent=AGENT, native_id=path.stem, agent_id="",
        parent_id="", generation=1, revision=1, length=path.stat().st_size, content_hash="", observed_at=0,
    )  # fmt: skip
    return Transcript(ref, path=path, reader=plugins.readers()[AGENT][0])


def _found(transcript: Transcript) -> None:
    if not isinstance(extract_statements(transcript, None), Done):
        raise RuntimeError(f"{transcript.ref.session_file} was not read to its end")


def _heard(transcript: Transcript) -> list[str]:
    listener = Listener()
    return [turn.text for event in transcript.read() if (turn := listener.hear(event)) is not None]


def _timed(what: Callable[[Transcript], object], transcripts: list[Transcript]) -> float:
    start = time.process_time()
    for each in transcripts:
        what(each)
    return time.process_time() - start


def _row(name: str, size_mb: float, runs: list[float], *, goal: float | None = None) -> None:
    speeds = sorted(size_mb / each for each in runs)
    told = f"  goal >= {goal:.0f}" if goal else ""
    print(f"{name:<32} {statistics.median(speeds):7.1f} MB/s ({speeds[0]:.1f} to {speeds[-1]:.1f}) of one core{told}")


if __name__ == "__main__":
    arguments = iter(sys.argv[1:])
    main(int(next(arguments, "256")), folder=Path(chosen) if (chosen := next(arguments, "")) else None)
