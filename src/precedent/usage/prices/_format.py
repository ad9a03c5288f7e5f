"""The file format of the price table: its rows, and every check a row must pass before it is used.

Knows nothing of how a row is found or what a request costs; docs/reference/prices.md describes the format for people.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from precedent.errors import BadInput

FAR = 1 << 62
KINDS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
_DAY = 86_400_000_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

Factor = str | dict[str, str]


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """USD per million tokens, one rate per kind of `Tokens`.

    An absent `cache_read` is billed as input, an absent `cache_write_5m` as input, an absent `cache_write_1h` as
    `cache_write_5m`.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None

    def by_kind(self) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
        """The rates in the order input, output, 5-minute write, 1-hour write, read, with absent ones filled."""
        write = self.input if self.cache_write_5m is None else self.cache_write_5m
        hour = write if self.cache_write_1h is None else self.cache_write_1h
        return self.input, self.output, write, hour, self.input if self.cache_read is None else self.cache_read


class Tier(Rates, frozen=True, kw_only=True):
    """Rates for all tokens of a request whose prompt is strictly longer than `above` tokens."""

    above: int
    modifiers: dict[str, Factor] = {}


class Peak(Rates, frozen=True, kw_only=True):
    """Rates between two times of the UTC day (`HH:MM`, end exclusive), on Monday to Friday only if `weekdays`."""

    start: str
    end: str
    weekdays: bool = False


class Period(Rates, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """Prices from the start of UTC day `since` to the start of UTC day `until`; absent means unbounded."""

    since: date | None = None
    until: date | None = None
    tiers: tuple[Tier, ...] = ()
    peaks: tuple[Peak, ...] = ()
    modifiers: dict[str, Factor] = {}


class ModelPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One row of the table.

    Attributes:
        id: the vendor's name for the model, lower case.
        vendor: who sells it at these prices.
        source: the package the rates were taken from, with `+facts` when a fact kept by hand changed them.
        aliases: further exact names.
        dated: whether a name followed by a snapshot date is the same model at the same price.
        regions: factor by region of an Amazon Bedrock name; `""` is a name without region.
        modifiers: factor by modifier, one for all kinds or one by kind; a decimal or a fraction such as `2/3`.
        periods: prices in order of time, not overlapping.
    """

    id: str
    vendor: str
    source: str
    aliases: tuple[str, ...] = ()
    dated: bool = False
    regions: dict[str, str] = {}
    modifiers: dict[str, Factor] = {}
    periods: tuple[Period, ...]


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """The file around the rows, which are decoded one by one so that a fault can name its model."""

    version: str
    sources: dict[str, str]
    web_search: Decimal
    prefixes: dict[str, tuple[str, ...]]
    models: tuple[msgspec.Raw, ...]


def read(path: Path) -> bytes:
    """Return the content of a table file.

    Raises:
        BadInput: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: no price table: {error.strerror}; see docs/reference/prices.md") from error


def parse(data: bytes, *, where: str) -> tuple[Header, tuple[ModelPrice, ...]]:
    """Decode and check a table.

    Raises:
        BadInput: it breaks the format; the message names where it comes from, the model and the fault.
    """
    try:
        header = msgspec.json.decode(data, type=Header)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: no price table: {error}; see docs/reference/prices.md") from error
    if not header.version.strip():
        raise BadInput(f"{where}: no price table: `version` is empty; see docs/reference/prices.md")
    if fault := _amount_fault(header.web_search):
        raise BadInput(f"{where}: no price table: `web_search` {fault}; see docs/reference/prices.md")
    decoder = msgspec.json.Decoder(ModelPrice)
    return header, tuple(_row(decoder, raw, where=where) for raw in header.models)


def bounds(period: Period) -> tuple[int, int]:
    """Start (inclusive) and end (exclusive) in UTC microseconds since the epoch."""
    start = -FAR if period.since is None else (period.since.toordinal() - _EPOCH_ORDINAL) * _DAY
    end = FAR if period.until is None else (period.until.toordinal() - _EPOCH_ORDINAL) * _DAY
    return start, end


def ratio(factor: str) -> tuple[int, int]:
    """A decimal or `a/b` as two integers; ValueError unless both are positive and short."""
    top, _, bottom = factor.partition("/")
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", top) or not re.fullmatch(r"[1-9]\d{0,8}", bottom or "1"):
        raise ValueError(f"factor {factor!r} is neither a decimal nor a fraction of whole numbers")
    whole, under = Decimal(top).as_integer_ratio()
    if not whole:
        raise ValueError(f"factor {factor!r} must be above zero")
    return whole, under * int(bottom or "1")


def minutes(clock: str) -> int:
    """`HH:MM` as minutes of the day, 24:00 allowed as an end; ValueError otherwise."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", clock):
        raise ValueError(f"time {clock!r} is not HH:MM")
    return int(clock[:2]) * 60 + int(clock[3:])


def _row(decoder: msgspec.json.Decoder[ModelPrice], raw: msgspec.Raw, *, where: str) -> ModelPrice:
    try:
        row = decoder.decode(raw)
    except (ValueError, RecursionError) as error:
        named = re.search(rb'"id"\s*:\s*"([^"]*)"', bytes(raw))
        name = named[1].decode(errors="replace") if named else bytes(raw).decode(errors="replace")[:60]
        raise BadInput(f"{where}: model {name!r}: {error}; see docs/reference/prices.md") from error
    for fault in _faults(row):
        raise BadInput(f"{where}: model {row.id!r}: {fault}; see docs/reference/prices.md")
    return row


def _faults(row: ModelPrice) -> Iterator[str]:
    for name in (row.id, *row.aliases):
        if not name or name != name.strip():
            yield f"the name {name!r} is empty or has blanks around it"
    if not row.periods:
        yield "it has no period"
    last = -FAR
    for number, period in enumerate(row.periods, 1):
        start, end = bounds(period)
        if start < last or end <= start:
            yield f"period {number} is empty, out of order, or overlaps the one before it"
        last = end
        yield from (f"period {number}: {fault}" for fault in _period_faults(period))
    try:
        for factor in (*row.regions.values(), *_factors(row.modifiers)):
            ratio(factor)
    except ValueError as error:
        yield str(error)


def _period_faults(period: Period) -> Iterator[str]:
    if period.tiers and period.peaks:
        yield "tiers and peaks exclude each other"
    above = 0
    for tier in period.tiers:
        if tier.above <= above:
            yield f"tier above {tier.above}: thresholds must rise"
        above = tier.above
    for rates in (period, *period.tiers, *period.peaks):
        for kind in KINDS:
            amount: Decimal | None = getattr(rates, kind)
            if amount is not None and (fault := _amount_fault(amount)):
                yield f"`{kind}` {fault}"
    try:
        for peak in period.peaks:
            if minutes(peak.start) >= minutes(peak.end):
                yield f"peak {peak.start} to {peak.end}: the end must be later on the same UTC day"
        for modifiers in (period.modifiers, *(tier.modifiers for tier in period.tiers)):
            for factor in _factors(modifiers):
                ratio(factor)
    except ValueError as error:
        yield str(error)


def _factors(modifiers: dict[str, Factor]) -> Iterable[str]:
    for factor in modifiers.values():
        yield from (factor,) if isinstance(factor, str) else factor.values()


def _amount_fault(amount: Decimal) -> str | None:
    if not amount.is_finite() or not 0 <= amount <= 1_000_000:
        return f"is {amount}: it must lie between 0 and 1000000"
    if amount.normalize().as_tuple().exponent < -6:  # type: ignore[operator]  # finite, so the exponent is an int
        return f"is {amount}: at most six decimals are exact"
    return None
