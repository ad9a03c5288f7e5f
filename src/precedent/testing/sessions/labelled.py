"""Writes the stories as files with a judgement on every turn: `python -m precedent.testing.sessions.labelled FOLDER`.

`precedent eval detection --labels FOLDER/labels.jsonl` measures detection on them, in the shapes of all agents.
"""

import io
import json
import sys
from pathlib import Path

from precedent import plugins
from precedent.transcripts.events import TYPED, Speaker
from precedent.transcripts.reading import Reading

from .session import Session
from .stated import Story
from .statements import statements


def write_labelled(folder: Path) -> Path:
    """Write every story below a folder, and `labels.jsonl`; return the path of the latter."""
    rows: list[dict[str, object]] = []
    for story, session in statements():
        path = folder / session.agent / session.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(session.data)
        rows += [
            {"agent": session.agent, "file": str(path.relative_to(folder)), "line": line, "detection_type": kind}
            for line, kind in _judged(story, session).items()
        ]
    labels = folder / "labels.jsonl"
    labels.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return labels


def _judged(story: Story, session: Session) -> dict[int, str]:
    """Return the kind that is stated on each line on which a person speaks; what is said twice counts once."""
    found: dict[int, str] = {}
    left = list(story.stated)
    for event in Reading(io.BytesIO(session.data), plugins.readers()[session.agent][0]):
        if event.speaker is Speaker.HUMAN and event.kind in TYPED:
            stated = [each for each in left if each.quote in event.text]
            left = [each for each in left if each not in stated]
            found.setdefault(event.line, stated[0].kind if stated else "none")
    return found


if __name__ == "__main__":
    print(write_labelled(Path(sys.argv[1])))
