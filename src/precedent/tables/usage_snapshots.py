"""Writes sums of usage by day as Parquet, so that questions are answered from files and never from the database.

A snapshot is written when the sums have changed, under a name that says which sums it holds.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from precedent.store import Store
from precedent.store.schema import usage_event_rollup, usage_name, usage_rollup, user

from . import sql
from .model import TOOLS
from .rows import RowFile

FOLDER = "usage"

DAY_SPAN = 96
"""Quarter hours of the sums that are taken: of a UTC day."""

LONG_SPAN = 3072
PER_DAY = 96
MICROS = 1_000_000
EPOCH = date(1970, 1, 1).toordinal()


class Snapshots(NamedTuple):
    """The newest snapshots; None where there is none yet."""

    usage: Path | None
    tools: Path | None


def latest(root: Path) -> Snapshots:
    """Return the newest snapshots below the folder of all tables."""
    found = [sorted(root.glob(f"{FOLDER}/{kind}-*.parquet"), key=_written) for kind in ("usage", "tools")]
    return Snapshots(*[paths[-1] if paths else None for paths in found])


def write(store: Store, root: Path) -> bool:
    """Bring the snapshots up to date; tell whether anything was written."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = False
    for kind, table, rows in (("usage", usage_rollup, _requests), ("tools", usage_event_rollup, _events)):
        with store.read() as tx:
            path = folder / f"{kind}-{_fingerprint(tx, table)}.parquet"
            if not path.exists():
                _write(rows(tx), path)
                written = True
        remove(root, kind, but=path)
    return written


def remove(root: Path, kind: str = "*", *, but: Path | None = None) -> None:
    """Remove snapshots, all or those of before; what somebody has open goes when they close it."""
    for path in root.glob(f"{FOLDER}/{kind}-*.parquet"):
        if path != but:
            path.unlink(missing_ok=True)


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _fingerprint(tx: sa.Connection, table: sa.Table) -> str:
    """Return what differs when any sum differs: the sums of the longest span, which are few."""
    sums = [sa.func.sum(column) for column in table.columns if column.name not in {"span", "bucket"}]
    row = tx.execute(sa.select(sa.func.count(), *sums).where(table.c.span == LONG_SPAN)).one()
    return hashlib.sha256(repr([int(each or 0) for each in row]).encode()).hexdigest()[:32]


def _write(rows: Iterator[dict[str, Any]], path: Path) -> None:
    import duckdb  # noqa: PLC0415  # only a job needs it

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        found, made = RowFile(Path(folder, "rows.ndjson")), Path(folder, "made.parquet")
        if not found.write(rows):
            return
        with duckdb.connect(
            ":memory:", config={"memory_limit": "256MB", "threads": 1, "temp_directory": folder}
        ) as base:
            base.execute(f"COPY ({found.select()}) TO {sql.text(str(made))} (FORMAT parquet, COMPRESSION zstd)")
        os.replace(made, path)


def _requests(tx: sa.Connection) -> Iterator[dict[str, Any]]:
    """Yield sums by day, person, agent, model and project."""
    row = usage_rollup.c
    sums = ("requests", "input_tokens", "output_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
            "cache_read_tokens", "web_searches", "cost_usd_micros", "priced_requests")  # fmt: skip
    for each in tx.execute(_by_day(usage_rollup, [row[name] for name in sums])):
        yield (
            _day(each)
            | {name: int(getattr(each, name)) for name in sums if name != "cost_usd_micros"}
            | {"cost_usd": each.cost_usd_micros / MICROS}
        )


def _events(tx: sa.Connection) -> Iterator[dict[str, Any]]:
    """Yield counts by day, person, agent, model, project, kind and name."""
    row, named = usage_event_rollup.c, usage_name.alias("named")
    counts = [name for name in TOOLS if name in row]
    columns = [named.c.kind.label("kind"), named.c.name.label("name"), *[row[name] for name in counts]]
    for each in tx.execute(_by_day(usage_event_rollup, columns).join(named, named.c.id == row.name_id)):
        sums = {name: int(getattr(each, name)) for name in counts}
        yield _day(each) | {"kind": each.kind, "name": each.name} | sums


def _by_day(table: sa.Table, columns: "Sequence[sa.ColumnElement[Any]]") -> "sa.Select[Any]":
    row = table.c
    names = {each: usage_name.alias(each) for each in ("agent", "model", "project")}
    query = sa.select(
        row.bucket, user.c.key.label("person"), *[names[each].c.name.label(each) for each in names], *columns
    ).where(row.span == DAY_SPAN)
    query = query.join(user, user.c.id == row.user_id)
    for each, alias in names.items():
        query = query.outerjoin(alias, alias.c.id == row[f"{each}_id"])
    return query.order_by(row.bucket).execution_options(yield_per=5_000)


def _day(row: "sa.Row[Any]") -> dict[str, Any]:
    day = date.fromordinal(EPOCH + row.bucket // PER_DAY)
    return {"day": day, "person": row.person, "agent": row.agent, "model": row.model, "project": row.project}
