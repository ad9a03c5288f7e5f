"""Cuts statements out of a note: its lists and sentences that state a fact or a convention.

A note is written for an agent, so most of it is no knowledge: orders to the agent, what is to be done, what holds on
one machine only. Such sentences are left where they are. Pure: text in, statements out.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from precedent.knowledge.model import MAX_TITLE, plain

from .wording import heading_of, is_generic, is_left_out, states, without_markup

MIN_WORDS, MAX_WORDS = 4, 70
MAX_CHARS = 600
MAX_LEAD_WORDS = 10
"""Of a line that ends in a colon and tells what the list below it is of."""
MAX_HEADING = 200

_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(\S.*)")
_BULLET = re.compile(r"(\s*)(?:[-*+]|\d{1,3}[.)])\s+(?=\S)")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NO_TEXT = re.compile(r"\s*(?:[|>]|@\S+\s*$|[-*_=\s]{3,}$|!?\[[^\]]*\]\([^)]*\)\s*$)")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<!\bvs\.)\s+(?=[A-Z`*_\"'(\[])")
_NOT_NEWLINE = re.compile(r"[^\n]")


class Statement(NamedTuple):
    """A statement of a note.

    Attributes:
        content: in full, with the heading that it needs to be understood.
        title: in short.
        quote: as it stands in the note, white space as one blank.
        context: the heading or line above it that the content begins with; empty when it needs none.
        line: of the note, from 1.
        start: where the quote starts, in characters of the note.
        end: where it ends.
    """

    content: str
    title: str
    quote: str
    context: str
    line: int
    start: int
    end: int


class _Block(NamedTuple):
    """A list item or a paragraph, with what stands above it."""

    start: int
    end: int
    bullet: bool
    headings: tuple[str, ...]
    subject: str
    lead: str


def cut(text: str) -> list[Statement]:
    """Return the statements of a note in order, each once.

    Args:
        text: without secrets and without what we delivered.
    """
    bare = _COMMENT.sub(lambda found: _NOT_NEWLINE.sub(" ", found[0]), text)
    found: dict[str, Statement] = {}
    for block in _blocks(bare):
        if any(map(is_left_out, block.headings)):
            continue
        for start, end in _sentences(bare, block):
            made = _statement(bare, start, end, block)
            if made is not None:
                found.setdefault(made.content, made)
    return list(found.values())


def _statement(text: str, start: int, end: int, block: _Block) -> Statement | None:
    quote = plain(text[start:end])
    if len(quote) > MAX_CHARS:
        return None
    words = without_markup(quote)
    if not MIN_WORDS - bool(block.lead) <= len(words.split()) <= MAX_WORDS or not states(words, led=bool(block.lead)):
        return None
    about = block.lead or block.subject
    content = f"{about}: {words}" if about and about.casefold() not in words.casefold() else words
    return Statement(
        content=content,
        title=_title(content),
        quote=quote,
        context=about,
        line=text.count("\n", 0, start) + 1,
        start=start,
        end=end,
    )


def _title(content: str) -> str:
    short = content.rstrip(".")
    return short if len(short) <= MAX_TITLE else short[: MAX_TITLE - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _sentences(text: str, block: _Block) -> Iterator[tuple[int, int]]:
    """Yield where the sentences of a block stand; a short list item is one, whatever sentences it has."""
    if block.bullet and len(text[block.start : block.end].split()) <= MAX_WORDS:
        yield block.start, block.end
        return
    at = block.start
    for found in _SENTENCE_END.finditer(text, block.start, block.end):
        yield at, found.start()
        at = found.end()
    yield at, block.end


class _Line(NamedTuple):
    start: int
    text: str


def _lines(text: str) -> Iterator[_Line]:
    """Yield the lines outside code and front matter; those inside are told as empty ones."""
    at, fence, front = 0, "", text.startswith("---\n")
    for number, line in enumerate(text.split("\n")):
        mark = _FENCE.match(line)
        hidden = bool(fence or mark or front)
        if front:
            front = number == 0 or line.rstrip() not in {"---", "..."}
        elif mark and not fence:
            fence = mark[1]
        elif mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence):
            fence = ""
        yield _Line(at, "" if hidden else line)
        at += len(line) + 1


class _Outline:
    """What stands above the line that is read: headings, and lines that lead into lists."""

    def __init__(self) -> None:
        self.headings: list[tuple[int, str]] = []
        self._leads: list[tuple[int, str]] = []

    def heading(self, depth: int, text: str) -> None:
        self.headings = [each for each in self.headings if each[0] < depth] + [(depth, heading_of(text[:MAX_HEADING]))]
        self._leads.clear()

    def leave(self, indent: int) -> None:
        """Forget the lines that led into what is further to the right."""
        self._leads = [each for each in self._leads if each[0] < indent]

    def lead(self, indent: int, text: str) -> None:
        self.leave(indent)
        words = without_markup(plain(text)).rstrip(":").strip() if len(text) <= MAX_HEADING else ""
        if words and len(words.split()) <= MAX_LEAD_WORDS:
            self._leads.append((indent, words))

    def block(self, start: int, end: int, *, bullet: bool) -> _Block:
        # The first heading names the project or the file, which is nothing that a statement is about.
        subject = next((text for depth, text in reversed(self.headings) if depth > 1 and not is_generic(text)), "")
        lead = self._leads[-1][1] if bullet and self._leads else ""
        return _Block(start, end, bullet, tuple(text for _, text in self.headings), subject, lead)


def _blocks(text: str) -> Iterator[_Block]:
    """Yield list items and paragraphs; one that ends in a colon leads into those below it and is none itself."""
    outline = _Outline()
    open_: tuple[int, int, int, bool] | None = None  # start, end, indent, bullet

    def closed() -> Iterator[_Block]:
        nonlocal open_
        if open_ is None:
            return
        start, end, indent, bullet = open_
        open_ = None
        words = text[start:end].rstrip()
        if words.endswith(":"):
            # A paragraph leads into the list below it, which may stand as far to the left as itself.
            outline.lead(indent if bullet else -1, words)
            return
        yield outline.block(start, start + len(words), bullet=bullet)

    for at, line in _lines(text):
        heading, bullet = _HEADING.match(line), _BULLET.match(line)
        if heading or not line.strip() or _NO_TEXT.match(line):
            yield from closed()
            if heading:
                outline.heading(len(heading[1]), heading[2])
            continue
        indent = len(line) - len(line.lstrip())
        if bullet:
            yield from closed()
            outline.leave(indent)
            open_ = (at + bullet.end(), at + len(line), indent, True)
        elif open_ is not None:
            open_ = (open_[0], at + len(line), open_[2], open_[3])
        else:
            if not indent:
                outline.leave(-1)
            open_ = (at + indent, at + len(line), indent, False)
    yield from closed()
