"""What collecting promises about long lines, many files at a time, memory, and being told to stop."""

import json
import random
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from builders import claude_path, claude_prompt, claude_session, claude_turn, fill, grow, put, session_id
from precedent.app import App
from precedent.archive.blocks import digests_of
from precedent.archive.folder import LOCKS
from precedent.archive.redact import redact
from precedent.archive.scrubbing import LONG_BYTES, READ_BYTES
from precedent.archive.sources import Home
from precedent.store.schema import transcript

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MAX_RSS_MB = 256
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process between: a new one starts with the peak of the one that made it, and that of the tests is large."""


def secret(seed: int) -> str:
    return "ghp" + "_" + "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=36))


def archived(app: App) -> list[bytes]:
    """The content of every catalogued transcript, in the order in which they were catalogued."""
    with app.store.read() as tx:
        rows = tx.execute(transcript.select().order_by(transcript.c.id)).all()
    return [app.archive.read(row.object_key, start=0, end=row.length + 1) for row in rows]


def objects(app: App) -> list[Path]:
    return [path for path in app.archive.root.rglob("*") if path.is_file() and LOCKS not in path.parts]


def prompt_with_secrets_at(places: list[int], *, size: int, session: str) -> bytes:
    """A prompt of a size with a secret at each of some places."""
    text = bytearray(b"some words " * (size // 11 + 1))
    for number, place in enumerate(places):
        found = b" %b " % secret(number).encode()
        text[place : place + len(found)] = found
    return claude_prompt(text[:size].decode(), session=session)


@SQLITE
def test_a_line_longer_than_a_part_is_scrubbed_as_if_it_were_read_whole(app: App, home: Home) -> None:
    session = session_id("long")
    around = [cut + shift for cut in (READ_BYTES, LONG_BYTES, 2 * LONG_BYTES) for shift in (-300, -230, -180, -120, 9)]
    before = claude_session(session, 1)
    long = prompt_with_secrets_at(around, size=3 * LONG_BYTES, session=session)
    after = claude_turn(session, 5)
    put(claude_path(home.path, session), before + long + after)
    stats = app.collect([home])
    assert (stats.files_copied, stats.redactions) == (1, len(around))
    assert stats.bytes_read == len(before + long + after)
    assert archived(app) == [before + redact(long).data + after]
    assert all(secret(number).encode() not in archived(app)[0] for number in range(len(around)))


@SQLITE
def test_a_torn_long_line_waits_until_it_is_whole(app: App, home: Home) -> None:
    session = session_id("torn")
    before, long = (
        claude_session(session, 1),
        prompt_with_secrets_at([5], size=LONG_BYTES + READ_BYTES, session=session),
    )
    path = put(claude_path(home.path, session), before + long[:-40])
    app.collect([home])
    assert archived(app) == [before]
    grow(path, long[-40:-1])  # now it is a whole object, still without a newline
    app.collect([home])
    assert archived(app) == [before + redact(long).data[:-1]]
    grow(path, long[-1:])
    app.collect([home])
    assert archived(app) == [before + redact(long).data]


@SQLITE
@pytest.mark.parametrize("shift", range(-60, 20, 13))
def test_a_private_folder_named_across_the_parts_of_a_line_is_seen(app: App, home: Home, shift: int) -> None:
    folder = home.path / "private-work"
    folder.mkdir()
    (folder / ".precedent-private").touch()
    session = session_id("private")
    text = "x" * (LONG_BYTES + shift - 200)
    record = {"type": "user", "message": {"role": "user", "content": text}, "cwd": str(folder)}
    rest = {"uuid": session, "sessionId": session, "version": "2.1.0", "more": "y" * READ_BYTES}
    put(claude_path(home.path, session), claude_session(session, 1) + json.dumps(record | rest).encode() + b"\n")
    assert app.collect([home]).files_private == 1
    assert archived(app) == []
    assert objects(app) == []


@SQLITE
def test_transcripts_are_catalogued_in_the_order_of_their_sources_whatever_their_size(app: App, home: Home) -> None:
    sizes = [400, 1, 1, 120, 1, 30, 1, 1, 250, 1] * 9
    sessions = sorted(session_id(f"s{number}") for number in range(len(sizes)))
    for session, turns in zip(sessions, sizes, strict=True):
        put(claude_path(home.path, session), claude_session(session, turns))
    assert app.collect([home]).files_copied == len(sizes)
    expected = [claude_session(session, turns) for session, turns in zip(sessions, sizes, strict=True)]
    assert archived(app) == expected


def stop_after(calls: int) -> Callable[[], bool]:
    left = [calls]

    def stopping() -> bool:
        left[0] -= 1
        return left[0] < 0

    return stopping


@SQLITE
@pytest.mark.parametrize("calls", [0, 1, 2, 3, 5, 9, 30])
def test_stopping_while_a_source_is_copied_leaves_nothing_half_done(app: App, home: Home, calls: int) -> None:
    paths = fill(home, sessions=4, turns=3)
    app.collect([home])
    session = session_id("large")
    paths.append(put(claude_path(home.path, session), claude_session(session, 9_000)))
    grow(paths[0], claude_turn(session_id(0), 50) * 4_000)
    stats = app.collect([home], stopping=stop_after(calls))
    assert stats.files_failed == 0
    assert len(objects(app)) == len(archived(app))
    app.collect([home])
    sources = sorted(path.read_bytes() for path in paths)
    assert sorted(archived(app)) == sources
    with app.store.read() as tx:
        blocks = sorted(tx.execute(sa.select(transcript.c.source_blocks, transcript.c.archive_blocks)).all())
    assert blocks == sorted([(digests_of([data]),) * 2 for data in sources])


def peak_mb(data: Path, home: Path) -> float:
    """Peak memory of `precedent collect`, the way it is run."""
    command = [sys.executable, "-m", "precedent.cli", "--data-dir", str(data), "collect", "--home", str(home)]
    found = subprocess.run([sys.executable, "-c", MEASURED, *command], check=True, capture_output=True)
    return int(found.stdout) / 1024


def write_long_line(path: Path, session: str, *, size: int) -> None:
    start, end = claude_prompt("@@", session=session).split(b"@@")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(claude_session(session, 1) + start)
        piece = (b"a line of some log, with a word or two\\n" * 30_000)[: 1 << 20]
        for number in range(size >> 20):
            file.write(piece + b" %b " % secret(number).encode() if number % 8 == 3 else piece)
        file.write(end)


@pytest.mark.parametrize("size_mb", [100, pytest.param(1_000, marks=pytest.mark.soak)])
def test_a_line_of_100_mb_and_one_of_1_gb_are_collected_in_bounded_memory(tmp_path: Path, size_mb: int) -> None:
    session = session_id("huge")
    write_long_line(claude_path(tmp_path / "ada", session), session, size=size_mb << 20)
    assert peak_mb(tmp_path / "data", tmp_path / "ada") <= MAX_RSS_MB
    [archive] = (tmp_path / "data/sessions").rglob("*.jsonl")
    found = 0
    with archive.open("rb") as file:
        while data := file.read(1 << 20):
            found += data.count(b"[REDACTED:github-token]")
    assert found == (size_mb + 4) // 8
