"""Which billed responses a Claude Code line shows, and with which counters."""

import hashlib
from collections.abc import Callable

import msgspec

from precedent.model import Tokens
from precedent.transcripts.counters import MAX_COUNT, MAX_USD, count, millionths
from precedent.transcripts.events import UNKNOWN_MODEL, Request

from .wire import Block, CacheCreation, Iteration, Message, ToolOutcome, Usage

SYNTHETIC_MODEL = "<synthetic>"

Note = Callable[[str], None]


def tokens_of(usage: Usage | Iteration, *, note: Note) -> Tokens:
    """Return the counters by kind.

    Cache writes that the split does not explain, and all of them when there is no split, are 5-minute ones.
    """
    split = usage.cache_creation or _NO_SPLIT
    into, out = usage.input_tokens or 0, usage.output_tokens or 0
    written, read = usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0
    short, hour = split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0
    if min(into, out, written, read, short, hour) < 0 or max(into, out, written, read, short, hour) > MAX_COUNT:
        into = count(into, note=note, field="input_tokens")
        out = count(out, note=note, field="output_tokens")
        written = count(written, note=note, field="cache_creation_input_tokens")
        read = count(read, note=note, field="cache_read_input_tokens")
        short = count(short, note=note, field="ephemeral_5m_input_tokens")
        hour = count(hour, note=note, field="ephemeral_1h_input_tokens")
    rest = written - short - hour
    return Tokens(into, out, short + rest if rest > 0 else short, hour, read)


def modifiers_of(usage: Usage) -> str:
    """Return what changes the price of a response, in alphabetical order, joined by `+`."""
    found = []
    if usage.service_tier in {"batch", "flex", "priority"}:
        found.append(usage.service_tier)
    if usage.speed == "fast":
        found.append("fast")
    if usage.inference_geo == "us":
        found.append("us")
    return "+".join(sorted(found)) if found else ""


def identity(message: Message, *, request_id: str | None, uuid: str | None, data: bytes | bytearray) -> str:
    """Return the request's key: message id, else request id, else the line's id, else the line's hash."""
    if message.id:
        return f"claude:{message.id}"
    if request_id or uuid:
        return f"claude:{request_id or uuid}"
    return f"claude:line:{hashlib.blake2b(data, digest_size=16).hexdigest()}"


def content_chars(content: str | list[Block] | None) -> int:
    """Return how many characters of visible content there are; signatures and encrypted thoughts do not count."""
    if content is None:
        return 0
    if isinstance(content, str):
        return len(content)
    size = 0
    for block in content:
        if block.type == "tool_use":
            size += _size(block.input)
        elif block.type == "thinking":
            size += max(0, _size(block.thinking) - 2)
        elif block.type == "text":
            size += max(0, _size(block.text) - 2)
    return size


def _size(raw: msgspec.Raw) -> int:
    return memoryview(raw).nbytes


def starts_object(raw: msgspec.Raw) -> bool:
    """Tell whether raw JSON is an object, without copying it."""
    view = memoryview(raw)
    return view.nbytes > 0 and view[0] == ord("{")


def requests_of(
    message: Message, *, key: str, sidechain: bool, recorded_cost_usd: float | None, note: Note
) -> tuple[Request, ...]:
    """Return the request of an assistant message, and those of the advisors it asked."""
    usage = message.usage or _NO_USAGE
    modifiers = modifiers_of(usage)
    server = usage.server_tool_use
    searches = server.web_search_requests if server else None
    main = Request(
        key=key,
        model=message.model or UNKNOWN_MODEL,
        tokens=tokens_of(usage, note=note),
        web_searches=count(searches, note=note, field="web_search_requests"),
        complete=message.stop_reason is not None,
        content_chars=content_chars(message.content),
        modifiers=modifiers,
        recorded_cost_micros=millionths(recorded_cost_usd, most=MAX_USD, note=note, field="costUSD"),
        sidechain=sidechain,
    )
    if not usage.iterations:
        return (main,)
    advisors = [each for each in usage.iterations if each.type == "advisor_message"]
    return main, *(
        Request(
            key=f"{key}:advisor:{number}",
            model=each.model or UNKNOWN_MODEL,
            tokens=tokens_of(each, note=note),
            modifiers=modifiers,
            sidechain=sidechain,
        )
        for number, each in enumerate(advisors)
    )


def standin(outcome: ToolOutcome, *, agent_id: str, note: Note) -> Request | None:
    """Return the request that a sub-agent's result reports, to be used only if the sub-agent left no transcript."""
    if outcome.usage is None:
        return None
    tokens = tokens_of(outcome.usage, note=note)
    if not tokens.total:
        return None
    return Request(
        key=f"claude:agent:{agent_id}",
        model=outcome.resolvedModel or UNKNOWN_MODEL,
        tokens=tokens,
        modifiers=modifiers_of(outcome.usage),
        sidechain=True,
        standin_for=f"agent:{agent_id}",
    )


_NO_SPLIT = CacheCreation()
_NO_USAGE = Usage()
