"""The clock: computes due instants and asks the server for runs over HTTP; knows nothing of the database."""

from .grammar import Fault, parse
from .schedules import Schedule, instants, upcoming

__all__ = ["Fault", "Schedule", "instants", "parse", "upcoming"]
