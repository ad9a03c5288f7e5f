"""Hostile files by name, the same at every run: what each holds, what of it is to be kept, what is to be told.

A file is a session of two turns with something between them. Its two prompts and replies are good and must be kept,
whatever stands between; `Case.kept` names the prompts that the hostile part itself still says.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from builders import session_id

from .agents import AGENTS, LINED, Agent, Value, dumped

DEEP = 1_000_000
MANY_KEYS = 1_000_000
TURNS = 2


class Told(NamedTuple):
    """A defect as it must be reported."""

    offset: int
    line: int
    reason: str


class Case(NamedTuple):
    """One hostile file.

    Attributes:
        agent: name in `AGENTS`.
        name: what is hostile about it.
        session: its session's id.
        data: its content.
        prompts: texts of the prompts that must be read, in order.
        requests: how many requests must be read.
        lines: how many lines must be accounted for.
        told: the defects, all of them and in order.
    """

    agent: str
    name: str
    session: str
    data: bytes
    prompts: tuple[str, ...]
    requests: int
    lines: int
    told: tuple[Told, ...]


class Piece(NamedTuple):
    """What is put between the turns.

    Attributes:
        data: whole lines, the last without its newline.
        reasons: of the defects, each with the number of its line in the piece, from 0.
        kept: texts of prompts that are read from it.
    """

    data: bytes
    reasons: tuple[tuple[int, str], ...] = ()
    kept: tuple[str, ...] = ()


def bad(data: bytes, *reasons: str) -> Piece:
    """Return a line of which nothing can be used."""
    return Piece(data, tuple((0, reason) for reason in reasons))


NOT_JSON, NOT_OBJECT, GLUED = "not JSON", "not an object", "several objects on one line"
WIDER, BAD_UTF8, TOO_DEEP, TOO_DENSE = "not standard JSON", "invalid UTF-8", "nested too deeply", "too large to decode"


@cache
def million_keys() -> bytes:
    """Return an object of as many keys."""
    return b"{" + b",".join(b'"%d":0' % key for key in range(MANY_KEYS)) + b"}"


@cache
def deep_lists() -> bytes:
    """Return lists in lists in lists."""
    return b"[" * DEEP + b"]" * DEEP


@cache
def useless() -> dict[str, Piece]:
    """Lines that say nothing whoever wrote the file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("x"), "x")
    return {
        "NUL bytes": bad(bytes(64), NOT_JSON),
        "one NUL byte": bad(b"\0", NOT_JSON),
        "an opening brace": bad(b"{", NOT_JSON),
        "a closing brace": bad(b"}", NOT_JSON),
        "a lone quote": bad(b'"', NOT_JSON),
        "words": bad(b"Traceback (most recent call last):", NOT_JSON),
        "markup": bad(b"<html><body>502 Bad Gateway</body></html>", NOT_JSON),
        "single quotes": bad(b"{'type': 'user'}", NOT_JSON),
        "a comment": bad(b'// {"type":"user"}', NOT_JSON),
        "a trailing comma": bad(b'{"type":"user",}', NOT_JSON),
        "a missing value": bad(b'{"type":}', NOT_JSON),
        "a key without quotes": bad(b'{type:"user"}', NOT_JSON),
        "a control character in a string": bad(b'{"type":"us\x01er"}', NOT_JSON),
        "a tab in a string": bad(b'{"type":"us\ter"}', NOT_JSON),
        "an unknown escape": bad(b'{"type":"\\x41"}', NOT_JSON),
        "a cut escape": bad(b'{"type":"\\u00', NOT_JSON),
        "a leading zero": bad(b'{"type":01}', NOT_JSON),
        "a lone minus": bad(b'{"type":-}', NOT_JSON),
        "a hexadecimal number": bad(b'{"type":0xff}', NOT_JSON),
        "a list": bad(b'[{"type":"user"}]', NOT_OBJECT),
        "an empty list": bad(b"[]", NOT_OBJECT),
        "a string": bad(b'"user"', NOT_OBJECT),
        "an empty string": bad(b'""', NOT_OBJECT),
        "a number": bad(b"42", NOT_OBJECT),
        "a large number": bad(b"18446744073709551616", NOT_OBJECT),
        "a number out of range": bad(b"1e400", NOT_OBJECT),
        "null": bad(b"null", NOT_OBJECT),
        "true": bad(b"true", NOT_OBJECT),
        "NaN": bad(b"NaN", NOT_JSON),
        "Infinity": bad(b"-Infinity", NOT_JSON),
        "5,000 digits": bad(b"1" * 5000, NOT_JSON),
        "bytes that are no UTF-8": bad(b"\xff\xfe\xfa\xc0\xaf", NOT_JSON),
        "an overlong slash": bad(b'{"type":"\xc0\xaf', NOT_JSON),
        "UTF-16": bad('{"type":"user"}'.encode("utf-16-le"), NOT_JSON),
        "a gzip member": bad(gzip.compress(b"x", mtime=0).replace(b"\n", b" "), NOT_JSON),
        "a zip archive": bad(archive.getvalue().replace(b"\n", b" "), NOT_JSON),
        "a program": bad(b"\x7fELF\x02\x01\x01" + bytes(9), NOT_JSON),
        "lists nested too deeply": bad(deep_lists(), TOO_DEEP),
        "objects nested too deeply": bad(b'{"a":' * (DEEP // 2) + b"1" + b"}" * (DEEP // 2), TOO_DEEP),
        "more objects than a line of its size may have": bad(b"[" + b"{}," * 2_000_000 + b"{}]", TOO_DENSE),
        "lists that never end": bad(b"[" * DEEP, TOO_DEEP),
        "a line of blanks": Piece(b" " * 100),
        "a blank line": Piece(b""),
        "ten blank lines": Piece(b"\n" * 9),
        "a lone carriage return": Piece(b"\r"),
        "blanks of other systems": Piece(b"\x0b\x0c"),
        "separators of other systems": bad(b"\x1c\x1d\x1e", NOT_JSON),
        "three bad lines": Piece(b"{\n[]\n\0", ((0, NOT_JSON), (1, NOT_OBJECT), (2, NOT_JSON))),
    }


def altered(agent: Agent, session: str) -> dict[str, Callable[[], Piece]]:
    """Prompts that are damaged and mostly still said; each is made when it is asked for, some are large."""
    value = agent.prompt(session, 7)
    line, text = dumped(value), "good 7"
    second = dumped(agent.prompt(session, 8))

    def spoken(data: bytes, *reasons: str, says: str = text) -> Piece:
        return Piece(data, tuple((0, reason) for reason in reasons), (says,))

    def with_member(raw: bytes) -> bytes:
        return line[:-1] + b',"unheard_of":' + raw + b"}"

    def saying(raw: bytes) -> bytes:
        return line.replace(b"good 7", raw)

    found: dict[str, Callable[[], Piece]] = {
        "bytes that are no UTF-8 in a text": lambda: spoken(saying(b"good \xff"), BAD_UTF8, says="good \ufffd"),
        "half a character": lambda: spoken(saying(b"good \xe2\x82"), BAD_UTF8, says="good \ufffd"),
        "half of a surrogate pair": lambda: spoken(saying(b"good \\ud83d"), WIDER, says="good ?"),
        "the wrong half of a surrogate pair": lambda: spoken(saying(b"good \\ude00"), WIDER, says="good ?"),
        "a surrogate as bytes": lambda: spoken(saying(b"good \xed\xa0\xbd"), BAD_UTF8, says="good \ufffd\ufffd\ufffd"),
        "a surrogate pair": lambda: spoken(saying(b"good \\ud83d\\ude00"), says="good \U0001f600"),
        "an escaped NUL": lambda: spoken(saying(b"good \\u0000"), says="good \0"),
        "a separator that is no newline": lambda: spoken(
            saying("go\u2028\u2029\x85od".encode()), says="go\u2028\u2029\x85od"
        ),
        "text that runs the other way": lambda: spoken(saying("good \u202e7".encode()), says="good \u202e7"),
        "steering of a terminal": lambda: spoken(saying(b"good \\u001b[2J\\u0007"), says="good \x1b[2J\x07"),
        "bytes that are no UTF-8 beside it": lambda: spoken(with_member(b'"\xff"'), BAD_UTF8),
        "NaN beside it": lambda: spoken(with_member(b"NaN"), WIDER),
        "Infinity beside it": lambda: spoken(with_member(b"[Infinity,-Infinity]"), WIDER),
        "2^64 beside it": lambda: spoken(with_member(b"18446744073709551616")),
        "-2^63-1 beside it": lambda: spoken(with_member(b"-9223372036854775809")),
        "1e400 beside it": lambda: spoken(with_member(b"1e400")),
        "5,000 digits beside it": lambda: spoken(with_member(b"1" * 5000)),
        "a text of a megabyte beside it": lambda: spoken(with_member(b'"' + b"x" * (1 << 20) + b'"')),
        "duplicate unknown keys": lambda: spoken(with_member(b'1,"unheard_of":2,"unheard_of":[]')),
        "a million keys": lambda: spoken(with_member(million_keys())),
        "lists nested 500 deep": lambda: spoken(with_member(b"[" * 500 + b"]" * 500)),
        "blanks around it": lambda: spoken(b" \t" + line + b"  \t "),
        "a carriage return after it": lambda: spoken(line + b"\r"),
        "a byte order mark before it": lambda: spoken(b"\xef\xbb\xbf" + line, WIDER),
    }  # fmt: skip
    if agent.whole is None:
        both = (text, "good 8")
        found |= {
            "two glued objects": lambda: Piece(line + second, ((0, GLUED),), both),
            "two objects with a blank between": lambda: Piece(line + b" " + second, ((0, GLUED),), both),
            "carriage returns for newlines": lambda: Piece(line + b"\r" + second + b"\r", ((0, GLUED),), both),
            "twenty glued objects": lambda: Piece(
                b"".join(dumped(agent.prompt(session, number)) for number in range(7, 27)),
                ((0, GLUED),),
                tuple(f"good {number}" for number in range(7, 27)),
            ),
            "an object glued to half of one": lambda: bad(line + second[: len(second) // 2], NOT_JSON),
            "an object glued to words": lambda: bad(line + b"EOF", NOT_JSON),
            "two objects with a comma between": lambda: bad(line + b"," + second, NOT_JSON),
            "half of its line": lambda: bad(line[: len(line) // 2], NOT_JSON),
            "its line without the last byte": lambda: bad(line[:-1], NOT_JSON),
            "its line without the first byte": lambda: bad(line[1:], NOT_JSON),
            "its line twice as deep in itself": lambda: spoken(with_member(line)),
        }
        found |= {"the same prompt deeper than anybody reads": lambda: bad(with_member(deep_lists()), TOO_DEEP)}
    return found


def between(name: str, agent: Agent, session: str, title: str, piece: Piece) -> Case:
    """Put a piece between two turns."""
    head = agent.lines(session, 1)
    rest = [dumped(agent.prompt(session, TURNS)), *map(dumped, agent.reply(session, TURNS))]
    data = agent.content(session, [*head, piece.data, *rest])
    first = 1 + len(head)
    offset = sum(len(line) + 1 for line in head)
    starts = [offset]
    for line in piece.data.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    told = tuple(Told(starts[number], first + number, reason) for number, reason in piece.reasons)
    return Case(
        name, title, session, data, ("good 1", *piece.kept, "good 2"), TURNS * agent.bills, data.count(b"\n"), told
    )


def line_cases(name: str) -> Iterator[Case]:
    """Yield what may stand on a line of an agent's transcript."""
    agent = LINED[name]
    for title, piece in useless().items():
        session = session_id(f"{name} {title}")
        yield between(name, agent, session, title, piece)
    titles = list(altered(agent, ""))
    for title in titles:
        session = session_id(f"{name} {title}")
        yield between(name, agent, session, title, altered(agent, session)[title]())


def file_cases(name: str) -> Iterator[Case]:
    """Yield what may become of a file as a whole."""
    agent = AGENTS[name]

    def case(
        title: str, change: Any, *, told: tuple[Told, ...] = (), lines: int | None = None, turns: int = TURNS
    ) -> Case:
        session = session_id(f"{name} {title}")
        data = change(agent.content(session, agent.lines(session, TURNS)))
        prompts = tuple(f"good {number}" for number in range(1, turns + 1))
        count = data.count(b"\n") if lines is None else lines
        return Case(name, title, session, data, prompts, turns * agent.bills, count, told)

    yield case("as it should be", lambda data: data)
    yield case("a byte order mark", lambda data: b"\xef\xbb\xbf" + data)
    yield case("carriage returns before newlines", lambda data: data.replace(b"\n", b"\r\n"))
    yield case("a thousand blank lines at the end", lambda data: data + b"\n" * 1000)
    if agent.whole is None:
        yield case("no newline at the end", lambda data: data[:-1], lines=len(agent.lines("x", TURNS)))
        yield case("a thousand blank lines at the start", lambda data: b"\n" * 1000 + data)
        yield case("every line twice with a blank one between", _spread, lines=2 * len(agent.lines("x", TURNS)))


def _spread(data: bytes) -> bytes:
    return b"".join(line + b"\n\n" for line in data.splitlines())


# Fields -------------------------------------------------------------------------------------------------------------

WRONG: tuple[tuple[str, bytes], ...] = (
    ("null", b"null"), ("true", b"true"), ("0", b"0"), ("-1", b"-1"), ("1.5", b"1.5"), ("text", b'"x"'),
    ("empty text", b'""'), ("list", b"[]"), ("list of lists", b"[[null]]"), ("object", b"{}"),
    ("object of objects", b'{"a":{"b":null}}'), ("2^64", b"18446744073709551616"), ("-2^63-1", b"-9223372036854775809"),
    ("1e308", b"1e308"), ("1e400", b"1e400"), ("NaN", b"NaN"), ("2^53+1", b"9007199254740993"),
)  # fmt: skip


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of everything in a JSON value but the value itself."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def replaced(value: Any, path: tuple[str | int, ...], raw: bytes) -> bytes:
    """Return a value's JSON with other JSON at a place."""
    marked = json.loads(json.dumps(value))
    inner = marked
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = "@@hostile@@"
    return dumped(marked).replace(b'"@@hostile@@"', raw)


def samples(agent: Agent, session: str) -> list[Value]:
    """Return a line of every kind of an agent."""
    return [*agent.header(session), agent.prompt(session, 7), *agent.reply(session, 7), *agent.others(session)]


TIMES: tuple[bytes, ...] = tuple(
    json.dumps(each).encode() if isinstance(each, str) else each
    for each in (
        "2026-01-05T09:00:00", "2026-01-05T09:00:00+14:00", "2026-01-05T09:00:00-23:59", "2026-01-05 09:00:00Z",
        "2026-01-05T09:00:00.123456789Z", "2026-01-05T24:00:00Z", "2026-01-05T09:00:60Z", "2026-02-30T09:00:00Z",
        "2026-13-01T09:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z", "2026-01-05", "09:00", "yesterday", "", " ", "\u0662\u0660\u0662\u0666-01-05T09:00:00Z",
        "2026-01-05T09:00:00Z" * 1000, b"0", b"-1", b"1767603600", b"1767603600.5", b"1767603600000",
        b"1767603600000000", b"1767603600000000000", b"253402300800000", b"1e300", b"1e400", b"-1e300", b"NaN",
        b"null", b"true", b"[]", b"{}",
    )
)  # fmt: skip
