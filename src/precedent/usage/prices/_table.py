"""The dated price table: look up a model, cost a request.

Owns the rules by which a reported model name finds its row, and the arithmetic. Knows nothing of transcripts, the
database or how the shipped file is made (tools/build_price_table.py).
"""

import re
from math import lcm
from pathlib import Path
from typing import NamedTuple, Self

from precedent.errors import BadInput
from precedent.model import Tokens

from ._format import KINDS, Factor, Header, ModelPrice, Period, Rates, bounds, minutes, parse, ratio, read

_SHIPPED = Path(__file__).with_name("table.json")
_MINUTE = 60_000_000
_DAY = 86_400_000_000
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, and Monday is 0
# Rates are held as integer pico-dollars per token, which is micro-dollars per million tokens: every published price is
# a whole number of them (the smallest, 0.0025 USD per million, is 2,500).
_PICO_PER_MICRO = 1_000_000
_DATED = re.compile(r"(?P<name>.+?)(?:[-@](?:20\d{6}|20\d\d-\d\d-\d\d)|@default)")
_BEDROCK = re.compile(
    r"(?:arn:[^/]+/|(?:amazon-)?bedrock/)?(?:(?P<region>[a-z-]+)\.)?anthropic\.(?P<name>.+?)(?:-v\d+(?::\d+)?)?"
)
# Model names come from transcripts: neither the cache nor a pattern may be at the mercy of a hostile one.
_MAX_PLANS = 4096
_MAX_NAME = 300


class _Level(NamedTuple):
    input: int
    output: int
    write_5m: int
    write_1h: int
    read: int
    per_micro: int


class _Span(NamedTuple):
    start: int
    end: int
    base: _Level
    tiers: tuple[tuple[int, _Level], ...]
    peaks: tuple[tuple[int, int, bool, _Level], ...]


class PriceTable:
    """A set of dated prices. Read-only once made; load it once and keep it.

    Attributes:
        version: stored beside every cost computed with this table.
        sources: version of each package the table was built from.
    """

    def __init__(self, header: Header, rows: tuple[ModelPrice, ...], *, where: str) -> None:
        self.version = header.version
        self.sources = dict(header.sources)
        self._rows = rows
        self._fee_micros = int(header.web_search * 1_000_000)
        self._prefixes = {prefix: frozenset(vendors) for prefix, vendors in header.prefixes.items()}
        self._names: dict[str, ModelPrice] = {}
        self._plans: dict[tuple[str, str], tuple[_Span, ...]] = {}
        for row in rows:
            for name in (row.id, *row.aliases):
                if self._names.setdefault(name.casefold(), row) is not row:
                    raise BadInput(f"{where}: model {row.id!r}: the name {name!r} is taken by another model")

    @classmethod
    def shipped(cls) -> Self:
        """The table this version of Precedent ships with."""
        return cls.load(_SHIPPED)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a table from a file.

        Raises:
            BadInput: the file cannot be read or breaks the format; the message names file, model and fault.
        """
        return cls.parse(read(path), where=str(path))

    @classmethod
    def parse(cls, data: bytes, *, where: str) -> Self:
        """Take a table from its JSON text; `where` names it in error messages.

        Raises:
            BadInput: it breaks the format; the message names the model and the fault.
        """
        header, rows = parse(data, where=where)
        return cls(header, rows, where=where)

    def cost_micros(
        self, model: str, *, at: int, tokens: Tokens, web_searches: int = 0, modifiers: str = ""
    ) -> int | None:
        """Price one request.

        Args:
            model: the name as reported.
            at: time of the request, UTC microseconds since the epoch.
            tokens: its counters, all non-negative.
            web_searches: billed searches; no modifier changes their price.
            modifiers: words joined by `+`; one the model has no factor for changes nothing.

        Returns:
            Micro-dollars, rounded half-even once, or None when the table has no price for the model at that time.
        """
        spans = self._plans.get((model, modifiers))
        if spans is None:
            spans = self._plan(model, modifiers)
        for span in spans:
            if span.start <= at < span.end:
                break
        else:
            return None
        level = span.base
        if span.tiers:
            prompt = tokens.prompt
            for above, higher in span.tiers:
                if prompt > above:
                    level = higher
        elif span.peaks:
            level = _peak_level(span, at)
        per_micro = level.per_micro
        micros, rest = divmod(
            tokens.input * level.input
            + tokens.output * level.output
            + tokens.cache_write_5m * level.write_5m
            + tokens.cache_write_1h * level.write_1h
            + tokens.cache_read * level.read
            + web_searches * self._fee_micros * per_micro,
            per_micro,
        )
        return micros + (2 * rest + (micros & 1) > per_micro)

    def knows(self, model: str, *, at: int) -> bool:
        """Whether a request of `model` at `at` (UTC microseconds) has a price."""
        return any(span.start <= at < span.end for span in self._plan(model, ""))

    def models(self) -> list[ModelPrice]:
        """Every row, in the order of the file."""
        return list(self._rows)

    def row(self, model: str) -> ModelPrice | None:
        """The row that a reported name finds; None for a model that is not in the table."""
        found = self._find(model)
        return found[0] if found else None

    def _plan(self, model: str, modifiers: str) -> tuple[_Span, ...]:
        if len(model) > _MAX_NAME or len(modifiers) > _MAX_NAME:
            return ()
        cached = self._plans.get((model, modifiers))
        if cached is None:
            found = self._find(model)
            words = frozenset(modifiers.split("+"))
            cached = (
                () if found is None else tuple(_span(found[0], period, words, found[1]) for period in found[0].periods)
            )
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            self._plans[model, modifiers] = cached
        return cached

    def _find(self, model: str) -> tuple[ModelPrice, str] | None:
        """The row of a reported name and the factor of its region; the rules stand in docs/reference/prices.md."""
        name = model.strip().casefold().removesuffix("[1m]")
        if row := self._named(name):
            return row, "1"
        if bedrock := _BEDROCK.fullmatch(name):
            row = self._named(bedrock["name"])
            factor = row.regions.get(bedrock["region"] or "") if row and row.vendor == "anthropic" else None
            return (row, factor) if row and factor else None
        prefix, _, rest = name.partition("/")
        row = self._named(rest)
        return (row, "1") if row and row.vendor in self._prefixes.get(prefix, ()) else None

    def _named(self, name: str) -> ModelPrice | None:
        if row := self._names.get(name):
            return row
        snapshot = _DATED.fullmatch(name)
        row = self._names.get(snapshot["name"]) if snapshot else None
        return row if row and row.dated else None


def _peak_level(span: _Span, at: int) -> _Level:
    days, time = divmod(at, _DAY)
    working = (days + _EPOCH_WEEKDAY) % 7 < 5
    for start, end, weekdays, level in span.peaks:
        if start <= time < end and (working or not weekdays):
            return level
    return span.base


def _span(row: ModelPrice, period: Period, words: frozenset[str], region: str) -> _Span:
    factors = row.modifiers | period.modifiers
    base = [factors[word] for word in sorted(words & factors.keys())]
    tiers = []
    for tier in period.tiers:
        higher = factors | tier.modifiers
        tiers.append((tier.above, _level(tier, [higher[word] for word in sorted(words & higher.keys())], region)))
    peaks = tuple(
        (minutes(peak.start) * _MINUTE, minutes(peak.end) * _MINUTE, peak.weekdays, _level(peak, base, region))
        for peak in period.peaks
    )
    start, end = bounds(period)
    return _Span(start, end, _level(period, base, region), tuple(tiers), peaks)


def _level(rates: Rates, factors: list[Factor], region: str) -> _Level:
    exact = []
    for kind, rate in zip(KINDS, rates.by_kind(), strict=True):
        over, under = int(rate * _PICO_PER_MICRO), _PICO_PER_MICRO
        for factor in (region, *factors):
            top, bottom = ratio(factor if isinstance(factor, str) else factor.get(kind, "1"))
            over, under = over * top, under * bottom
        exact.append((over, under))
    per_micro = lcm(*(under for _, under in exact))
    return _Level._make((*(over * (per_micro // under) for over, under in exact), per_micro))
