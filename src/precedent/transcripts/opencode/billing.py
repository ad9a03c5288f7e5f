"""What an answer of OpenCode bills.

A message's counters are those of its last step, and its cost is the sum over its steps: a message of several steps is
billed by what each step reports.
"""

from collections.abc import Callable

from precedent.model import Tokens
from precedent.transcripts.counters import MAX_USD, count, millionths
from precedent.transcripts.events import Request

from .wire import Cache, Counters, Message, MessageInfo

Note = Callable[[str], None]


def tokens_of(counters: Counters, *, note: Note) -> Tokens:
    """Return each token in exactly one kind.

    Reasoning stands beside the output unless the total shows that it is part of it, as with some providers.
    """
    cache = counters.cache or _NO_CACHE
    into = count(counters.input, note=note, field="tokens.input")
    out = count(counters.output, note=note, field="tokens.output")
    reasoning = count(counters.reasoning, note=note, field="tokens.reasoning")
    read = count(cache.read, note=note, field="tokens.cache.read")
    written = count(cache.write, note=note, field="tokens.cache.write")
    total = count(counters.total, note=note, field="tokens.total")
    if total and total == into + out + read + written and reasoning <= out:
        reasoning = 0
    return Tokens(input=into, output=out + reasoning, cache_write_5m=written, cache_read=read)


def request_of(message: Message, *, key: str, model: str, note: Note) -> Request | None:
    """Return what a message bills; None when it reports no tokens."""
    info = message.info or MessageInfo()
    steps = [each.tokens for each in message.parts or () if each.type == "step-finish" and each.tokens is not None]
    billed = tokens_of(info.tokens, note=note) if info.tokens else Tokens()
    if len(steps) > 1 or (steps and not billed.total):
        each = [tokens_of(step, note=note) for step in steps]
        billed = Tokens(
            input=sum(step.input for step in each),
            output=sum(step.output for step in each),
            cache_write_5m=sum(step.cache_write_5m for step in each),
            cache_read=sum(step.cache_read for step in each),
        )
    if not billed.total:
        return None
    complete = info.finish is not None or (info.time is not None and info.time.completed is not None)
    cost = millionths(info.cost, most=MAX_USD, note=note, field="cost")
    return Request(key=key, model=model, tokens=billed, complete=complete, recorded_cost_micros=cost)


_NO_CACHE = Cache()
