"""Collects, and runs a foreign processor and the usage processor: what `test_kill.py` kills.

`python driver.py DATA_FOLDER DATABASE_URL HOMES_FOLDER SECONDS_AHEAD`; prints what was done.
"""

import sys
import time
from pathlib import Path

from plugin_processors import OBEDIENT
from precedent.app import App
from precedent.archive.sources import Home
from precedent.clock import SECOND, Clock
from precedent.pipeline import state
from precedent.settings import load


def main() -> None:
    data, url, homes, ahead = sys.argv[1:]
    clock = Clock(now=lambda: time.time_ns() // 1000 + int(ahead) * SECOND)
    app = App(load(data_dir=Path(data), database_url=url, extraction_processes=1), clock=clock)
    try:
        with app.store.write() as tx:
            tx.exec_driver_sql(
                "CREATE TABLE IF NOT EXISTS plugin_item (version BIGINT, transcript_id BIGINT, file TEXT, item TEXT)"
            )
            state.register(tx, OBEDIENT, now=clock.now())
        print(app.collect([Home(path, path.name) for path in sorted(Path(homes).iterdir())]))
        print(app.runner.run(OBEDIENT, "plugin_processors:OBEDIENT"))
        print(app.run_processor("usage"))
    finally:
        app.close()


main()
