"""Which billed responses a Claude Code line shows, and with which counters."""

import hashlib
from collections.abc import Callable, Iterator

import msgspec

from precedent.model import Tokens
from precedent.transcripts.counters import MAX_COUNT, MAX_USD, count, millionths
from precedent.transcripts.events import UNKNOWN_MODEL, Request

from .wire import Block, CacheCreation, Iteration, Message, ToolOutcome, Usage

SYNTHETIC_MODEL = "<synthetic>"

Note = Callable[[str], None]
Requests = tuple[Request, ...]


def tokens_of(usage: Usage | Iteration, note: Note) -> Tokens:
    """Return the counters by kind.

    Cache writes that the split does not explain, and all of them when there is no split, are 5-minute ones.
    """
    split = usage.cache_creation or _NO_SPLIT
    into, out = usage.input_tokens or 0, usage.output_tokens or 0
    written, read = usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0
    short, hour = split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0
    # One test for all: the bits of a negative or an impossible number make the union one.
    if not 0 <= into | out | written | read | short | hour < MAX_COUNT:
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
    tier = usage.service_tier
    if usage.speed is None and usage.inference_geo is None and (tier is None or tier == "standard"):
        return ""  # nearly always
    found = []
    if tier in {"batch", "flex", "priority"}:
        found.append(tier)
    if usage.speed == "fast":
        found.append("fast")
    if usage.inference_geo == "us":
        found.append("us")
    return "+".join(sorted(found)) if found else ""


def identity(message: Message, request_id: str | None, uuid: str | None, data: bytes | bytearray) -> str:
    """Return the request's key: message id, else request id, else the line's id, else the line's hash."""
    if message.id:
        return f"claude:{message.id}"
    if request_id or uuid:
        return f"claude:{request_id or uuid}"
    return f"claude:line:{hashlib.blake2b(data, digest_size=16).hexdigest()}"


def shown_chars(block: Block) -> int:
    """Return how many characters of visible content a block has; signatures and encrypted thoughts do not count."""
    kind = block.type
    if kind == "tool_use":
        return len(block.input)
    if kind == "thinking":
        return max(0, len(block.thinking) - 2)
    return max(0, len(block.text) - 2) if kind == "text" else 0


def starts_object(raw: msgspec.Raw) -> bool:
    """Tell whether still-encoded JSON is an object, without copying it."""
    return len(raw) > 0 and memoryview(raw)[0] == ord("{")


def requests_of(
    message: Message, key: str, chars: int, sidechain: bool, cost_usd: float | None, note: Note
) -> Requests:
    """Return the request of an assistant message, and those of the advisors it asked.

    Args:
        message: what the line shows.
        key: identity of the request.
        chars: of visible content on the line.
        sidechain: the line is a sub-agent's.
        cost_usd: as the agent recorded it, if it did.
        note: told of nonsense.
    """
    usage = message.usage or _NO_USAGE
    server = usage.server_tool_use
    main = Request(
        key,
        message.model or UNKNOWN_MODEL,
        tokens_of(usage, note),
        count(server.web_search_requests, note=note, field="web_search_requests") if server else 0,
        message.stop_reason is not None,
        chars,
        modifiers_of(usage),
        None if cost_usd is None else millionths(cost_usd, most=MAX_USD, note=note, field="costUSD"),
        sidechain,
    )
    return (main, *_advisors(usage.iterations, main, note=note)) if usage.iterations else (main,)


def _advisors(iterations: list[Iteration], main: Request, *, note: Note) -> Iterator[Request]:
    advisors = (each for each in iterations if each.type == "advisor_message")
    for number, each in enumerate(advisors):
        yield Request(
            key=f"{main.key}:advisor:{number}",
            model=each.model or UNKNOWN_MODEL,
            tokens=tokens_of(each, note),
            modifiers=main.modifiers,
            sidechain=main.sidechain,
        )


def standin(outcome: ToolOutcome, *, agent_id: str, note: Note) -> Request | None:
    """Return the request that a sub-agent's result reports, to be used only if the sub-agent left no transcript."""
    if outcome.usage is None:
        return None
    tokens = tokens_of(outcome.usage, note)
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
