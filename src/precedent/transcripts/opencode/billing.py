"""What an answer of OpenCode bills, and what it is known by.

A message's counters are those of its last step, and its cost is the sum over its steps: a message of several steps is
billed by what each step reports.

A fork of a session copies its messages under new ids and leaves all else as it was. So a finished answer is known by
its times, model and counters, and a prompt by its time and text: those of two answers are never all the same, as long
as times are exact to the millisecond. One in whole seconds is taken for a rounded one, and the message goes by its ids.
"""

import hashlib
from collections.abc import Callable, Sequence

import msgspec

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


def key_of(info: MessageInfo, *, own: str) -> str:
    """Return what an answer's request is known by, the same in every fork.

    Args:
        info: of the answer.
        own: what names it within its store, for one that is unfinished or has rounded times.
    """
    created, completed = (info.time.created, info.time.completed) if info.time else (None, None)
    if not (created and created % 1000 and completed and info.tokens):
        return f"opencode:{own}"
    tokens = info.tokens
    cache = tokens.cache or _NO_CACHE
    counters = (tokens.input, tokens.output, tokens.reasoning, cache.read, cache.write)
    return f"opencode:{_digest(created, completed, info.modelID, *counters, info.cost)}"


def prompt_id(info: MessageInfo, said: Sequence[msgspec.Raw], *, own: str) -> str:
    """Return what a prompt is known by, the same in every fork; `own` as for `key_of`."""
    created = info.time.created if info.time else None
    return _digest(created, *map(bytes, said)) if created and created % 1000 else own


def _digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


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
