"""Token counters of one billed response."""

import msgspec


class Tokens(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Token counts by kind, each a non-negative integer and each token in exactly one kind.

    `input` is what was neither read from nor written to a cache; `output` includes reasoning.
    """

    input: int = 0
    output: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0

    @property
    def total(self) -> int:
        """Sum over all kinds."""
        return self.input + self.output + self.cache_write_5m + self.cache_write_1h + self.cache_read

    @property
    def prompt(self) -> int:
        """Everything the model was given: what a long-context tier is chosen by."""
        return self.input + self.cache_write_5m + self.cache_write_1h + self.cache_read
