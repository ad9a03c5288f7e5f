"""Collects, and runs an installed foreign processor and the usage processor: what `test_kill.py` kills.

Reads a request a line, works on each in a process of its own that is forked after everything was imported (which is
what makes hundreds of deaths affordable), and answers with that process' id and exit status.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import NamedTuple

from precedent import faults
from precedent.app import App
from precedent.archive.sources import Home
from precedent.clock import SECOND, Clock
from precedent.settings import load


class Request(NamedTuple):
    """What to do.

    Attributes:
        data: data folder; gets the files `out` and `err` too.
        url: of the database; empty for the data folder's own.
        homes: folder of the homes.
        fault: value of `PRECEDENT_FAULT`.
        ahead_s: how far the clock is ahead.
    """

    data: str
    url: str
    homes: str
    fault: str = ""
    ahead_s: int = 0


def work(request: Request) -> None:
    """Collect and process."""
    clock = Clock(now=lambda: time.time_ns() // 1000 + request.ahead_s * SECOND)
    app = App(load(data_dir=Path(request.data), database_url=request.url, extraction_processes=1), clock=clock)
    try:
        with app.store.write() as tx:
            tx.exec_driver_sql(
                "CREATE TABLE IF NOT EXISTS plugin_item (version BIGINT, transcript_id BIGINT, file TEXT, item TEXT)"
            )
        print(app.collect([Home(path, path.name) for path in sorted(Path(request.homes).iterdir())]))
        print(app.run_processor("obedient"))
        print(app.run_processor("usage"))
    finally:
        app.close()


def become(request: Request) -> None:
    """Turn this process into one that was started for the request, and end it."""
    os.setsid()
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(request.data, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.environ |= {"PRECEDENT_FAULT": request.fault, "TMPDIR": request.data}
    faults._wanted, _, number_of_passing = request.fault.partition(":")
    faults._left[0] = int(number_of_passing or 1)
    status = 1
    try:
        work(request)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def main() -> None:
    """Answer requests until the input ends."""
    for line in sys.stdin:
        request = Request(**json.loads(line))
        child = os.fork()
        if not child:
            become(request)
        _, status = os.waitpid(child, 0)
        print(json.dumps([child, os.waitstatus_to_exitcode(status)]), flush=True)


main()
