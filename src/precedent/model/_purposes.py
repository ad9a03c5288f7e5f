from enum import StrEnum


class Purpose(StrEnum):
    """What a processor reads transcripts for; a person allows or denies each."""

    SERVER = "server"
    """What stays on the server: usage, findings, rules."""
    MODEL = "model"
    """Sending text to a model."""

    @property
    def is_allowed_by_default(self) -> bool:
        """Tell whether it is allowed to whoever has said nothing."""
        return self is Purpose.SERVER
