"""The port between the runner and whoever executes `extract`: child processes, or a test's own process."""

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from .contract import Processor
from .wire import Answer, Task


class Finished(NamedTuple):
    """The answer to a task."""

    task: Task
    answer: Answer


class Executor(Protocol):
    """Extracts for one processor; a context manager that gives back what it holds.

    Whatever `extract` does becomes an answer: no exception of a processor comes out of `run`.
    """

    def __enter__(self) -> Self:
        """Be ready."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """End what is under way."""
        ...

    def start(self, count: int) -> None:
        """Prepare for a number of tasks that will come."""
        ...

    def run(self, tasks: Iterable[Task]) -> Iterator[Finished]:
        """Yield every task's answer, in the order in which they become ready."""
        ...


Executors = Callable[[Processor, str], Executor]
"""Makes an executor for a processor and its `module:attribute`."""
