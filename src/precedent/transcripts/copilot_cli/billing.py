"""Turns what Copilot CLI reports at the end of a run into requests.

Input tokens stand only in the report that a run ends with, one sum per model, sub-agents included. A resumed session
has one report per run, and each counts its own run only: reports are added up. Should a report count from the
session's beginning all the same, its output equals that of all messages so far and not that of the messages since the
last report; then its rise is billed.

A report leaves out what summarising the session cost; that stands on a line of its own. A run that was killed has no
report, and its tokens are unknown: its replies are events without a request.
"""

from collections.abc import Callable

import msgspec

from precedent.model import Tokens
from precedent.transcripts.counters import count
from precedent.transcripts.decode import LineDecoder
from precedent.transcripts.events import Request
from precedent.transcripts.tally import Tally

from .wire import Counters, Metrics

Vector = tuple[int, int, int, int]
"""Input, output, cache-read, cache-written; the first includes the last two."""
_ZERO: Vector = (0, 0, 0, 0)


class Billing(msgspec.Struct):
    """What billing needs to know of the lines before."""

    said: int = 0
    """Output tokens of the messages since the last report."""
    said_before: int = 0
    """Output tokens of the messages before it."""
    messages: list[str] = []
    """The last messages counted: a message may be written more than once."""
    reported: dict[str, Vector] = {}
    """What the reports before were billed, by model."""

    def message(self, output_tokens: int, *, id: str) -> None:
        """Count what a message reports; only the first of its copies counts."""
        if id in self.messages:
            return
        if id:
            self.messages = [*self.messages[-31:], id]
        self.said += output_tokens

    def report(self, metrics: msgspec.Raw, *, key: str, tally: Tally, offset: int, line: int) -> tuple[Request, ...]:
        """Return what the report at the end of a run bills, by model.

        Args:
            metrics: the report's object of models.
            key: identity of the line over the whole team.
            tally: told of nonsense.
            offset: of the line.
            line: its number.
        """

        def note(reason: str) -> None:
            tally.defect(reason, offset=offset, line=line)

        try:
            models = _MODELS.decode(metrics) if bytes(metrics) else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            note("wrong type at data.modelMetrics")
            return ()
        now: dict[str, Vector] = {}
        for name, raw in models.items():
            for found in _METRICS.decode(bytes(raw), tally=tally, offset=offset, line=line):
                now[name] = vector(found.usage or _NOTHING, note=note)
        output = sum(each[1] for each in now.values())
        cumulative = bool(self.reported) and output == self.said + self.said_before != self.said
        requests = []
        for name, total in now.items():
            before = self.reported.get(name, _ZERO)
            billed = _rise(total, before) if cumulative else total
            if any(billed):
                requests.append(Request(key=f"{key}:{name}", model=name, tokens=tokens(billed)))
            self.reported[name] = _sum(before, billed)
        self.said_before, self.said = self.said_before + self.said, 0
        return tuple(requests)


def _rise(now: Vector, before: Vector) -> Vector:
    rise = [max(0, each - then) for each, then in zip(now, before, strict=True)]
    return rise[0], rise[1], rise[2], rise[3]


def _sum(one: Vector, other: Vector) -> Vector:
    into, out, read, written = (each + more for each, more in zip(one, other, strict=True))
    return into, out, read, written


def vector(counters: Counters, *, note: Callable[[str], None]) -> Vector:
    """Return the counters as non-negative integers."""
    return (
        count(counters.inputTokens, note=note, field="inputTokens"),
        count(counters.outputTokens, note=note, field="outputTokens"),
        count(counters.cacheReadTokens, note=note, field="cacheReadTokens"),
        count(counters.cacheWriteTokens, note=note, field="cacheWriteTokens"),
    )


def tokens(billed: Vector) -> Tokens:
    """Return each token in exactly one kind; what is cached can be no more than what went in."""
    into, out, read, written = billed
    read = min(read, into)
    written = min(written, into - read)
    return Tokens(input=into - read - written, output=out, cache_write_5m=written, cache_read=read)


_MODELS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_METRICS = LineDecoder(Metrics)
_NOTHING = Counters()
