"""Processors for tests, such as others may install: they do what the prompts of a transcript tell them to.

A prompt `extract: WORD` makes `extract` misbehave in the child, `store: WORD` makes `store` misbehave in the parent,
any other prompt is an item. Children write what they saw into the folder `TMPDIR`, all of the parent that they share.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from precedent.errors import Misconfigured, Terminal, Transient
from precedent.pipeline.contract import Done, Extracted, Extraction, Later, Reject, Retry, Transcript
from precedent.transcripts.events import Kind
from precedent.transcripts.reading import Position

if TYPE_CHECKING:
    import sqlalchemy as sa

CALLS = "extract-calls"
WAITING, GO = "waiting", "go"
HUGE = 40 << 20


class Obedient:
    """Stores one row a prompt into the table `plugin_item`, which has no key: what is stored twice is there twice."""

    cadence_s = 60

    def __init__(self, name: str = "obedient", *, version: int = 1, resumes: bool = True, ballast: int = 0) -> None:
        self.name, self.version = name, version
        self._resumes, self._ballast = resumes, ballast

    def extract(self, transcript: Transcript, cursor: bytes | None) -> Extraction:
        shared = Path(os.environ["TMPDIR"])
        begun = msgspec.msgpack.decode(cursor[self._ballast :], type=Position) if cursor else Position()
        with (shared / CALLS).open("a") as calls:
            calls.write(f"{self.name} {transcript.ref.session_file} {begun.offset}\n")
        reading = transcript.read(begun)
        items: list[str] = []
        for event in reading:
            if event.kind is not Kind.PROMPT:
                continue
            verb, _, word = event.text.partition(": ")
            if verb == "extract":
                answer = misbehave(word, shared, transcript)
                if answer is not None:
                    return answer
            else:
                items.append(event.text)
        after = b"\0" * self._ballast + msgspec.msgpack.encode(reading.position)
        payload = msgspec.msgpack.encode(items) + b"\0" * self._ballast
        return Done(payload=payload, cursor=after if self._resumes else None)

    def store(self, extracted: Extracted, tx: "sa.Connection") -> int:
        payload = extracted.payload
        items: list[str] = msgspec.msgpack.decode(payload[: len(payload) - self._ballast] or b"\x90")
        mark = "?" if tx.dialect.name == "sqlite" else "%s"
        if extracted.restarted or not self._resumes:
            self.remove([extracted.ref.id], tx)
        for item in items:
            verb, _, word = item.partition(": ")
            row = self.version, extracted.ref.id, extracted.ref.session_file, item
            tx.exec_driver_sql(f"INSERT INTO plugin_item VALUES ({mark}, {mark}, {mark}, {mark})", row)
            if verb == "store":
                return misstore(word, tx)
        return len(items)

    def remove(self, transcript_ids: Sequence[int], tx: "sa.Connection") -> None:
        mark = "?" if tx.dialect.name == "sqlite" else "%s"
        for each in transcript_ids:
            tx.exec_driver_sql(f"DELETE FROM plugin_item WHERE transcript_id = {mark}", (each,))


def misbehave(word: str, shared: Path, transcript: Transcript) -> Extraction | None:
    """Do in the child what the word says; None goes on with the transcript."""
    match word.split():
        case ["raise"]:
            raise ValueError("told to raise")
        case ["raise-once"] if not (shared / transcript.ref.native_id).exists():
            (shared / transcript.ref.native_id).touch()
            raise ValueError("told to raise once")
        case ["deep"]:
            return misbehave(word, shared, transcript)
        case ["terminal"]:
            raise Terminal("told to fail for good")
        case ["transient"]:
            raise Transient("told to fail for now")
        case ["misconfigured"]:
            if not (shared / "configured").exists():
                raise Misconfigured("no key is set")
        case ["retry", after]:
            return Retry(reason="told to retry", after_s=float(after))
        case ["later", after] if not (shared / "ended").exists():
            return Later(after_s=float(after))
        case ["reject"]:
            return Reject(reason="told to reject")
        case ["wrong-type"]:
            return cast(Extraction, ["not", "an", "extraction"])
        case ["none"]:
            return cast(Extraction, None)
        case ["hang"]:
            time.sleep(600)
        case ["nap", seconds]:
            time.sleep(float(seconds))
        case ["wait"] if not (shared / WAITING).exists():
            (shared / WAITING).touch()
            while not (shared / GO).exists():
                time.sleep(0.01)
        case ["memory"]:
            hoard = [bytearray(16 << 20) for _ in range(1000)]
            raise AssertionError(f"{len(hoard)} pieces were given")
        case ["os-exit"]:
            os._exit(3)
        case ["system-exit"]:
            raise SystemExit(0)
        case ["interrupt"]:
            raise KeyboardInterrupt
        case ["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["print"]:
            print("garbage", "\xff\0" * 100, flush=True)
            os.write(1, b"\x04\0\0\0garbage" * 1000)
        case ["huge"]:
            return Done(payload=msgspec.msgpack.encode(["x" * HUGE]))
        case ["look"]:
            return Done(payload=msgspec.msgpack.encode([msgspec.json.encode(surroundings()).decode()]))
    return None


def surroundings() -> dict[str, Any]:
    """What a child can see of its parent."""
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
    return {"environment": sorted(os.environ), "descriptors": links, "modules": sorted(sys.modules)}


def misstore(word: str, tx: "sa.Connection") -> int:
    """Do in the parent's transaction what the word says."""
    match word:
        case "raise":
            raise ValueError("told to raise while storing")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "broken-sql":
            tx.exec_driver_sql("INSERT INTO no_such_table VALUES (1)")
        case "none":
            return cast(int, None)
        case "text":
            return cast(int, "three")
        case "negative":
            return -1
    return 1


OBEDIENT = Obedient()
NEWER = Obedient(version=2)
SECOND = Obedient("second")
WHOLE = Obedient("whole", resumes=False)
BULKY = Obedient("bulky", ballast=300_000)
