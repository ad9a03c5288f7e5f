"""The one tree of errors.

    PrecedentError
    ├── Terminal            never retried: the same input fails the same way
    │   ├── BadInput        what a person or a file gave cannot be used
    │   │   ├── TooLarge    it is larger than is taken
    │   │   └── Unsupported it is of a kind that is not known
    │   ├── ContractBroken  a plugin returned or declared something the contract forbids
    │   ├── NotFound        the named thing does not exist, or is not for the caller to know of
    │   │   └── Gone        it was deleted on purpose and is not taken again
    │   ├── Unauthenticated nobody proved who they are
    │   ├── Forbidden       the caller may not do this
    │   │   └── Private     somebody keeps it private, so it is not taken
    │   ├── Conflict        the thing is in another state than the caller thinks
    │   └── Misconfigured   a setting is wrong or missing; pauses the processor it concerns
    └── Transient           retried with growing delays
        ├── Busy            somebody else holds what is needed (`holder` says who)
        ├── Exhausted       a limit or quota is reached (`retry_after_s` says for how long)
        └── Fenced          our claim was taken over; what we computed is dropped

Every message says what failed, where, and what to do next. Causes are chained.
"""

from enum import StrEnum


class PrecedentError(Exception):
    """Base of everything Precedent raises on purpose."""


class Terminal(PrecedentError):
    """Fails the same way every time: goes to the dead letter at once."""


class Transient(PrecedentError):
    """May succeed later: retried with growing delays."""


class BadInput(Terminal):
    """What a person or a file gave cannot be used."""


class TooLarge(BadInput):
    """Something is larger than is taken."""


class Unsupported(BadInput):
    """Something is of a kind that is not known."""


class ContractBroken(Terminal):
    """A plugin returned or declared something its contract forbids."""


class NotFound(Terminal):
    """The named thing does not exist."""


class Gone(NotFound):
    """The named thing was deleted on purpose and is not taken again."""


class Unauthenticated(Terminal):
    """Nobody proved who they are."""


class Forbidden(Terminal):
    """The caller may not do this."""


class Private(Forbidden):
    """Somebody keeps the thing private, so it is not taken."""


class Conflict(Terminal):
    """The thing is in another state than the caller thinks.

    Attributes:
        state: what the caller needs to know to go on, ready for JSON.
    """

    def __init__(self, message: str, *, state: dict[str, int | str | None] | None = None) -> None:
        super().__init__(message)
        self.state = state or {}


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


class Exhausted(Transient):
    """A limit or quota is reached.

    Attributes:
        retry_after_s: seconds after which it is worth trying again.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Fenced(Transient):
    """Our claim was taken over by another worker; the result is dropped."""


class Fault(StrEnum):
    """Whether trying again can help, as it is told of what is read from others: tables, repositories."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"

    @classmethod
    def of(cls, error: Exception) -> "Fault":
        """Return what an error is."""
        return cls.PERMANENT if isinstance(error, Terminal) else cls.TRANSIENT
