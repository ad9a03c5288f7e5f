"""Collects a home and counts it in a process of its own, and tells how much memory that took: `driver.py DATA HOME`.

Prints the counts of both, what is known of each transcript, and the largest resident sizes in MB of this process and
of its children.
"""

import json
import resource
import sys
from pathlib import Path

import msgspec

from hostile.world import Chain
from precedent.app import App
from precedent.archive.sources import Home
from precedent.settings import load


def main() -> None:
    """Collect and count."""
    data, home = map(Path, sys.argv[1:])
    app = App(load(data_dir=data, extraction_processes=1))
    chain = Chain(app)
    collected, counted = chain.collect([Home(home, home.name)]), chain.count()
    app.close()
    # What `getrusage` says of this process begins with the size of the one that started it.
    status = Path("/proc/self/status").read_text()
    mine = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    # What a child starts with is counted as its own, so this is no less than what it had.
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    found = {
        "collected": msgspec.to_builtins(collected),
        "counted": msgspec.to_builtins(counted),
        "seen": {native: each._asdict() for native, each in chain.seen().items()},
        "mine_mb": mine >> 10,
        "children_mb": theirs >> 10,
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
