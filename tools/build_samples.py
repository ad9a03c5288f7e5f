"""Writes the sample transcripts that a new user sees; run it again after changing a story.

    python -m tools.build_samples [FOLDER]

The same stories give the same bytes; `tests/unit/test_samples.py` compares them with what is committed.
"""

import shutil
import sys
from pathlib import Path

from benchmarks.claude_lines import dump

from . import _sample_rollouts as rollouts
from . import _sample_stories as stories
from ._sample_teller import Teller

SAMPLES = Path(__file__).resolve().parents[1] / "src" / "precedent" / "samples"


def build(folder: Path) -> None:
    """Write the homes `ada` and `grace` into a folder, replacing those that are there."""
    for home in ("ada", "grace"):
        shutil.rmtree(folder / home, ignore_errors=True)
    berths = stories.berth_length()
    told = [berths, stories.form_wording(berths), stories.release_notes(), stories.empty_export(), stories.no_shows()]
    for each in told:
        save(each, folder)
    for rollout in (rollouts.tide_index(), *rollouts.invoice_rounding()):
        rollout.rollout.save(folder / rollout.home)


def save(told: Teller, folder: Path) -> None:
    """Write one Claude Code session with its sub-agents to its place below the person's home."""
    place = told.chain.place
    cwd = place.cwd.decode()
    project = folder / Path(cwd).parent.name / ".claude" / "projects" / cwd.replace("/", "-")
    below = project / place.session.decode() / "subagents"
    project.mkdir(parents=True, exist_ok=True)
    (project / f"{place.session.decode()}.jsonl").write_bytes(b"".join(told.chain.lines))
    for helper in told.helpers:
        below.mkdir(parents=True, exist_ok=True)
        name = f"agent-{helper.chain.place.agent.decode()}"
        (below / f"{name}.jsonl").write_bytes(b"".join(helper.chain.lines))
        (below / f"{name}.meta.json").write_bytes(dump({"agentType": helper.kind, "description": "Look for it"}))


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)
