"""Imports a state and may die before the n-th statement or commit: what `test_import_kill.py` kills.

`import_driver.py DATA URL FILE NUMBER`: an empty URL is the data folder's own database, the number 0 is no death.
Prints how many statements and commits there were.
"""

import os
import signal
import sys
from pathlib import Path

import sqlalchemy as sa

from precedent.app import App
from precedent.settings import load


def main() -> None:
    """Import."""
    data, url, file, number = sys.argv[1:]
    app = App(load(data_dir=Path(data), database_url=url))
    passed = 0

    def pass_one(*_: object) -> None:
        nonlocal passed
        passed += 1
        if passed == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    for event in ("before_cursor_execute", "commit"):
        sa.event.listen(app.store.engine, event, pass_one)
    app.import_state(Path(file))
    print(passed)
    app.close()


main()
