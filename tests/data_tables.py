"""Sources and tables of tests, and what becomes of them."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from precedent.app import App
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE
from precedent.tables import listing
from precedent.tables.asking import Answer
from precedent.tables.listing import RefreshShown, TableShown
from precedent.tables.model import Kind, Source, TableSpec
from precedent.tables.refreshing import RefreshStats

LOOPBACK = ("localhost", "127.0.0.0/8")


def source(app: App, name: str, kind: Kind, place: str, **more: Any) -> None:
    app.data_registry.add_source(Source(name=name, kind=kind, place=place, **more), by=BY_COMMAND_LINE)


def table(app: App, name: str, source: str, selection: dict[str, Any], **more: Any) -> None:
    spec = TableSpec(name=name, source=source, selection=selection, **more)
    app.data_registry.add(spec, by=BY_COMMAND_LINE)


def shown(app: App, name: str) -> TableShown:
    with app.store.read() as tx:
        return listing.table(tx, name, now=app.clock.now())


def looks(app: App, name: str) -> list[RefreshShown]:
    with app.store.read() as tx:
        return listing.refreshes(tx, name)


def ask(app: App, sql: str) -> list[list[Any]]:
    found: Answer = app.ask(COMMAND_LINE, sql, max_rows=10_000)
    return found.rows


def outcome(stats: RefreshStats) -> dict[str, int]:
    return {name: getattr(stats, name) for name in ("published", "unchanged", "failed") if getattr(stats, name)}


def sqlite_of(path: Path, script: str = "") -> Path:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        connection.commit()
    return path


def shop(app: App, folder: Path) -> Path:
    """Make a source `shop`, a SQLite file with three orders, and return its path."""
    source(app, "shop", Kind.SQLITE, "shop.db")
    return sqlite_of(folder / "shop.db", ORDERS)


ORDERS = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT, price REAL, changed INTEGER);
INSERT INTO orders VALUES (1, 'rope', 2.5, 10), (2, 'sail', NULL, 20), (3, 'mast', 99.0, 20);
"""
