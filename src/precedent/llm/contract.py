"""Questions to a model, its answers, and the ways in which asking fails."""

from typing import Any, Literal

import msgspec


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Which model is asked.

    Attributes:
        provider: the wire format: `openai` is also that of Ollama, vLLM and most gateways.
        model: as the vendor names it.
        base_url: of another server than the vendor's own; empty for that.
        api_key: empty where none is needed.
        timeout_s: of one question.
    """

    provider: Literal["openai", "anthropic"]
    model: str
    base_url: str = ""
    api_key: str = ""
    timeout_s: float = 120.0

    @property
    def name(self) -> str:
        """As evidence and the cache name it."""
        return f"{self.provider}:{self.model}"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question.

    Attributes:
        system: the rules; in a channel of its own, where no transcript can write.
        text: what is to be read.
        schema: of the answer, a JSON schema.
        max_tokens: of the answer at most.
    """

    system: str
    text: str
    schema: dict[str, Any]
    max_tokens: int


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a model answered; paid for, whatever it is worth.

    Attributes:
        text: should be JSON of the schema, and need not be.
    """

    text: str
    input_tokens: int
    output_tokens: int


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nothing came back.

    Attributes:
        transient: it may succeed later; else a setting is wrong.
        retry_after_s: how long the model wants to be left alone; 0 if it did not say.
    """

    transient: bool
    error: str
    retry_after_s: float = 0.0
