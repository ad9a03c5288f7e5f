"""Extracts in the test's own process, over the same frames that a child would be sent."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

import msgspec

from precedent.pipeline.child import extract, guarded
from precedent.pipeline.contract import Processor
from precedent.pipeline.executor import Finished
from precedent.pipeline.wire import HEADER, Answer, Failed, Task, frame


class InProcess:
    """Runs `extract` where a debugger and a coverage tool can see it; see `pipeline.executor.Executor`.

    Tasks and answers go through the encoding that a child's would. A limit of time or memory is not kept, and code that
    ends the process ends the test's.

    Args:
        processor: what to run.
    """

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._tasks = msgspec.msgpack.Decoder(Task)
        self._answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing to end."""

    def start(self, count: int) -> None:
        """Nothing to prepare."""

    def run(self, tasks: Iterable[Task]) -> Iterator[Finished]:
        """Yield every task's answer, in the order of the tasks."""
        for task in tasks:
            yield Finished(task, self._answer(self._tasks.decode(frame(task)[HEADER.size :])))

    def _answer(self, task: Task) -> Answer:
        answer = guarded(lambda: extract(self._processor, task))
        try:
            sent = frame(answer)
        except (msgspec.EncodeError, TypeError) as error:
            return Failed(kind="unclassified", error=f"answer cannot be sent: {error}")  # of this a child dies
        try:
            return self._answers.decode(sent[HEADER.size :])
        except msgspec.DecodeError as error:
            return Failed(kind="contract", error=f"answer cannot be decoded: {error}")
