"""A death between a model's answer and its use loses no answer that was paid for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from builders import home_of, put
from model_server import ModelServer, quoting
from precedent.app import App
from precedent.archive import consent, people
from precedent.faults import POINTS
from precedent.knowledge import rows
from precedent.model import Purpose
from precedent.settings import load
from precedent.store.schema import knowledge_call
from precedent.testing import ClaudeCode

MINE = tuple(point for point in POINTS if point.startswith("model."))
DRIVER = """
import sys
from pathlib import Path
from precedent.app import App
from precedent.settings import load
app = App(load(data_dir=Path(sys.argv[1]), detection="llm", model_name="scripted", model_base_url=sys.argv[2]))
app.ask_model()
app.close()
"""


@pytest.mark.parametrize("point", MINE)
def test_no_answer_is_paid_for_twice_whatever_dies(tmp_path: Path, point: str) -> None:
    app, home = App(load(data_dir=tmp_path / "data", extraction_processes=1)), home_of(tmp_path)
    for name in ("one", "two"):
        session = ClaudeCode(name).prompt("go").reply("The gauge is wired.").prompt(f"no because {name} talks by radio")
        put(home.path / ".claude/projects" / session.path, session.data)
    app.collect([home])
    app.run_processor("verification")
    with app.store.write() as tx:
        ada = people.ensure(tx, home.user, now=1)
        consent.put(tx, ada, Purpose.MODEL, project="", allowed=True, by="ada", now=1)
    with ModelServer(quoting) as server:
        command = [sys.executable, "-c", DRIVER, str(tmp_path / "data"), f"{server.url}/v1"]
        for fault, status in ((f"{point}:1", -signal.SIGKILL), (f"{point}:1", -signal.SIGKILL), ("", 0)):
            done = subprocess.run(
                command, env=os.environ | {"PRECEDENT_FAULT": fault}, capture_output=True, text=True, check=False
            )
            assert done.returncode == status, done.stderr
        assert len(server.asked) == 2, "one question for each session"
    with app.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(knowledge_call)) == 2
        found = rows.items(tx)
        assert len(found) == 2 == len(rows.evidence(tx, [item.id for item in found]))
    app.close()
