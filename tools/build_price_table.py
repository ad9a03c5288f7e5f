"""Build src/precedent/usage/prices/table.json from the price data inside two PyPI packages, read as data.

    python tools/build_price_table.py SITE_PACKAGES --version 2026-11-23.1 [--output FILE] [--report]

Neither package is imported: `genai_prices/data.py` is parsed as a syntax tree, litellm's table is JSON. What is taken
from which, and why, stands in docs/decisions/0004-price-table.md; facts kept by hand are in `apply_facts`, each with
its source. `--report` lists on stderr where the two packages disagree at the date of the version.
"""

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).parents[1] / "src/precedent/usage/prices/table.json"
KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
# Vendor, and the name litellm gives it (genai-prices' own name is ours). Qwen is absent from genai-prices.
VENDORS = {
    "anthropic": "anthropic",
    "openai": "openai",
    "google": "gemini",
    "x-ai": "xai",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "moonshotai": "moonshot",
    "zai": "zai",
    "minimax": "minimax",
    "meta": "meta",
    "qwen": "dashscope",
    "groq": "groq",
}
PREFIXES: dict[str, tuple[str, ...]] = {
    **{vendor: (vendor,) for vendor in VENDORS if vendor != "groq"},
    **{other: (vendor,) for vendor, other in VENDORS.items() if vendor != "groq"},
    **{"models": ("google",), "mistralai": ("mistral",), "z-ai": ("zai",), "alibaba": ("qwen",)},
    **dict.fromkeys(("vertex", "vertex_ai", "google-vertex"), ("anthropic", "google")),
    "google-vertex-anthropic": ("anthropic",),
    **dict.fromkeys(("github-copilot", "github_copilot"), ("anthropic", "openai", "google", "x-ai")),
}
GENAI_KINDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_5m_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
}
LITELLM_KINDS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
}
MODIFIERS = {"batches": "batch", "flex": "flex", "priority": "priority"}
# Not what a coding agent's session runs on: speech, pictures, vectors, moderation, other people's fine-tunes.
NOT_CHAT = re.compile(
    r"ft[:-]|[:]|embed|tts|whisper|image|banana|audio|realtime|transcri|moderation|ocr|voxtral|live|robotics|voice|omni"
    r"|lyria|imagen|veo|guard|orpheus|computer-use|search|vision|deep-research|^(ada|babbage|curie|davinci|text-)|-vl-"
    r"|gemma|learnlm|container|exp-\d|native"
)
# Prices of resellers that stand under the vendor's name without saying so, and names no vendor's API answers to.
NOT_VENDOR = re.compile(r"deepseek-(v3(\.[12].*)?|r1)|kimi-k2")
# Models of others that Mistral and Alibaba serve on their own platforms.
SERVED = {"mistral": re.compile(r"(zai-)?glm|deepseek"), "qwen": re.compile(r"(?!qw)")}
GROQ_ONLY = re.compile(r"[^/]+-(versatile|instant|specdec|8192|32768|\w+-preview)")
BEDROCK = re.compile(r"(?:(?P<region>[a-z-]+)\.)?anthropic\.(?P<name>.+?)(?:-v\d+(?::\d+)?)?")
BEDROCK_TYPO = "anthropic.claude-3-7-sonnet-20240620-v1:0"  # no such snapshot; its price is that of GovCloud
SNAPSHOT = re.compile(r"(.+?)(?:[-@](?:20\d{6}|20\d\d-\d\d-\d\d)|@default)")

Rates = dict[str, Decimal]
Levels = dict[int, Rates]  # by threshold, 0 is the base
Factor = str | dict[str, str]


@dataclass
class Span:
    """Prices from one day (inclusive; empty for ever before) to the next span's."""

    since: str
    levels: Levels
    peaks: list[dict[str, Any]] = field(default_factory=list)
    modifiers: dict[str, Factor] = field(default_factory=dict)
    tier_modifiers: dict[int, dict[str, Factor]] = field(default_factory=dict)


@dataclass
class Row:
    """One model on its way to the file."""

    id: str
    vendor: str
    source: str
    spans: list[Span]
    aliases: set[str] = field(default_factory=set)
    dated: bool = False
    regions: dict[str, str] = field(default_factory=dict)
    modifiers: dict[str, Factor] = field(default_factory=dict)

    def at(self, day: str) -> Span:
        """The span in force on a day."""
        return [span for span in self.spans if span.since <= day][-1]


class Rows(dict[str, Row]):
    """Rows by id, in order of entry."""

    def named(self, vendor: str, name: str) -> Row | None:
        """The row a name means: itself, an alias, or a snapshot of a model whose snapshots cost the same."""
        match = SNAPSHOT.fullmatch(name)
        for row in self.values():
            names = {row.id, *row.aliases}
            if row.vendor == vendor and (name in names or (row.dated and match and match[1] in names)):
                return row
        return None


def literal(node: ast.expr) -> Any:
    """The value of a constructor expression: a call becomes a dict of its arguments with its name under `_`."""
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple():
            return [literal(item) for item in node.elts]
        case ast.Dict():
            return {literal(k): literal(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}
        case ast.Attribute():
            return node.attr
        case ast.Call(func=ast.Name(id="Decimal")):
            return Decimal(literal(node.args[0]))
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            named = {item.arg: literal(item.value) for item in node.keywords if item.arg}
            return {"_": name, "args": [literal(item) for item in node.args], **named}
    raise ValueError(f"line {node.lineno}: cannot read {ast.dump(node)[:80]} as data")


def read_genai(folder: Path) -> dict[str, Any]:
    """Providers of genai-prices by id."""
    tree = ast.parse((folder / "genai_prices/data.py").read_text(encoding="utf-8"))
    values = [item.value for item in tree.body if isinstance(item, ast.AnnAssign) and item.value]
    return {provider["id"]: provider for provider in literal(values[0])}


def read_litellm(folder: Path) -> dict[str, Any]:
    """Litellm's table, numbers exact."""
    text = (folder / "litellm/model_prices_and_context_window_backup.json").read_text(encoding="utf-8")
    return dict(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def package_version(folder: Path, name: str) -> str:
    """Version of an installed package, from the name of its metadata folder."""
    return next(folder.glob(f"{name}-*.dist-info")).name.split("-")[1].removesuffix(".dist")


def genai_levels(price: dict[str, Any]) -> Levels:
    """Rates by threshold; a kind without a tier keeps its base rate."""
    found = {kind: price[key] for key, kind in GENAI_KINDS.items() if price.get(key) is not None}
    starts = {0} | {tier["start"] for value in found.values() if isinstance(value, dict) for tier in value["tiers"]}
    levels: Levels = {}
    for start in sorted(starts):
        levels[start] = {}
        for kind, value in found.items():
            tiers = [] if isinstance(value, Decimal) else [t["price"] for t in value["tiers"] if t["start"] <= start]
            levels[start][kind] = value if isinstance(value, Decimal) else [value["base"], *tiers][-1]
    return levels


def litellm_levels(entry: dict[str, Any], suffix: str = "") -> Levels:
    """Rates by threshold for a service tier (`suffix` as in the key, empty for standard)."""
    levels: Levels = {}
    for tier in entry.get("tiered_pricing", ()) if not suffix else ():
        levels[int(tier["range"][0])] = {k: tier[key] * 1_000_000 for key, k in LITELLM_KINDS.items() if key in tier}
    for key, amount in entry.items():
        for base, kind in LITELLM_KINDS.items():
            match = re.fullmatch(rf"{base}(?:_above_(\d+)k_tokens)?{suffix and '_' + suffix}", key)
            if match and isinstance(amount, Decimal) and (amount or not kind.startswith("cache_write")):
                levels.setdefault(int(match[1] or 0) * 1000, {})[kind] = amount * 1_000_000
    base_rates = levels.get(0, {})
    return {above: base_rates | levels[above] for above in sorted(levels)} if not suffix else levels


def ratio_text(ratio: Fraction) -> str:
    """A factor as a decimal where it ends, else as a fraction."""
    scaled = ratio * 10**9
    return plain(Decimal(int(scaled)).scaleb(-9)) if scaled.denominator == 1 else str(ratio)


def factor(standard: Rates, changed: Rates) -> Factor:
    """What a service tier does to each kind; a kind it does not name keeps its rate, an unpriced kind follows input."""
    ratios = {}
    for kind in KINDS:
        name = kind if kind in standard else "input"
        ratios[kind] = Fraction(changed.get(name, standard[name])) / Fraction(standard[name]) if standard[name] else 1
    texts = {kind: ratio_text(Fraction(ratio)) for kind, ratio in ratios.items()}
    return texts["input"] if len(set(texts.values())) == 1 else {k: v for k, v in texts.items() if v != "1"}


def day_of(item: dict[str, Any]) -> str:
    """First day of a condition, empty for none."""
    start = (item.get("constraint") or {}).get("start_date")
    return "{:04d}-{:02d}-{:02d}".format(*start["args"]) if start else ""


def clauses(match: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The (operator, text) pairs of a matching rule."""
    for part in match.get("or_", match.get("and_", ())):
        yield from clauses(part)
    if not {"or_", "and_"} & match.keys():
        yield match["_"].removeprefix("Clause"), next(v for k, v in match.items() if k not in ("_", "args")).lower()


def foreign(vendor: str, name: str) -> bool:
    """Whether a name is no chat model, or one the vendor only serves for another."""
    served = SERVED.get(vendor)
    return bool(NOT_CHAT.search(name) or NOT_VENDOR.fullmatch(name) or (served and served.match(name)))


def genai_row(vendor: str, model: dict[str, Any]) -> Row | None:
    """A row, or None for what is no chat model or whose price is not the vendor's own."""
    comment = model.get("price_comments") or ""
    resold = "penRouter" in comment and "erified against OpenAI on" not in comment and "endpoint" not in comment
    name = model["id"].lower()
    if foreign(vendor, name) or resold or "trusting" in comment:
        return None
    prices = model["prices"] if isinstance(model["prices"], list) else [{"prices": model["prices"]}]
    spans: list[Span] = []
    for item in sorted((p for p in prices if "start_time" not in (p.get("constraint") or {})), key=day_of):
        levels = genai_levels(item["prices"])
        if not spans or spans[-1].levels != levels:
            spans.append(Span(day_of(item), levels))
    if not {"input", "output"} <= spans[0].levels[0].keys() or (vendor == "google" and "gemini" not in name):
        return None
    row = Row(name, vendor, "genai-prices", spans)
    for kind, text in clauses(model["match"]):
        if kind == "Regex" or (kind == "StartsWith" and text.endswith("-")):
            row.dated |= "\\d{" in text or kind == "StartsWith"
        elif not NOT_CHAT.search(text) and not re.search(r"-2025$|-0$", text if kind != "Equals" else ""):
            row.aliases.add(text.rstrip("@-"))
    row.aliases = {alias for alias in row.aliases if alias != name and "/" not in alias}
    row.dated |= vendor == "anthropic"  # Anthropic's undated names are pointers to one dated snapshot each
    if vendor == "groq":
        row.id, row.aliases = f"groq/{name}", {name} if GROQ_ONLY.fullmatch(name) else set()
    genai_modifiers(row, model.get("price_variants") or [])
    return row


def genai_modifiers(row: Row, variants: list[dict[str, Any]]) -> None:
    """Turn variants, which are rates, into factors: by period where they differ, else once for the model.

    The day of a variant is the day somebody read it on the price page, not the day it began: a period that ended
    earlier takes the earliest one.
    """
    for name in ("batch", "fast", "flex", "priority"):
        found = sorted((v for v in variants if name in v["when"].values() and len(v["prices"]) > 2), key=day_of)
        for span, end in zip(row.spans, [*(later.since for later in row.spans[1:]), "9999"], strict=True):
            usable = [v for v in found if day_of(v) < end] or found[:1]
            if not usable:
                continue
            standard = row.at(max(day_of(usable[-1]), span.since) if day_of(usable[-1]) < end else day_of(usable[0]))
            changed = genai_levels(usable[-1]["prices"])
            span.modifiers[name] = factor(standard.levels[0], changed[0])
            for above in sorted(changed.keys() & standard.levels.keys() & span.levels.keys() - {0}):
                by_tier = factor(standard.levels[above], changed[above])
                if by_tier != span.modifiers[name]:
                    span.tier_modifiers.setdefault(above, {})[name] = by_tier
        values = [span.modifiers.get(name) for span in row.spans]
        if values[0] is not None and all(value == values[0] for value in values):
            row.modifiers[name] = values[0]
            for span in row.spans:
                del span.modifiers[name]


def add_litellm(rows: Rows, table: dict[str, Any], *, today: str, report: list[str]) -> None:
    """Fill what genai-prices lacks: whole models, service tiers, `us` and `fast` factors; note disagreements."""
    vendors = {name: vendor for vendor, name in VENDORS.items()}
    for key, entry in table.items():
        vendor = vendors.get(str(entry.get("litellm_provider")), "")
        name = key.lower() if vendor == "groq" else key.lower().removeprefix(f"{entry.get('litellm_provider')}/")
        if not vendor or entry.get("mode") not in ("chat", "responses") or foreign(vendor, name):
            continue
        levels = litellm_levels(entry)
        if 0 not in levels or not {"input", "output"} <= levels[0].keys() or "/" in name.removeprefix("groq/"):
            continue
        reasoning = entry.get("output_cost_per_reasoning_token")
        tiers = entry.get("tiered_pricing", [{}])
        if (reasoning and reasoning * 1_000_000 != levels[0]["output"]) or "output_cost_per_reasoning_token" in tiers[
            0
        ]:
            continue  # reasoning is counted in output, so a second output rate cannot be applied
        if levels[0]["output"] == 0 and vendor != "zai":
            continue  # a placeholder; only Z.AI lists free models of its own
        row = rows.named(vendor, name)
        if row is None:
            row = rows.setdefault(name, Row(name, vendor, "litellm", [Span("", levels)]))
        elif complete(row.at(today).levels, levels) != levels:
            report.append(f"{name}: genai-prices {show(row.at(today).levels)} | litellm {show(levels)}")
        for suffix, modifier in MODIFIERS.items():
            changed = litellm_levels(entry, suffix).get(0)
            if changed and modifier not in row.modifiers and not any(modifier in s.modifiers for s in row.spans):
                row.modifiers[modifier] = factor(levels[0], changed)
        for modifier, value in entry.get("provider_specific_entry", {}).items():
            if modifier in ("us", "fast"):
                row.modifiers.setdefault(modifier, plain(value))


def complete(ours: Levels, theirs: Levels) -> Levels:
    """Our levels after taking over a cache-read rate we lack, if all that both have is equal."""
    lacking = [above for above in ours if "cache_read" not in ours[above]]
    if ours.keys() == theirs.keys() and all(ours[above].items() <= theirs[above].items() for above in ours):
        for above in lacking:
            ours[above] |= {kind: rate for kind, rate in theirs[above].items() if kind == "cache_read"}
    return ours


def add_bedrock(rows: Rows, table: dict[str, Any], *, today: str) -> None:
    """Give each Anthropic row the factor of Bedrock's regions, where input and output agree on one."""
    for key, entry in table.items():
        match = BEDROCK.fullmatch(key)
        row = rows.named("anthropic", match["name"]) if match and key != BEDROCK_TYPO else None
        if match and row and str(entry.get("litellm_provider")).startswith("bedrock"):
            ours, theirs = row.at(today).levels[0], litellm_levels(entry)[0]
            ratios = {Fraction(theirs[kind]) / Fraction(ours[kind]) for kind in ("input", "output")}
            if len(ratios) == 1:
                row.regions[match["region"] or ""] = ratio_text(ratios.pop())


def usd(text: str) -> Rates:
    """`input output [cache_read [cache_write_5m [cache_write_1h]]]` as rates."""
    return dict(zip(KINDS, map(Decimal, text.split()), strict=False))


def peaks(text: str, *, weekdays: bool) -> list[dict[str, Any]]:
    """DeepSeek's peak hours since V4: 01:00 to 04:00 and 06:00 to 10:00 UTC."""
    hours = (("01:00", "04:00"), ("06:00", "10:00"))
    return [
        {"start": start, "end": end, **({"weekdays": True} if weekdays else {}), **usd(text)} for start, end in hours
    ]


def vendor_facts(rows: Rows) -> None:
    """What holds for all models of a vendor."""
    for row in rows.values():
        if row.vendor == "anthropic":
            row.dated = True
            for rates in (rates for span in row.spans for rates in span.levels.values()):
                rates.setdefault("cache_write_5m", rates["input"] * Decimal("1.25"))
                rates.setdefault("cache_write_1h", rates["input"] * 2)
        if row.vendor == "x-ai" and row.source == "litellm":
            # xAI's page says ">= 200k", so its threshold is one token lower (genai-prices has it right).
            for span in row.spans:
                span.levels = {above - (above == 200_000): rates for above, rates in span.levels.items()}
        if row.vendor == "mistral" or (row.vendor == "anthropic" and row.id not in ("claude-2", "claude-v1")):
            # Both price pages say it of every model; the packages list current ones, litellm without the 1-hour write.
            row.modifiers["batch"] = "0.5"
        if row.vendor == "openai" and "priority" in row.modifiers:
            row.modifiers.setdefault("fast", row.modifiers["priority"])  # OpenAI renamed `priority` to `fast`


def apply_facts(rows: Rows) -> None:
    """Facts that neither package states, or that only one of them can express."""
    vendor_facts(rows)

    def fact(name: str, *, modifiers: dict[str, str] | None = None, tier: tuple[int, str] | None = None) -> Row:
        row = rows[name]
        row.source = row.source.removesuffix("+facts") + "+facts"
        row.modifiers |= modifiers or {}
        if tier:
            row.spans[0].levels[tier[0]] = row.spans[0].levels[0] | usd(tier[1])
        return row

    # litellm 1.82.0 and 1.88.0; dropped from its table when fast mode left the two models.
    fact("claude-opus-4-6", modifiers={"fast": "6"})
    fact("claude-opus-4-7", modifiers={"fast": "6"})
    # Not in litellm 1.109.1, which lists every other Anthropic model since Opus 4.6 with it.
    fact("claude-fable-5-2", modifiers={"us": "1.1"})
    fact("claude-mythos-5-2", modifiers={"us": "1.1"})
    # litellm 1.88.0, and 1.109.1 for Bedrock.
    fact("claude-sonnet-4-0", tier=(200_000, "6 22.5 0.6 7.5 12"))
    # litellm 1.99.0; neither package has these tiers today.
    fact("grok-4-0709", tier=(128_000, "6 30"))
    for mode in ("reasoning", "non-reasoning"):
        fact(f"grok-4-fast-{mode}", tier=(128_000, "0.4 1"))
        fact(f"grok-4-1-fast-{mode}", tier=(128_000, "0.4 1"))
    # Retired on 2026-05-15 (litellm 1.109.1), answered since by another model at its price.
    code = fact("grok-code-fast-1")
    code.spans.append(Span("2026-05-15", {0: usd("1 2 0.2"), 199_999: usd("2 4 0.4")}))
    # The alias moved to Large 3, released that day (litellm 1.88.0 has the new price, 1.82.0 the old one).
    rows["mistral-large"].aliases.discard("mistral-large-latest")
    moved = [Span("", {0: usd("2 6")}), Span("2025-12-02", {0: usd("0.5 1.5 0.05")})]
    rows["mistral-large-latest"] = Row("mistral-large-latest", "mistral", "litellm+facts", moved)
    rows["mistral-large-latest"].modifiers["batch"] = "0.5"
    # litellm 1.82.0: the previews were sold at the price of the release.
    fact("gemini-2.5-pro").aliases |= {f"gemini-2.5-pro-preview-{day}" for day in ("03-25", "05-06", "06-05")}
    fact("gemini-2.5-flash-lite").aliases |= {f"gemini-2.5-flash-lite-preview-{day}" for day in ("06-17", "09-2025")}
    fact("gemini-2.0-flash").aliases.add("gemini-2.0-flash-001")
    fact("gemini-2.0-flash-lite").aliases.add("gemini-2.0-flash-lite-001")
    deepseek_facts(rows)


def deepseek_facts(rows: Rows) -> None:
    """DeepSeek prices by the hour, on working days only from 2026-08-23, which neither package can express."""
    old = {
        "deepseek-chat": ("0.135 0.55 0.035", "0.27 1.1 0.07"),
        "deepseek-reasoner": ("0.135 0.55 0.035", "0.55 2.19 0.14"),
    }
    for name, (discount, standard) in old.items():
        # Off-peak hours ended on 2025-09-05, V3.2 came on 2025-09-29 (DeepSeek's announcements; litellm has the last).
        day = [{"start": "00:30", "end": "16:30", **usd(standard)}]
        last = [Span("2025-09-05", {0: usd("0.56 1.68 0.07")}), Span("2025-09-29", {0: usd("0.28 0.42 0.028")})]
        rows[name].spans = [Span("", {0: usd(discount)}, day), *last]
    pro = "1.32 3.96 0.044"
    flash, older = "0.3 1.2 0.006", "0.44 1.32 0.014"  # the older from litellm 1.99.0
    low, high = {0: usd("0.66 1.98 0.022")}, {0: usd("0.22 0.66 0.007")}
    rows["deepseek-v4-pro"].spans[1:] = [
        Span("2026-08-17", low, peaks(pro, weekdays=False)),
        Span("2026-08-23", low, peaks(pro, weekdays=True)),
    ]
    rows["deepseek-v4-flash"].spans[1:] = [
        Span("2026-08-17", high, peaks(older, weekdays=False)),
        Span("2026-08-23", high, peaks(older, weekdays=True)),
        Span("2026-09-10", {0: usd("0.15 0.6 0.003")}, peaks(flash, weekdays=True)),
    ]
    rows["deepseek-flash"].spans[0].peaks = peaks(flash, weekdays=True)
    for name in (*old, "deepseek-v4-pro", "deepseek-v4-flash", "deepseek-flash"):
        rows[name].source = "genai-prices+facts"


def plain(amount: Decimal) -> str:
    """A decimal without exponent or trailing zeros."""
    return format(amount.normalize(), "f")


def show(levels: Levels) -> str:
    """Levels on one line, for the report."""
    return "; ".join(
        f"{above or 'base'} " + " ".join(plain(rates[kind]) if kind in rates else "-" for kind in KINDS)
        for above, rates in levels.items()
    )


def dump(value: Any) -> str:
    """Compact JSON in the given order; exact decimals."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple | set):
        return "[" + ",".join(dump(item) for item in (sorted(value) if isinstance(value, set) else value)) + "]"
    return json.dumps(value)


def ordered(rates: Rates) -> Rates:
    """Rates in the order of the kinds."""
    return {kind: rates[kind] for kind in KINDS if kind in rates}


def row_json(row: Row) -> dict[str, Any]:
    """A row as the file has it, empty parts left out."""
    periods = []
    for span, later in zip(row.spans, [*row.spans[1:], None], strict=True):
        tiers = [
            filled({"above": above, **ordered(rates), "modifiers": span.tier_modifiers.get(above)})
            for above, rates in span.levels.items()
            if above
        ]
        days = {"from": span.since, "to": later and later.since}
        extra = {"tiers": tiers, "peaks": span.peaks, "modifiers": span.modifiers}
        periods.append(filled({**days, **ordered(span.levels[0]), **extra}))
    names = {"id": row.id, "vendor": row.vendor, "source": row.source, "aliases": row.aliases, "dated": row.dated}
    factors = {"regions": dict(sorted(row.regions.items())), "modifiers": dict(sorted(row.modifiers.items()))}
    return filled({**names, **factors, "periods": periods})


def filled(part: dict[str, Any]) -> dict[str, Any]:
    """The entries that say something; a price of zero does."""
    return {key: value for key, value in part.items() if value or isinstance(value, Decimal)}


def build(folder: Path, *, version: str) -> tuple[str, list[str]]:
    """The text of the table and the disagreements between the packages."""
    today = version.split(".", maxsplit=1)[0]
    rows, report = Rows(), list[str]()
    genai, litellm = read_genai(folder), read_litellm(folder)
    for vendor in VENDORS:
        for model in genai.get(vendor, {"models": ()})["models"]:
            if row := genai_row(vendor, model):
                rows[row.id] = row
    add_litellm(rows, litellm, today=today, report=report)
    apply_facts(rows)
    add_bedrock(rows, litellm, today=today)
    order = list(VENDORS)
    lines = [dump(row_json(row)) for row in sorted(rows.values(), key=lambda row: (order.index(row.vendor), row.id))]
    sources = {"genai-prices": package_version(folder, "genai_prices"), "litellm": package_version(folder, "litellm")}
    head = {"version": version, "sources": sources, "web_search": Decimal("0.01")}
    parts = [
        f"{json.dumps(key)}:{dump(value)}"
        for key, value in {**head, "prefixes": dict(sorted(PREFIXES.items()))}.items()
    ]
    return "{" + ",\n".join(parts) + ',\n"models":[\n' + ",\n".join(lines) + "\n]}\n", report


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("site_packages", type=Path, help="folder that holds genai_prices and litellm")
    parser.add_argument("--version", required=True, help="YYYY-MM-DD.N")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--report", action="store_true", help="list disagreements between the packages on stderr")
    options = parser.parse_args()
    text, report = build(options.site_packages, version=options.version)
    options.output.write_text(text, encoding="utf-8")
    if options.report:
        sys.stderr.write("\n".join(report) + "\n")


if __name__ == "__main__":
    main()
