"""What an evaluation comes to."""

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation comes to.

    Attributes:
        name: of the evaluation.
        figures: by name; shares are from 0 to 1.
        goals: the least value of figures that have one.
        failures: the examples that went wrong, for people.
    """

    name: str
    figures: dict[str, float]
    goals: dict[str, float]
    failures: list[str] = []

    @property
    def ok(self) -> bool:
        """Tell whether every goal is reached."""
        return all(self.figures[name] >= least for name, least in self.goals.items())
