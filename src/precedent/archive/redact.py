"""Scrub secrets from raw transcript lines before anything is stored or indexed.

Owns the search and the replacement. Works on the bytes of whole JSONL lines and never decodes them; knows nothing of
agents, files or the catalogue. The rules are in `_secret_rules.py`.

How it is fast without a native library: `re` finds a first byte with memchr, so rules are grouped by a rare byte that
ends their prefix (the `_` of `ghp_`), and the rest of the prefix is a look-behind. One pass per group costs about
0.5 ns a byte; one alternation of all rules costs 70 ns a byte (`benchmarks/redact.py`).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from precedent.archive._secret_rules import RULES, Rule

__all__ = ["RULES", "Redaction", "Rule", "redact"]


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


class _Scanner(NamedTuple):
    """One pass over the data: all rules that share a pivot."""

    regex: re.Pattern[bytes]
    pivot: bytes
    folded: bool
    hits: dict[str, tuple[int, int]]  # group name → (rank of the rule, bytes of the anchor to take with it)


def redact(data: bytes) -> Redaction:
    """Replace every secret in whole JSONL lines by `[REDACTED:rule-name]`.

    A line that was valid JSON stays valid JSON of the same structure, the number of line feeds stays, and redacting the
    result again changes nothing. Lines are independent: a line's result does not depend on its neighbours.

    Args:
        data: zero or more whole lines, still encoded; any size, held in memory twice. Bytes that are not JSON or not
            UTF-8 are searched all the same.

    Returns:
        The scrubbed lines (`data` itself when nothing was found) and the number of replacements by rule.
    """
    spans = _merge(sorted(_spans(data)))
    if not spans:
        return Redaction(data, {})
    counts: dict[str, int] = defaultdict(int)
    pieces: list[bytes] = []
    at = 0
    for start, end, rank in spans:
        name = RULES[rank].name
        counts[name] += 1
        pieces += (data[at:start], b"[REDACTED:", name.encode(), b"]")
        at = end
    pieces.append(data[at:])
    return Redaction(b"".join(pieces), dict(counts))


def _spans(data: bytes) -> Iterator[_Span]:
    """Every secret of every rule, unordered; they may overlap."""
    lowered = data.lower()
    for scanner in _SCANNERS:
        text = lowered if scanner.folded else data
        if len(scanner.pivot) > 6 and scanner.pivot not in text:  # a long word is found faster than a regex starts
            continue
        search = scanner.regex.search
        found = search(text)
        while found is not None:
            group = found.lastgroup or ""
            rank, taken = scanner.hits[group]
            rule = RULES[rank]
            start, end = found.span(group)
            start -= taken
            if rule.reach:
                start -= _run_before(data, start, rule.reach)
            start = _outside_escape(data, start)
            if rule.listed:
                yield from (_Span(first, last, rank) for first, last in _listed_lines(data, end))
            elif start < end and _CHECKS[rule.check](data[start:end], data[start - 1 : start]):
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
    near = data[max(0, start - 5) : start]
    at = near.rfind(b"\\u")
    return start if at < 0 else start - len(near) + at + 6


_TOKEN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def _run_before(data: bytes, end: int, limit: int) -> int:
    """The number of token characters before `end`, at most `limit`."""
    before = data[max(0, end - limit) : end]
    return len(before) - len(before.rstrip(_TOKEN_BYTES))


_KEY_LINE = re.compile(rb'\\{0,7}" {0,2}, {0,2}\\{0,7}"[ +-]?([A-Za-z0-9+/=]{4,}+)(?=\\{0,7}")')


def _listed_lines(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The lines of a private key that a patch shows as a list of JSON strings, from the end of its BEGIN line on."""
    while found := _KEY_LINE.match(data, at):
        yield found.span(1)
        at = found.end()


_PLACEHOLDER = re.compile(
    rb"x{4}|\*{3}|\.{3}|^[$%<\[({]|\$[{(]|\{\{|%s|<[a-z_ -]+>|example|change.?me|placeholder|your|dummy|sample|redacted|"
    rb"process\.env|os\.environ|getenv|todo|fixme|foobar|insert.?here|replace.?(?:me|with|this)"
)
_LOUD = re.compile(rb"x{6}|\*{3}|example|your[_-]|placeholder|redacted|changeme")
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PATH = re.compile(rb"(?:[.~]{0,2}|[A-Za-z]:)/[a-z_.-]+(?:/[\w.-]*)*$|[a-z][a-z+]{1,9}://")
# Code in quotes: a call, an index, a character class, a format field.
_CODE = re.compile(rb"\w\(.{0,99}\)|^[\[({^]|\[[\w\]^-]+\]|\{\w*\}|[a-z]=>|==|&&|\|\||[+*]\)|->|::")
# Words with at most a short number each, joined by anything that joins words in identifiers: `oauth2-client_secret.v2`.
_IDENTIFIER = re.compile(rb"[A-Za-z]*[0-9]{0,4}(?:[_./:@#,-]+(?:[A-Za-z]+[0-9]{0,4}|[0-9]{1,4}[a-z]?))*")
_CAMEL = re.compile(rb"(?:[a-z]+|[A-Z]{2,}|[A-Z])?(?:[A-Z]+[a-z]{2,}|[_./:@#,-]+[A-Za-z]*)*[A-Z]{0,4}")
_COMMON = re.compile(
    rb"pass|pwd|secret|token|key|test|demo|admin|user|default|value|name|type|hash|auth|login|version|hunter"
)
_DEFAULTS = frozenset(
    b"password passwd pass pwd secret token pw postgres root admin user test guest dev mysql redis minio docker changeme "
    b"pass123 password123 hidden local default example x y p rabbitmq mongo".split()
)


def _is_token(value: bytes, _lead: bytes) -> bool:
    """A value with a vendor's prefix: anything but an obvious stand-in."""
    return len(set(value)) >= 8 and not _LOUD.search(value.lower())


def _is_url_password(value: bytes, _lead: bytes) -> bool:
    """The password of a URL: no stand-in, no well-known default, no port."""
    lowered = value.lower()
    return (
        len(value) >= 3
        and len(set(value)) >= 3
        and lowered not in _DEFAULTS
        and not _PLACEHOLDER.search(lowered)
        and not (value.isdigit() and len(value) < 6)
    )


def _is_header(value: bytes, _lead: bytes) -> bool:
    """The credentials of an Authorization header: encoded bytes, not words."""
    mixed = _classes(value) >= 2 and (any(map(_is_digit, value)) or len(value) % 4 == 0)
    return (
        mixed and len(set(value)) >= 6 and not _PLACEHOLDER.search(value.lower()) and not _IDENTIFIER.fullmatch(value)
    )


def _is_aws_secret(value: bytes, _lead: bytes) -> bool:
    """40 base64 characters beside the name of an AWS secret key."""
    return _classes(value) >= 3 and not _LOUD.search(value.lower())


def _is_assigned(value: bytes, lead: bytes) -> bool:
    """A value behind a telling name: varied enough to be no word, identifier, path, stand-in or piece of code."""
    lowered = value.lower()
    if len(set(value)) < 6 or _PLACEHOLDER.search(lowered) or _PATH.match(value) or _CODE.search(value):
        return False
    if _UUID.fullmatch(lowered):
        return False
    if lead in b" :" and _changes(value) < 3:
        return False
    if _IDENTIFIER.fullmatch(value) or _CAMEL.fullmatch(value):
        digits = sum(map(_is_digit, value))
        return value.isalnum() and digits >= 2 and not _COMMON.search(lowered)
    return _classes(value) >= 3 or any(map(_is_digit, value)) or len(value) >= 12


def _is_digit(byte: int) -> bool:
    return 0x30 <= byte <= 0x39


def _class(byte: int) -> str:
    char = chr(byte)
    return "d" if _is_digit(byte) else "u" if char.isupper() else "l" if char.islower() else "s"


def _classes(value: bytes) -> int:
    return len(set(map(_class, value)))


def _changes(value: bytes) -> int:
    kinds = list(map(_class, value))
    return sum(a != b for a, b in zip(kinds, kinds[1:], strict=False))


_CHECKS: dict[str, Callable[[bytes, bytes], bool]] = {
    "none": lambda _value, _lead: True,
    "token": _is_token,
    "url": _is_url_password,
    "header": _is_header,
    "aws": _is_aws_secret,
    "jwt": lambda value, _lead: value.startswith(b"eyJ") or b"_eyJ" in value,
    "assigned": _is_assigned,
}


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
    b"A": rb"(?:(?<=[AI]A)|(?=Iza))",
    b"k": rb"""(?=e[ny]["'`\\ :=\]_0-9-]|s[.\\/])""",
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
    gate = behind[0] if len(behind) == 1 else b"(?:" + b"|".join(behind) + b")"
    return gate + _GATES.get(pivot, b"")


def _compile_group(pivot: bytes, *, folded: bool) -> _Scanner:
    """One regex for all rules of a pivot, tried in the order of `RULES`."""
    branches: list[bytes] = []
    hits: dict[str, tuple[int, int]] = {}
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
            hits.update(dict.fromkeys(names, (rank, 0 if b"(?P<secret>" in rule.pattern else size + len(tail))))
            before = _word_start(starts) if rule.bounded else b""
            branches.append(_behind(starts) + before + re.escape(tail) + branch)
            heads += starts
    regex = re.escape(pivot) + _gate(heads, pivot) + b"(?:" + b"|".join(branches) + b")"
    return _Scanner(re.compile(regex), pivot, folded, hits)


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


_SCANNERS = tuple(
    _compile_group(pivot, folded=folded) for pivot, folded in dict.fromkeys((rule.pivot, rule.folded) for rule in RULES)
)
