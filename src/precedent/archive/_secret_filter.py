r"""Finds the few lines that a rule may change, in one pass of RE2 over many lines at once.

Owns the widening of rules and nothing else. A widened rule matches wherever the rule does and in more places: what
looks around is dropped, long repeats are cut, and of a long pattern only the beginning is kept. RE2 then searches all
widened rules at once at 1.4 ns a byte, which the rules themselves take 10 ns for (`benchmarks/redact.py`); it has no
look-around, which is why it cannot apply the rules. Where it finds something, the rules are tried at that very place,
which refuses most of it. All is made from the rules when this is imported, so it cannot drift from them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import re2  # type: ignore[import-untyped]

from precedent.archive._secret_rules import Rule

# There is no public way to the parse of a pattern, and type checkers do not agree on whether there is this one.
op, parser = import_module("re._constants"), import_module("re._parser")

_KEPT = 12  # characters of a pattern: more make the automaton larger and hardly refuse more
_MEMORY_BYTES = 32 << 20  # the automaton of 140 rules takes about 12 MB; with 8, searching falls to 4 MB/s
_COUNTED = 32  # a repeat that may be longer is widened to any length
_NEAR_BYTES = 2_048  # lines this near to one another are handed on together
_PATIENCE = 64  # places in a line that are tried before it is handed on untried: a try costs 5 us


_Node = tuple[Any, Any]  # of a parsed pattern: its kind and what that kind needs


class _Match(Protocol):
    def start(self) -> int: ...


class Part(NamedTuple):
    """Lines from `start` up to `end`, whole ones."""

    start: int
    end: int


def make_filter(rules: Sequence[Rule]) -> Callable[[bytes], Iterator[Part]]:
    """Return what finds the lines that any of the rules may change.

    The returned function takes lines and yields parts of them in order, not overlapping, that together hold every
    line that a rule matches in. It may be called by several threads at once, and lets the others run meanwhile.
    """
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.log_errors = False  # it would write to the error stream when its memory is used up and it starts anew
    options.max_mem = _MEMORY_BYTES
    search: Callable[[bytes, int], _Match | None]
    search = re2.compile(b"|".join(map(widened, rules)), options).search
    matches = re.compile(b"|".join(_unbounded(rule, number) for number, rule in enumerate(rules))).match

    def suspects(data: bytes) -> Iterator[Part]:
        part: Part | None = None
        line_end = tries = at = 0
        while at < len(data) and (found := search(data, at)):
            at = found.start()
            if at >= line_end:
                line_end, tries = data.find(b"\n", at) + 1 or len(data), 0
            tries += 1
            if tries <= _PATIENCE and not matches(data, at):
                at += 1
                continue
            start = data.rfind(b"\n", 0, at) + 1
            if part and start - part.end > _NEAR_BYTES:
                yield part
                part = None
            part = Part(part.start if part else start, line_end)
            at = line_end
        if part:
            yield part

    return suspects


def _unbounded(rule: Rule, number: int) -> bytes:
    """A rule as one pattern from its anchor on, without regard to what stands before and to the value's check."""
    pattern = rule.pattern.replace(b"(?P<secret>", b"(?:")
    pattern = pattern.replace(b"(?P<q>", b"(?P<q%d>" % number).replace(b"(?P=q)", b"(?P=q%d)" % number)
    branch = b"(?:%b)%b" % (b"|".join(map(re.escape, rule.anchors)), pattern)
    return b"(?i:%b)" % branch if rule.folded else branch


def widened(rule: Rule) -> bytes:
    """Return an RE2 pattern that matches wherever a rule does, from an anchor on."""
    pattern = rule.pattern.replace(b"(?P<secret>", b"(?:")  # a name may not occur twice
    kept, least = [], 0
    for node in parser.parse(pattern):
        if least < _KEPT:
            kept.append(node)
            least += parser.SubPattern(parser.State(), [node]).getwidth()[0]
    anchors = "|".join("".join(map(_byte, anchor)) for anchor in rule.anchors)
    return f"(?{'i' if rule.folded else ''}:(?:{anchors}){_widen_all(kept, {}, last=True)})".encode()


def _widen_all(nodes: Iterable[_Node], groups: dict[int, str], *, last: bool) -> str:
    """Translate nodes of a parsed pattern.

    Args:
        nodes: in a sequence.
        groups: what numbered groups became; added to.
        last: nothing follows, so that the fewest repeats are enough: more would be read for nothing.
    """
    some = [node for node in nodes if node[0] not in (op.ASSERT, op.ASSERT_NOT, op.AT)]
    return "".join(_widen(node, groups, last=last and node is some[-1]) for node in some)


def _widen(node: _Node, groups: dict[int, str], *, last: bool) -> str:
    kind, value = node
    if kind is op.LITERAL:
        return _byte(value)
    if kind is op.NOT_LITERAL:
        return f"[^{_byte(value)}]"
    if kind is op.ANY:
        return r"[^\n]"
    if kind is op.IN:
        return f"[{''.join(map(_widen_member, value))}]"
    if kind is op.BRANCH:
        return f"(?:{'|'.join(_widen_all(each, groups, last=last) for each in value[1])})"
    if kind is op.ATOMIC_GROUP:
        return f"(?:{_widen_all(value, groups, last=last)})"
    if kind is op.SUBPATTERN and not (value[1] or value[2]):
        groups[value[0]] = f"(?:{_widen_all(value[3], groups, last=last)})"
        return groups[value[0]]
    if kind is op.GROUPREF:
        return groups[value]
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        least, most, inner = value
        repeated = f"(?:{_widen_all(inner, groups, last=False)})"
        least = min(least, _KEPT)
        return f"{repeated}{{{least},{least if last else most if most <= _COUNTED else ''}}}"
    raise ValueError(f"no widening is known for {kind} in a rule of redaction; add it to {__name__}")


def _widen_member(member: _Node) -> str:
    """Translate a member of a character class."""
    kind, value = member
    if kind is op.NEGATE:
        return "^"
    if kind is op.LITERAL:
        return _byte(value)
    if kind is op.RANGE:
        return f"{_byte(value[0])}-{_byte(value[1])}"
    if kind is op.CATEGORY and value is op.CATEGORY_SPACE:
        return r"\s\v"
    raise ValueError(f"no widening is known for {kind} {value} in a rule of redaction; add it to {__name__}")


def _byte(value: int) -> str:
    return f"\\x{value:02x}"
