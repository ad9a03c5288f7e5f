"""When something is due: the grammar in which schedules are written, and the instants that follow from it. Pure."""

from .due import Schedule, instants, latest, upcoming
from .grammar import Fault, parse

__all__ = ["Fault", "Schedule", "instants", "latest", "parse", "upcoming"]
