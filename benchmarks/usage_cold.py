"""Usage of 1 GB of transcripts that are in the archive and were never processed: `precedent run usage`.

Reference in the same run: the typed decoding of the same bytes on one core, the least that any exact reader in this
language must do; and `ccusage`, when it is on the path or `CCUSAGE` names it. Arguments: size in MB (1024), runs (3).
"""

import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

from precedent.store.schema import metadata

from . import generate
from ._measure import PRECEDENT, machine, row, run

REFERENCE = """
import sys
from pathlib import Path
import msgspec
from precedent.transcripts.claude_code.wire import Wire
decode = msgspec.json.Decoder(Wire).decode
for path in Path(sys.argv[1]).rglob("*.jsonl"):
    for line in path.read_bytes().split(b"\\n"):
        if line:
            decode(line)
"""


def main(size_mb: int = 1024, runs: int = 3) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        home, data = Path(folder, "home"), Path(folder, "data")
        files = max(1, round(size_mb * (1 << 20) / generate.MEAN_BYTES))
        expected = generate.generate(home, files=files)
        precedent = [*PRECEDENT, "--data-dir", str(data)]
        collected = run([*precedent, "collect", "--home", str(home)])
        print(f"usage, cold, {expected.size_bytes / 1e6:,.0f} MB in {expected.files:,} files; {machine()}")
        print(
            row(
                "collect (once, with redaction)",
                [collected],
                note=f"{expected.size_bytes / 1e6 / collected.wall_s:.0f} MB/s",
            )
        )
        cold = []
        for _ in range(runs):
            _forget_usage(data)
            cold.append(run([*precedent, "run", "usage"]))
        _check(data, expected)
        print(row("precedent run usage, cold", cold))
        print(row("precedent run usage, unchanged", [run([*precedent, "run", "usage"]) for _ in range(runs)]))
        reference = [sys.executable, "-c", REFERENCE, str(data / "sessions")]
        print(row("reference: typed decode, one core", [run(reference) for _ in range(runs)]))
        ccusage = os.environ.get("CCUSAGE") or shutil.which("ccusage")
        if ccusage:
            environment = {"CLAUDE_CONFIG_DIR": str(home / ".claude")}
            command = [ccusage, "daily", "--offline", "--json"]
            print(row("reference: ccusage", [run(command, env=environment) for _ in range(runs)]))


def _forget_usage(data: Path) -> None:
    """Bring the database to where everything is archived and nothing was processed."""
    connection = sqlite3.connect(data / "precedent.db")
    for table in metadata.tables:
        if table.startswith("usage_"):
            connection.execute(f"DELETE FROM {table}")
    connection.execute(
        "UPDATE session_processor_state SET status = 'pending', processed_at = NULL, cursor = NULL, file_hash = '', "
        "processor_version = 0"
    )
    connection.commit()
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _check(data: Path, expected: generate.Generated) -> None:
    connection = sqlite3.connect(data / "precedent.db")
    found = connection.execute("SELECT sum(requests), sum(output_tokens) FROM usage_rollup WHERE span = 1").fetchone()
    connection.close()
    wanted = (expected.requests, expected.tokens.output)
    if found != wanted:
        raise RuntimeError(f"the figures are wrong: requests and output tokens {found}, expected {wanted}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
