"""Syncing 50 marketplaces of which nothing has changed, and serving them: `python -m benchmarks.marketplaces`.

The repositories are served on loopback by dulwich in this process; a look at one by the `git` program, where it is
installed, is the reference.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from git_servers import GitServer, plugin
from precedent.app import App
from precedent.marketplaces import catalogue
from precedent.marketplaces.model import Marketplace
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE
from precedent.settings import load

COUNT = 50
ROUNDS = 5


def main() -> None:
    """Print the seconds of each."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "git").mkdir()
        server = GitServer(Path(folder) / "git")
        for number in range(COUNT):
            server.commit(f"m{number}.git", plugin(f"tides-{number}"))
        app = App(load(data_dir=Path(folder) / "data", egress_private=("localhost", "127.0.0.0/8")))
        with server.serving():
            for number in range(COUNT):
                given = Marketplace(name=f"m{number}", url=f"{server.url}/m{number}.git")
                app.marketplaces.add(given, by=BY_COMMAND_LINE)
            print(f"first sync of {COUNT}: {_timed(app.sync_marketplaces):.2f} s")
            unchanged = sorted(_timed(app.sync_marketplaces) for _ in range(ROUNDS))
            print(f"unchanged: {unchanged[0]:.2f} to {unchanged[-1]:.2f} s, median {unchanged[ROUNDS // 2]:.2f} s")
            if git := shutil.which("git"):
                urls = [f"{server.url}/m{number}.git" for number in range(COUNT)]
                took = _timed(lambda: [subprocess.check_output([git, "ls-remote", each]) for each in urls])
                print(f"git ls-remote, one after the other: {took:.2f} s")
        with app.store.read() as tx:
            found = catalogue.plugins(tx, COMMAND_LINE)
        for each in found:
            app.marketplaces.trust(each.marketplace, each.name, content_hash=each.content_hash, by=BY_COMMAND_LINE)
        first = _timed(lambda: app.serve_git(COMMAND_LINE, body=None))
        again = _timed(lambda: app.serve_git(COMMAND_LINE, body=None))
        print(f"refs of {COUNT} plugins served: {first:.2f} s the first time, {again:.2f} s afterwards")
        app.close()


def _timed(act: object) -> float:
    began = time.perf_counter()
    act()  # type: ignore[operator]
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
