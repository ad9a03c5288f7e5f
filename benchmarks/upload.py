"""Uploads over loopback: how fast a server takes them, how fast a laptop pushes, what a hook adds to a session's end.

References in the same run: `cp` of the same bytes, not flushed, and starting an empty interpreter. Arguments: size in
MB (256), runs (3). Exit code 1 when a figure is missed.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from precedent.app import App
from precedent.client import config, hook
from precedent.security.acting import By
from precedent.security.principals import COMMAND_LINE, Role, Scope
from precedent.settings import load

from . import generate
from ._measure import PRECEDENT, Measured, machine, row, run

FLOOR_MB_S = 50.0
HOOK_S = 0.05
HOOK_RUNS = 40
BODY_BYTES = 8 << 20


def main(size_mb: int = 256, runs: int = 3) -> int:
    """Measure and print; 1 when slower than it may be."""
    with tempfile.TemporaryDirectory(prefix="precedent-bench-") as folder:
        home, data = Path(folder, "home"), Path(folder, "data")
        made = generate.generate(home, files=max(1, round(size_mb * (1 << 20) / generate.MEAN_BYTES)))
        size = made.size_bytes / 1e6
        paths = sorted((home / ".claude").rglob("*.jsonl"))
        sent = sum(path.stat().st_size for path in paths) / 1e6
        print(f"uploading, {sent:,.0f} MB in {len(paths):,} transcripts; {machine()}")
        with _serving(data) as (url, token):
            lines = b"".join(path.read_bytes() for path in paths)
            best = min(_upload(url, token, [lines], f"large-{number}") for number in range(runs))
            print(f"  one transcript, plain, parts of 8 MiB   {sent / best:7.0f} MB/s, floor {FLOOR_MB_S:.0f} MB/s")
            small = _upload(url, token, [path.read_bytes() for path in paths], "small")
            print(
                f"  {len(paths):,} transcripts one after another   {sent / small:7.0f} MB/s, {len(paths) / small:.0f}/s"
            )
            del lines
            copied = run(["cp", "-r", str(home), str(Path(folder, "copy"))])
            print(row("reference: cp -r, not flushed", [copied], note=f"{size / copied.wall_s:.0f} MB/s"))
            config.save(home, server=url, token=token)
            first = _push(home)
            print(row("precedent push, all agents", [first], note=f"{size / first.wall_s:.0f} MB/s"))
            print(row("precedent push, nothing new", [_push(home) for _ in range(runs)]))
        slow = _hooks(home)
        return int(sent / best < FLOOR_MB_S or slow)


@contextmanager
def _serving(data: Path) -> Iterator[tuple[str, str]]:
    app = App(load(data_dir=data, uploads_per_day=0, upload_mb_per_day=0))
    by = By(COMMAND_LINE)
    app.accounts.create("ada@example.org", role=Role.MEMBER, by=by)
    token = app.tokens.create("ada", name="benchmark", scopes=[Scope.UPLOAD], by=by).secret
    app.close()
    with tempfile.TemporaryFile() as log:
        port = _free_port()
        environment = os.environ | {
            "PRECEDENT_PORT": str(port), "PRECEDENT_UPLOADS_PER_DAY": "0", "PRECEDENT_UPLOAD_MB_PER_DAY": "0",
        }  # fmt: skip
        process = subprocess.Popen([*PRECEDENT, "--data-dir", str(data), "api"], env=environment, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            ends = time.monotonic() + 60
            while time.monotonic() < ends:
                try:
                    httpx.get(f"{url}/readyz").raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.05)
            yield url, token
        finally:
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    import socket  # noqa: PLC0415  # nothing else here opens one

    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _upload(url: str, token: str, contents: list[bytes], name: str) -> float:
    """Upload transcripts under ids of this round, and return the seconds; the first request is not counted."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=120) as client:
        client.get("/api/sessions/claude-code/warm-up").raise_for_status()
        begun = time.perf_counter()
        for number, content in enumerate(contents):
            at, state = 0, ""
            while at < len(content):
                end = content.find(b"\n", min(len(content) - 1, at + BODY_BYTES)) + 1
                answer = client.post(
                    f"/api/sessions/claude-code/{name}-{number}",
                    params={"at": at, "state": state},
                    content=content[at : end or len(content)],
                )
                answer.raise_for_status()
                at, state = answer.json()["offset"], answer.json()["state"]
        return time.perf_counter() - begun


def _push(home: Path) -> Measured:
    before = os.environ["HOME"]
    os.environ["HOME"] = str(home)
    try:
        return run([*PRECEDENT, "push", "--quiet"])
    finally:
        os.environ["HOME"] = before


def _hooks(home: Path) -> bool:
    call = [sys.executable, "-I", "-S", hook.__file__, "claude-code"]
    (home / config.FILE).unlink()  # nobody is started who would be measured too
    costs = {}
    for name, command in (("hook, whole process", call), ("reference: an empty interpreter", [*call[:3], "-c", "0"])):
        times = []
        for _ in range(HOOK_RUNS):
            begun = time.perf_counter()
            subprocess.run(command, env={"HOME": str(home)}, stdin=subprocess.DEVNULL, check=True)
            times.append(time.perf_counter() - begun)
        costs[name] = sorted(times)[HOOK_RUNS // 2]
        print(f"  {name:38} {costs[name] * 1000:7.1f} ms, median of {HOOK_RUNS}, floor {HOOK_S * 1000:.0f} ms")
    return costs["hook, whole process"] > HOOK_S


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
