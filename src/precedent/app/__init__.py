"""Wires the program together: the one package that knows every concrete class."""

from dataclasses import dataclass

from ._callers import Callers
from ._keeping import Keeping
from ._knowing import Knowing
from ._watching import Watching
from ._working import Working

__all__ = ["App"]


@dataclass(frozen=True)
class App(Callers, Watching, Working, Keeping, Knowing):
    """The program with its settings; parts are made when they are first needed.

    Args:
        settings: everything that can be set.
        clock: time and chance.
    """

    def close(self) -> None:
        """Close what was opened."""
        for name in ("events", "tracing"):
            if name in self.__dict__:
                getattr(self, name).close()
        if "last_use" in self.__dict__:
            self.last_use.close()
        if "store" in self.__dict__:
            self.store.close()
