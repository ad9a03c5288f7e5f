"""The one tree of errors.

    PrecedentError
    ├── Terminal            never retried: the same input fails the same way
    │   ├── BadInput        what a person or a file gave cannot be used
    │   ├── ContractBroken  a plugin returned or declared something the contract forbids
    │   ├── NotFound        the named thing does not exist
    │   └── Misconfigured   a setting is wrong or missing; pauses the processor it concerns
    └── Transient           retried with growing delays
        ├── Busy            somebody else holds what is needed (`holder` says who)
        └── Fenced          our claim was taken over; what we computed is dropped

Every message says what failed, where, and what to do next. Causes are chained.
"""


class PrecedentError(Exception):
    """Base of everything Precedent raises on purpose."""


class Terminal(PrecedentError):
    """Fails the same way every time: goes to the dead letter at once."""


class Transient(PrecedentError):
    """May succeed later: retried with growing delays."""


class BadInput(Terminal):
    """What a person or a file gave cannot be used."""


class ContractBroken(Terminal):
    """A plugin returned or declared something its contract forbids."""


class NotFound(Terminal):
    """The named thing does not exist."""


class Misconfigured(Terminal):
    """A setting is wrong or missing."""


class Busy(Transient):
    """Somebody else holds what is needed.

    Attributes:
        holder: id of the run that holds it.
    """

    def __init__(self, message: str, *, holder: int) -> None:
        super().__init__(message)
        self.holder = holder


class Fenced(Transient):
    """Our claim was taken over by another worker; the result is dropped."""
