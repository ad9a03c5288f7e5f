"""The extraction child: a process that has no database handle and that may be killed at any moment.

`python -m precedent.pipeline.child MODULE:ATTRIBUTE MEMORY_BYTES` reads tasks from its standard input and answers each
on its standard output, in order. It is started with a scrubbed environment and loads neither the database library nor
any other part of the program that extraction does not need.
"""

import gc
import importlib
import os
import resource
import sys
from pathlib import Path
from typing import Any

import msgspec

from precedent.errors import ContractBroken

from .contract import Done, Later, Processor, Reject, Retry, Transcript
from .wire import Answer, Failed, Task, failed, receive, send


def load(path: str) -> Any:
    """Import what `module:attribute` names."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def extract(processor: Processor, task: Task) -> Answer:
    """Run one extraction; whatever it raises becomes an answer."""
    try:
        transcript = Transcript(task.ref, path=Path(task.path), reader=load(task.reader))
        found = processor.extract(transcript, task.cursor)
        if not isinstance(found, Done | Retry | Later | Reject):
            raise ContractBroken(f"extract returned {type(found).__name__}, not Done, Retry, Later or Reject")
        return found
    except Exception as error:  # the boundary of foreign code: nothing of a processor may end the run
        return failed(error)


def main() -> None:
    """Answer tasks until the input ends."""
    name, memory = sys.argv[1], int(sys.argv[2])
    # Printing must not get between the frames: standard output becomes standard error.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks = os.fdopen(os.dup(0), "rb")
    os.close(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    processor: Any = None
    unusable: Failed | None = None
    try:
        processor = load(name)
    except Exception as error:  # foreign code: what cannot be loaded pauses the processor and blames no transcript
        unusable = Failed(kind="misconfigured", error=failed(error).error)
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # Extraction builds no cycles worth collecting while it runs; between transcripts there is time.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    decoder = msgspec.msgpack.Decoder(Task)
    while (body := receive(tasks)) is not None:
        task = decoder.decode(body)
        send(output, extract(processor, task) if processor is not None else unusable or _NOTHING_LOADED)


_NOTHING_LOADED = Failed(kind="misconfigured", error="the processor is None")

if __name__ == "__main__":
    main()
