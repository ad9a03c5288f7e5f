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
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from precedent import children
from precedent.errors import ContractBroken

from .contract import Done, Later, Processor, Reject, Retry, Transcript
from .wire import Answer, Failed, Task, failed, receive, send

T = TypeVar("T")


def load(path: str) -> Any:
    """Import what `module:attribute` names."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def guarded(work: Callable[[], T]) -> T | Failed:
    """Run foreign code; whatever it raises becomes an answer: nothing of a processor may end the run."""
    try:
        return work()
    except Exception as error:
        return failed(error)


def extract(processor: Processor, task: Task) -> Answer:
    """Run one extraction."""
    transcript = Transcript(task.ref, path=Path(task.path), reader=load(task.reader))
    found = processor.extract(transcript, task.cursor)
    if not isinstance(found, Done | Retry | Later | Reject):
        raise ContractBroken(f"extract returned {type(found).__name__}, not Done, Retry, Later or Reject")
    return found


def main() -> None:
    """Answer tasks until the input ends."""
    name, memory = sys.argv[1], int(sys.argv[2])
    output = children.answers()  # the end of the input is seen between transcripts only, and one may take minutes
    tasks = os.fdopen(os.dup(0), "rb")
    os.close(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    processor = guarded(lambda: load(name))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # Extraction builds no cycles worth collecting while it runs; between transcripts there is time.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    decoder = msgspec.msgpack.Decoder(Task)
    while (body := receive(tasks)) is not None:
        answer = _answer(processor, decoder.decode(body))
        try:
            send(output, answer)
        except BrokenPipeError:
            os._exit(1)  # who asked has died; what is left in the buffer would be tried, and told of, once more


def _answer(processor: Any, task: Task) -> Answer:
    if isinstance(processor, Failed):
        # What cannot be loaded pauses the processor and blames no transcript.
        return Failed(kind="misconfigured", error=processor.error)
    return guarded(lambda: extract(processor, task))


if __name__ == "__main__":
    main()
