"""Turns Codex's cumulative counters into requests.

A token count repeats the session's running total. What is billed is its rise since the total before it in the same
file; an equal total is a repetition; a fall is a reset, after which the last response's own counters are billed.

A fork or a sub-agent starts with a copy of its parent's rows. The key of a request therefore is the cumulative vector
(and how many falls stand before it) within the family of forks, named after its oldest known member: a copied row has
the key of the original.
"""

from collections.abc import Callable

import msgspec

from precedent.model import Tokens
from precedent.transcripts.counters import count
from precedent.transcripts.events import UNKNOWN_MODEL, Request

from .wire import Counters, TokenInfo

Vector = tuple[int, int, int, int, int]
"""Input, cached, cache-written, output, total."""


class Billing(msgspec.Struct):
    """What billing needs to know of the rows before."""

    session_id: str = ""
    family: str = ""
    forked: bool = False
    model: str = ""
    tier: str = ""
    total: Vector | None = None
    resets: int = 0
    turns: int = 0

    def request(self, info: TokenInfo, *, offset: int, note: Callable[[str], None]) -> Request | None:
        """Return what a token count bills; None for a repetition."""
        last = None if info.last_token_usage is None else vector(info.last_token_usage, note=note)
        if info.total_token_usage is None:
            if last is None or not any(last):
                return None
            return self._request(f"codex:{self.session_id}:at:{offset}", last)
        total, before = vector(info.total_token_usage, note=note), self.total
        if total == before:
            return None
        self.total = total
        if before is None:
            # The first row of a fork without copied rows continues its parent's total, which this file does not show.
            billed = last if self.forked and last is not None else total
        elif total[4] < before[4]:
            billed = total if last is None else last
            self.resets += 1  # a total that stood before the fall is no repetition after it
        else:
            rise = [max(0, now - then) for now, then in zip(total, before, strict=True)]
            billed = (rise[0], rise[1], rise[2], rise[3], rise[4])
        if not any(billed[:4]):
            return None
        return self._request(f"codex:{self.family}:{self.resets}:{'.'.join(map(str, total))}", billed)

    def turn(self, usage: Counters, *, note: Callable[[str], None]) -> Request | None:
        """Return what one turn of `codex exec --json` bills."""
        self.turns += 1
        billed = vector(usage, note=note)
        if not any(billed):
            return None
        request = self._request(f"codex:{self.session_id}:turn:{self.turns}", billed)
        return msgspec.structs.replace(request, standin_for=f"session:{self.session_id}")

    def _request(self, key: str, billed: Vector) -> Request:
        tier = {"fast": "priority"}.get(self.tier, self.tier)
        return Request(
            key=key,
            model=self.model or UNKNOWN_MODEL,
            tokens=tokens(billed),
            modifiers=tier if tier in {"batch", "flex", "priority"} else "",
            sidechain=self.forked,
        )


def vector(counters: Counters, *, note: Callable[[str], None]) -> Vector:
    """Return the counters as non-negative integers; a missing total is input plus output."""
    into = count(counters.input_tokens, note=note, field="input_tokens")
    out = count(counters.output_tokens, note=note, field="output_tokens")
    return (
        into,
        count(counters.cached_input_tokens, note=note, field="cached_input_tokens"),
        count(counters.cache_write_input_tokens, note=note, field="cache_write_input_tokens"),
        out,
        count(counters.total_tokens, note=note, field="total_tokens") or into + out,
    )


def tokens(billed: Vector) -> Tokens:
    """Return each token in exactly one kind; what is cached can be no more than what went in."""
    into, cached, written, out, _ = billed
    cached = min(cached, into)
    written = min(written, into - cached)
    return Tokens(input=into - cached - written, output=out, cache_write_5m=written, cache_read=cached)
