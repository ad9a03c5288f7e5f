"""Scrub secrets from raw transcript lines before anything is stored or indexed.

Owns the search and the replacement. Works on the bytes of whole JSONL lines and never decodes them; knows nothing of
agents, files or the catalogue. The rules are in `_secret_rules.py`, `_secret_vendors.py` and `_secret_contexts.py`,
what makes a value a secret is in `_secret_values.py`.

How it is fast: `_secret_filter.py` finds the few lines that may hold a secret, and the rules are applied to these only.
For the rules themselves, `re` finds a first byte with memchr, so they are grouped by a rare byte that ends their prefix
(the `_` of `ghp_`), and the rest of the prefix is a look-behind. One pass per group costs about 0.5 ns a byte; one
alternation of all rules costs 400 ns a byte (`benchmarks/redact.py`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from precedent.archive._secret_contexts import CONTEXTS
from precedent.archive._secret_filter import Part, make_filter
from precedent.archive._secret_rules import TOKENS, Rule
from precedent.archive._secret_values import CHECKS
from precedent.archive._secret_vendors import VENDORS

__all__ = ["AHEAD_BYTES", "BEHIND_BYTES", "RULES", "Excerpt", "Redaction", "Rule", "redact", "redact_within"]

RULES: tuple[Rule, ...] = TOKENS + VENDORS + CONTEXTS
"""Every rule; of two that find the same secret the first names it."""


class Redaction(NamedTuple):
    """What `redact` returns.

    Attributes:
        data: the lines, each secret replaced by `[REDACTED:rule-name]`.
        counts: rule name → number of replacements; a rule without one is absent.
    """

    data: bytes
    counts: dict[str, int]


class _Span(NamedTuple):
    """A secret at data[start:end]; of two that overlap the one of lower rank names the union."""

    start: int
    end: int
    rank: int


class _Hit(NamedTuple):
    """What a matched group stands for."""

    rank: int
    rule: Rule
    taken: int  # bytes before the group that are replaced with it: the anchor and what belongs to it, or nothing
    check: Callable[[bytes, bytes], bool]


class _Scanner(NamedTuple):
    """One pass over the data: all rules that share a pivot."""

    regex: re.Pattern[bytes]
    pivot: bytes
    folded: bool
    hits: dict[int, _Hit]  # by number of the group


def redact(data: bytes, *, everywhere: bool = False) -> Redaction:
    """Replace every secret in whole JSONL lines by `[REDACTED:rule-name]`.

    A line that was valid JSON stays valid JSON of the same structure, the number of line feeds stays, and redacting the
    result again changes nothing. A line's result does not depend on its neighbours.

    Args:
        data: zero or more whole lines, still encoded; any size, held in memory twice. Bytes that are not JSON or not
            UTF-8 are searched all the same.
        everywhere: apply the rules to all lines and not to the suspect ones only; slower, with the same result.

    Returns:
        The scrubbed lines (`data` itself when nothing was found) and the number of replacements by rule.
    """
    counts: Counter[str] = Counter()
    pieces: list[bytes] = []
    done = 0
    for first, last in ((0, len(data)),) if everywhere else _filter()(data):
        lines = data[first:last]
        for spans in (scrubbing := _Scrubbing(lines)):
            counts.update(RULES[span.rank].name for span in spans)
        if scrubbing.data is not lines:
            pieces += (data[done:first], scrubbing.data)
            done = last
    return Redaction(b"".join((*pieces, data[done:])) if pieces else data, dict(counts))


class Excerpt(NamedTuple):
    """What `redact_within` returns.

    Attributes:
        data: the scrubbed bytes from `start` up to `end`.
        counts: as in `Redaction`.
        end: how far the bytes were taken: as asked, or further where a secret stood across that place.
    """

    data: bytes
    counts: dict[str, int]
    end: int


BEHIND_BYTES = 16 << 10
"""What `redact_within` needs to see before the bytes it scrubs: more than any rule looks back."""
AHEAD_BYTES = 256 << 10
"""What `redact_within` needs to see behind them: more than any secret is long."""


def redact_within(data: bytes, *, start: int, end: int) -> Excerpt:
    """Scrub a part of one line that is too long to be held in memory.

    Args:
        data: the part with `BEHIND_BYTES` before it and `AHEAD_BYTES` behind it, or up to the ends of the line.
        start: where the part starts in `data`.
        end: where it ends; the next part has to start at the `end` that is returned.
    """
    if next(_filter()(data), None) is None:
        return Excerpt(data[start:end], {}, end)
    counts: Counter[str] = Counter()
    first, last, taken = start, end, end
    for number, spans in enumerate(scrubbing := _Scrubbing(data)):
        if not number:
            taken = last = max([end, *(span.end for span in spans if span.start < end)])
        counts.update(RULES[span.rank].name for span in spans if span.end > first and span.start < last)
        # A secret across the start was taken as a whole with the part before; what is left of it is not shown.
        first, last = _moved(first, spans, inside=0), _moved(last, spans, inside=1)
    return Excerpt(scrubbing.data[first:last], dict(counts), taken)


def _moved(place: int, spans: list[_Span], *, inside: int) -> int:
    """Where a place is when the spans are replaced; one inside a span is before or after its marker."""
    grown = 0
    for span in spans:
        if span.end > place:
            if span.start < place:
                return span.start + grown + inside * len(_marker(span))
            break
        grown += len(_marker(span)) - span.end + span.start
    return place + grown


_MAX_PASSES = 16
_MAX_VERDICTS = 10_000


class _Scrubbing:
    """Scrubs lines in passes until nothing is found; iterating yields what each pass replaces, in its coordinates."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __iter__(self) -> Iterator[list[_Span]]:
        near = self.data
        for _ in range(1 + _MAX_PASSES):
            # What a replacement uncovers is near it; as a rule nothing is, and no more than that is read again.
            if near is not self.data and not next(_spans(near), None):
                return
            spans = _merge(sorted(_spans(self.data)))
            if not spans:
                return
            self.data, near = _replaced(self.data, spans)
            yield spans


def _marker(span: _Span) -> bytes:
    return b"[REDACTED:%b]" % RULES[span.rank].name.encode()


def _replaced(data: bytes, spans: list[_Span]) -> tuple[bytes, bytes]:
    """The data with a marker for each span, and of this only what is near a marker."""
    pieces: list[bytes] = []
    near: list[list[int]] = []
    at = grown = 0
    for span in spans:
        marker = _marker(span)
        pieces += (data[at : span.start], marker)
        at = span.end
        start = span.start + grown
        grown += len(marker) - span.end + span.start
        if near and start - BEHIND_BYTES <= near[-1][1]:
            near[-1][1] = span.end + grown + BEHIND_BYTES
        else:
            near.append([max(0, start - BEHIND_BYTES), span.end + grown + BEHIND_BYTES])
    pieces.append(data[at:])
    result = b"".join(pieces)
    return result, b"\n".join(result[first:last] for first, last in near)


def _spans(data: bytes) -> Iterator[_Span]:
    """Every secret of every rule, unordered; they may overlap."""
    lowered = data.lower()
    verdicts: dict[tuple[int, bytes, bytes], bool] = {}  # transcripts repeat themselves; gone with this call
    for scanner in _scanners():
        text = lowered if scanner.folded else data
        search = scanner.regex.search
        found = search(text)
        while found is not None:
            group = found.lastindex or 0
            rank, rule, taken, check = scanner.hits[group]
            start, end = found.span(group)
            start -= taken
            if rule.reach:
                reached = _run_before(data, start, rule.reach + 1)
                start = start - reached if reached <= rule.reach else end
            if rule.listed:
                yield from (_Span(first, last, rank) for first, last in _listed_lines(data, end))
            else:
                value, lead = data[start:end], data[start - 1 : start]
                good = verdicts.get((rank, value, lead))
                if good is None:
                    good = check(value, lead)
                    if len(verdicts) < _MAX_VERDICTS:
                        verdicts[rank, value, lead] = good
                start = _outside_escape(data, start)
                if good and start < end:
                    yield _Span(start, end, rank)
                else:
                    end = found.start() + len(scanner.pivot)
            found = search(text, max(end, found.start() + 1))


def _merge(spans: list[_Span]) -> list[_Span]:
    """The union of overlapping spans, each named by the most specific rule in it."""
    merged: list[_Span] = []
    for span in spans:
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = _Span(last.start, max(last.end, span.end), min(last.rank, span.rank))
        else:
            merged.append(span)
    return merged


def _outside_escape(data: bytes, start: int) -> int:
    r"""The first offset from `start` on that is not inside a JSON escape.

    After `\n`, `pm_…` looks like the token `npm_…`: the `n` belongs to the escape and has to stay.
    """
    if data[start - 1 : start] == b"\\":
        return start + (5 if data[start : start + 1] == b"u" else 1)
    at = data.rfind(b"\\u", max(0, start - 5), start)
    if at < 0:
        return start
    before = data[max(0, at - 64) : at + 1]
    odd = (len(before) - len(before.rstrip(b"\\"))) % 2
    return at + 6 if odd else start


_TOKEN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def _run_before(data: bytes, end: int, limit: int) -> int:
    """The number of token characters before `end`, at most `limit`, less the end of a colour code."""
    before = data[max(0, end - limit) : end]
    start = len(before.rstrip(_TOKEN_BYTES))
    colour = _COLOUR_END.match(before, start - 1) if start else None
    return len(before) - (colour.end() if colour else start)


_COLOUR_END = re.compile(rb"[\[;][0-9]{1,2}m")
_KEY_LINE = re.compile(rb'\\{0,7}" {0,2}, {0,2}\\{0,7}"[ +-]?([A-Za-z0-9+/=]{4,}+)(?=\\{0,7}")')


def _listed_lines(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The lines of a private key that a patch shows as a list of JSON strings, from the end of its BEGIN line on."""
    while found := _KEY_LINE.match(data, at):
        yield found.span(1)
        at = found.end()


def _behind(starts: list[bytes]) -> bytes:
    """A look-behind for any of some words of one length."""
    return b"(?<=" + b"|".join(map(re.escape, starts)) + b")"


def _word_start(starts: list[bytes]) -> bytes:
    r"""A look-behind: one of the words of one length, not inside a longer word.

    The letter of an escape is no word: `\n`, `\u001b`; nor is `%3D` of a URL or the end of a colour code.
    """
    words = b"|".join(map(re.escape, starts))
    before = rb"\\[bfnrt]", rb"\\u[0-9A-Fa-f]{4}", rb"%[0-9A-F]{2}", rb"\[[0-9]m", rb"[\[;][0-9]{2}m"
    escapes = b"".join(rb"|(?<=%b(?:%b))" % (letter, words) for letter in before)
    return rb"(?:(?<![A-Za-z0-9_](?:%b))%b)" % (words, escapes)


# What must follow a frequent byte: the length of a token that is no word of a snake_case or kebab-case name; the rest
# of the name and something that can lead to a value.
_GATES = {
    b"_": rb"(?=[A-Za-z0-9_+/=-]{16})(?![a-z_]{12})",
    b"-": rb"(?:(?=[A-Za-z0-9_%+/=-]{16})(?![a-z-]{12})|(?=BEGIN ))",
    b".": rb"(?=[A-Za-z0-9_-]{6}(?:[A-Za-z0-9_-]{10}|\.[A-Za-z0-9_-]{27}))",
    b"A": rb"(?!AAA)(?:(?<=IA)|(?<=:AA)|(?=Iza))",  # base64 of zeros is all A
    b"k": rb"""(?=e[ny](?:["'`\\:=\]_0-9-]| {1,3}[:=])|s[.\\/])""",
}


def _gate(heads: list[bytes], pivot: bytes) -> bytes:
    """What refuses most occurrences of a one-byte pivot before any rule is tried.

    The byte before it must be one that a prefix has there. Before a hyphen a hex digit tells nothing, as UUIDs are
    everywhere, so there the whole prefix must stand.
    """
    if len(pivot) > 1 or pivot in b"kA":
        return _GATES.get(pivot, b"")
    if pivot in heads:
        return _GATES[pivot]
    vague = {head for head in heads if pivot == b"-" and head[-2] in b"0123456789abcdef"}
    telling = bytes(sorted({head[-2] for head in heads if head not in vague}))
    behind = [b"(?<=[" + re.escape(telling) + b"]" + re.escape(pivot) + b")"]
    behind += [_behind(sorted(head for head in vague if len(head) == size)) for size in sorted(set(map(len, vague)))]
    shut = b"(?!---)" if pivot == b"-" else b""  # a ruler
    gate = behind[0] if len(behind) == 1 else b"(?:" + b"|".join(behind) + b")"
    return gate + shut + _GATES.get(pivot, b"")


def _compile_group(pivot: bytes, *, folded: bool) -> _Scanner:
    """One regex for all rules of a pivot, tried in the order of `RULES`."""
    branches: list[bytes] = []
    named: dict[str, _Hit] = {}
    heads: list[bytes] = []
    for rank, rule in enumerate(RULES):
        if rule.pivot != pivot or rule.folded != folded:
            continue
        split: dict[tuple[int, bytes], list[bytes]] = defaultdict(list)
        for anchor in rule.anchors:
            size = anchor.rindex(pivot) + len(pivot)
            split[size, anchor[size:]].append(anchor[:size])
        for number, ((size, tail), starts) in enumerate(split.items()):
            branch, names = _name_groups(rule.pattern, f"r{rank}_{number}")
            taken = 0 if b"(?P<secret>" in rule.pattern else rule.before + size + len(tail)
            named.update(dict.fromkeys(names, _Hit(rank, rule, taken, CHECKS[rule.check])))
            before = _word_start(starts) if rule.bounded else b""
            branches.append(_behind(starts) + before + re.escape(tail) + branch)
            heads += starts
    regex = re.compile(re.escape(pivot) + _gate(heads, pivot) + b"(?:" + b"|".join(branches) + b")")
    return _Scanner(regex, pivot, folded, {regex.groupindex[name]: hit for name, hit in named.items()})


def _name_groups(pattern: bytes, label: str) -> tuple[bytes, list[str]]:
    """Give the groups of a pattern names of their own; returns it with the names of those that hold a secret."""
    if b"(?P<secret>" not in pattern:
        return b"(?P<%b>%b)" % (label.encode(), pattern), [label]
    names: list[str] = []

    def rename(_found: re.Match[bytes]) -> bytes:
        names.append(f"{label}_{len(names)}")
        return b"(?P<%b>" % names[-1].encode()

    pattern = re.sub(rb"\(\?P<secret>", rename, pattern)
    quote = f"{label}_q".encode()
    return pattern.replace(b"(?P<q>", b"(?P<%b>" % quote).replace(b"(?P=q)", b"(?P=%b)" % quote), names


@cache
def _scanners() -> tuple[_Scanner, ...]:
    """One for each pivot; compiled when first needed, as most commands redact nothing."""
    groups = dict.fromkeys((rule.pivot, rule.folded) for rule in RULES)
    return tuple(_compile_group(pivot, folded=folded) for pivot, folded in groups)


@cache
def _filter() -> Callable[[bytes], Iterator[Part]]:
    return make_filter(RULES)
