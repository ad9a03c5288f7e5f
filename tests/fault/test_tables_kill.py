"""A worker is killed while it publishes a table or a marketplace: readers see all of before or all of after."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_tables import LOOPBACK, ORDERS, ask, shown, source, sqlite_of, table
from git_servers import GitServer, plugin
from precedent.app import App
from precedent.marketplaces import catalogue
from precedent.marketplaces.model import Marketplace
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE
from precedent.settings import load
from precedent.tables.model import Kind

TIMES = 3


def app_of(folder: Path, url: str) -> App:
    return App(
        load(data_dir=folder / "data", database_url=url, data_files_dir=folder / "files", egress_private=LOOPBACK)
    )


def killed(folder: Path, url: str, point: str, *command: str) -> None:
    """Run a command that is killed at a fault point."""
    environment = {
        **os.environ, "PRECEDENT_DATABASE_URL": url, "PRECEDENT_FAULT": point,
        "PRECEDENT_DATA_FILES_DIR": str(folder / "files"), "PRECEDENT_EGRESS_PRIVATE": '["localhost", "127.0.0.0/8"]',
    }  # fmt: skip
    call = [sys.executable, "-m", "precedent.cli", "--data-dir", str(folder / "data"), *command]
    done = subprocess.run(call, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("point", ["table.renamed", "table.published"])
def test_a_table_is_whole_whenever_its_worker_is_killed(tmp_path: Path, database_url: str, point: str) -> None:
    (tmp_path / "files").mkdir()
    sqlite_of(tmp_path / "files" / "shop.db", ORDERS)
    with contextlib.closing(app_of(tmp_path, database_url)) as app:
        source(app, "shop", Kind.SQLITE, "shop.db")
        table(app, "orders", "shop", {"table": "orders"})
        app.refresh_tables()
        for number in range(TIMES):
            sqlite_of(tmp_path / "files" / "shop.db", f"INSERT INTO orders VALUES ({10 + number}, 'x', 1, 1)")
            killed(tmp_path, database_url, point, "data", "refresh", "orders")
            before, after = 3 + number, 4 + number
            assert ask(app, "SELECT count(*) FROM orders") in ([[before]], [[after]])
            app.refresh_tables(["orders"])  # takes the dead one's run over
            assert ask(app, "SELECT count(*), count(DISTINCT id) FROM orders") == [[after, after]]
        assert shown(app, "orders").version == TIMES + 1


@pytest.mark.parametrize("point", ["marketplace.moved", "marketplace.published"])
def test_a_marketplace_is_whole_whenever_its_worker_is_killed(tmp_path: Path, database_url: str, point: str) -> None:
    (tmp_path / "git").mkdir()
    git = GitServer(tmp_path / "git")
    git.commit("harbour.git", plugin())
    with git.serving(), contextlib.closing(app_of(tmp_path, database_url)) as app:
        given = Marketplace(name="harbour", url=f"{git.url}/harbour.git")
        app.marketplaces.add(given, by=BY_COMMAND_LINE)
        for number in range(TIMES):
            commit = git.commit("harbour.git", plugin(text=f"Words {number}."))
            killed(tmp_path, database_url, point, "marketplaces", "sync")
            app.syncing.sync()
            with app.store.read() as tx:
                (found,) = catalogue.marketplaces(tx)
                (only,) = catalogue.plugins(tx, COMMAND_LINE)
            assert (found.commit_id, found.error, found.plugins) == (commit, "", {"new": 1})
            app.marketplaces.trust("harbour", "tides", content_hash=only.content_hash, by=BY_COMMAND_LINE)
            assert app.serve_git(COMMAND_LINE, body=None).startswith(b"001e# service=git-upload-pack\n")
            app.marketplaces.block("harbour", "tides", by=BY_COMMAND_LINE)
            with app.store.write() as tx:  # as nobody had looked at it yet
                tx.exec_driver_sql("UPDATE marketplace_plugin SET blocked = false")
