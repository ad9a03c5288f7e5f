"""Full text over items and over what people typed, by SQLite's FTS5 or PostgreSQL's own.

The indexes are kept by the database itself, see migration 0004; here they are asked. What holds every word of a
question comes first, then what holds some, the best first. A question is data: no sign in it is an operator. How many
rows a word is in is known at once, while weighing rows takes 2 us for each; so the rare words decide.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, Protocol

import msgspec
import sqlalchemy as sa

from precedent.security.principals import Principal
from precedent.store.schema import knowledge_item, knowledge_turn, transcript, user

from . import rows
from .listing import Filter, conditions
from .model import MAX_QUESTION, Item
from .visibility import visible

MAX_WORDS = 16
"""Of a question; what follows them tells little."""

FREQUENT = 500
"""Rows from which on a word tells little: to weigh all of them against each other takes longer than anybody waits."""

POOL = 50
"""What is found by words and by meaning before the two are mixed."""

HALF = 3.0
"""Places after which a match of words is worth half of the first."""

_WORD = re.compile(r"\w+")
_STOP = frozenset(
    "a an and are as at be but by do does for from had has have how i if in is it its me my no not of on or our that "
    "the their them then there these they this to was we were what when where which who why will with you your".split()
)

EVERYTHING = Filter()

Condition = sa.ColumnElement[bool]


class Meanings(Protocol):
    """What finds by meaning; see `meaning.Meaning`."""

    def near(
        self, tx: sa.Connection, table: sa.Table, question: str, wanted: Sequence[Condition], *, limit: int
    ) -> list[tuple[int, float]]:
        """Return the ids of the nearest rows for which conditions hold, and how near they are, the nearest first."""


class FoundTurn(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person typed.

    Attributes:
        person: key of who typed it.
        session: native id of the session.
        session_file: the transcript.
        line: of the transcript, from 1.
        byte_offset: of the line.
        said_at: UTC microseconds; None when the transcript does not say.
        text: what was typed.
        before: the end of what the agent had said.
    """

    person: str
    session: str
    session_file: str
    line: int
    byte_offset: int
    said_at: int | None
    text: str
    before: str


def search_items(
    tx: sa.Connection,
    who: Principal,
    question: str,
    *,
    where: Filter = EVERYTHING,
    now: int,
    limit: int,
    meanings: Meanings | None = None,
) -> list[Item]:
    """Return the items that a question finds, the best first.

    Args:
        tx: the transaction.
        who: only what they may see is found.
        question: words in any order; of one without words nothing is found.
        where: which items.
        now: UTC microseconds.
        limit: items at most.
        meanings: finds what says it in other words; without it only words count.
    """
    wanted = (visible(who, now=now), *conditions(who, where))
    ids = _best(tx, "search_item", knowledge_item, question, wanted, limit=limit, meanings=meanings)
    found = {item.id: item for item in rows.items(tx, knowledge_item.c.id.in_(ids))}
    return [found[each] for each in ids]


def search_turns(
    tx: sa.Connection,
    question: str,
    *,
    persons: Collection[int] | None,
    limit: int,
    meanings: Meanings | None = None,
) -> list[FoundTurn]:
    """Return what people typed that a question finds, the best first.

    Args:
        tx: the transaction.
        question: see `search_items`; what the agent had said before counts as well, but less.
        persons: ids of those whose words may be told; None for everybody.
        limit: turns at most.
        meanings: see `search_items`.
    """
    turn = knowledge_turn.c
    theirs = () if persons is None else (turn.transcript_id.in_(_transcripts_of(persons)),)
    ids = _best(tx, "search_turn", knowledge_turn, question, theirs, limit=limit, meanings=meanings)
    query = (
        sa.select(
            turn.id, user.c.key, transcript.c.native_id, transcript.c.session_file, turn.line, turn.byte_offset,
            turn.said_at, turn.text, turn.before,
        )
        .join(transcript, transcript.c.id == turn.transcript_id)
        .join(user, user.c.id == transcript.c.user_id)
        .where(turn.id.in_(ids))
    )  # fmt: skip
    names = FoundTurn.__struct_fields__
    found = {row[0]: FoundTurn(**dict(zip(names, row[1:], strict=True))) for row in tx.execute(query)}
    return [found[each] for each in ids]


def _transcripts_of(persons: Collection[int]) -> sa.Select[tuple[int]]:
    return sa.select(transcript.c.id).where(transcript.c.user_id.in_(persons))


def words_of(question: str) -> list[str]:
    """Return the words that a question is about: without those of every sentence, unless it has no others."""
    words = list(dict.fromkeys(_WORD.findall(question[:MAX_QUESTION].casefold())))
    return ([word for word in words if word not in _STOP] or words)[:MAX_WORDS]


def _best(
    tx: sa.Connection,
    name: str,
    table: sa.Table,
    question: str,
    wanted: Sequence[Condition],
    *,
    limit: int,
    meanings: Meanings | None,
) -> list[int]:
    """Return the ids of the best matches for which conditions on the table hold."""
    if meanings is None or not (asked := question[:MAX_QUESTION].strip()):
        return _by_words(tx, name, table, question, wanted, limit=limit)
    pool = max(limit, POOL)
    words = _by_words(tx, name, table, question, wanted, limit=pool)
    return _mixed(words, meanings.near(tx, table, asked, wanted, limit=pool))[:limit]


def _mixed(words: Sequence[int], near: Sequence[tuple[int, float]]) -> list[int]:
    """Return what was found in either way: half of its worth is its place among words, half how near it is."""
    worth = {number: HALF / (HALF + place) for place, number in enumerate(words)}
    nearest = max((likeness for _, likeness in near), default=0.0)
    for number, likeness in near:
        if likeness > 0:
            worth[number] = worth.get(number, 0.0) + likeness / nearest
    return sorted(worth, key=lambda number: -worth[number])


def _by_words(
    tx: sa.Connection, name: str, table: sa.Table, question: str, wanted: Sequence[Condition], *, limit: int
) -> list[int]:
    index = (_sqlite if tx.dialect.name == "sqlite" else _postgresql)(name, table)
    found: dict[int, None] = {}
    for asked in _questions(tx, index, words_of(question)):
        found |= dict.fromkeys(index.best(tx, asked, wanted, limit=limit))
        if len(found) >= limit:
            break
    return list(found)[:limit]


def _questions(tx: sa.Connection, index: "_Index", words: list[str]) -> Iterator["_Asked"]:
    """Yield what is asked for: every word, then any of the rare ones, then those there are, half as many each time."""
    if not words:
        return
    yield _Asked(words, every=True)
    if len(words) == 1:
        return
    counts = index.counts(tx, words)
    known = sorted((word for word in words if counts[word]), key=lambda word: counts[word])
    rare = [word for place, word in enumerate(known) if sum(counts[each] for each in known[: place + 1]) <= FREQUENT]
    if rare:
        yield _Asked(rare, every=False)
    number = len(known) - (len(known) == len(words))
    while number > len(rare):
        yield _Asked(known[:number], every=True)
        number //= 2


class _Asked(NamedTuple):
    """Words that all or some must be there."""

    words: list[str]
    every: bool


@dataclass(frozen=True)
class _Index:
    """One index, in the words of its database.

    Attributes:
        source: the rows, with the table's columns.
        key: their ids.
        matches: the condition for what is asked.
        worth: the worse, the larger.
    """

    source: sa.FromClause
    key: sa.ColumnElement[int]
    matches: Callable[[_Asked], Condition]
    worth: Callable[[_Asked], sa.ColumnElement[float]]

    @property
    def _table(self) -> sa.FromClause:
        """The rows, whoever may see them."""
        return self.source.left if isinstance(self.source, sa.Join) else self.source

    def counts(self, tx: sa.Connection, words: Sequence[str]) -> dict[str, int]:
        """Return how many rows each word is in; in one statement, for most of a short one's time is its making."""
        each = [
            sa.select(sa.func.count())
            .select_from(self._table)
            .where(self.matches(_Asked([word], every=True)))
            .scalar_subquery()
            for word in words
        ]
        return dict(zip(words, tx.execute(sa.select(*each)).one(), strict=True))

    def is_frequent(self, tx: sa.Connection, asked: _Asked) -> bool:
        """Tell whether more rows match than are weighed."""
        found = sa.select(self._table.c[self.key.name]).where(self.matches(asked)).offset(FREQUENT).limit(1)
        return tx.scalar(found) is not None

    def best(self, tx: sa.Connection, asked: _Asked, wanted: Sequence[Condition], *, limit: int) -> list[int]:
        """Return the ids of the best matches; of too many, which are all alike, the newest."""
        query = sa.select(self.key).select_from(self.source).where(self.matches(asked), *wanted).limit(limit)
        if not self.is_frequent(tx, asked):
            query = query.order_by(self.worth(asked))
        return list(tx.scalars(query.order_by(self.key.desc())))


def _sqlite(name: str, table: sa.Table) -> _Index:
    index = sa.table(name, sa.column("rowid", sa.Integer), sa.column(name), sa.column("rank", sa.Float))

    def matches(asked: _Asked) -> Condition:
        words = (" " if asked.every else " OR ").join(f'"{word}"' for word in asked.words)
        return index.c[name].op("MATCH", is_comparison=True)(words)

    return _Index(index.join(table, table.c.id == index.c.rowid), index.c.rowid, matches, lambda _: index.c.rank)


def _postgresql(_: str, table: sa.Table) -> _Index:
    words: sa.ColumnElement[Any] = sa.literal_column(f"{table.name}.search_words")

    def query(asked: _Asked) -> sa.ColumnElement[Any]:
        each = [sa.func.plainto_tsquery("english", word) for word in asked.words]
        return reduce(lambda one, other: one.op("&&" if asked.every else "||")(other), each[1:], each[0])

    return _Index(
        table, table.c.id, lambda asked: words.op("@@", is_comparison=True)(query(asked)),
        lambda asked: -sa.func.ts_rank(words, query(asked)),
    )  # fmt: skip
