"""What may be for teams alone: whom a thing is for, and who may have it. One without any team is for everybody."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from precedent.errors import NotFound
from precedent.store import bulk
from precedent.store.schema import (
    data_table,
    data_table_team,
    knowledge_audience,
    knowledge_item,
    marketplace,
    marketplace_team,
    team,
    team_member,
)

from .principals import Principal, Role


class Audience(NamedTuple):
    """The teams of one kind of things.

    Attributes:
        what: as messages call such a thing.
        label: the column that tells people which one is meant.
        thing: the column of `link` that names it by its number.
        link: the table that names its teams.
    """

    what: str
    label: "sa.Column[str]"
    thing: "sa.Column[int]"
    link: sa.Table

    def includes(self, who: Principal) -> "sa.ColumnElement[bool]":
        """Return the condition that a thing is for somebody: everybody, a team of theirs, or they are an admin."""
        if who.role is Role.ADMIN:
            return sa.true()
        teams = sa.select(self.thing).where(self.thing == self.label.table.c.id)
        theirs = teams.join(team_member, team_member.c.team_id == self.link.c.team_id)
        return sa.or_(~teams.exists(), theirs.where(team_member.c.user_id == (who.user_id or 0)).exists())

    def names(self, tx: sa.Connection) -> dict[int, list[str]]:
        """Return the names of the teams of each thing that has any, by its number."""
        query = sa.select(self.thing, team.c.name).select_from(self.link).join(team).order_by(team.c.name)
        found: dict[int, list[str]] = {}
        for number, name in tx.execute(query):
            found.setdefault(number, []).append(name)
        return found

    def assign(self, tx: sa.Connection, number: int, names: Sequence[str]) -> None:
        """Have a thing be for these teams.

        Raises:
            NotFound: there is no such team.
        """
        wanted = sorted({team_number(tx, each) for each in names})
        tx.execute(self.link.delete().where(self.thing == number))
        bulk.insert(tx, self.link, [self.thing.name, "team_id"], [(number, each) for each in wanted])

    def one_of(self, tx: sa.Connection, team_id: int) -> Any:
        """Return the label of a thing that is for a team; None where none is."""
        query = sa.select(self.label).join(self.link).where(self.link.c.team_id == team_id)
        return tx.scalar(query.order_by(self.label).limit(1))


MARKETPLACES = Audience("marketplace", marketplace.c.name, marketplace_team.c.marketplace_id, marketplace_team)
TABLES = Audience("table", data_table.c.name, data_table_team.c.table_id, data_table_team)
ITEMS = Audience("item", knowledge_item.c.title, knowledge_audience.c.item_id, knowledge_audience)
"""Of knowledge; who sees an item depends on more than its teams and is said in `knowledge.visibility`."""

AUDIENCES = (MARKETPLACES, TABLES, ITEMS)


def team_number(tx: sa.Connection, name: str) -> int:
    """Return the number of a team.

    Raises:
        NotFound: there is no such team.
    """
    # A database takes no NUL and no half of a surrogate pair.
    found = tx.scalar(sa.select(team.c.id).where(team.c.name == name)) if name.isprintable() else None
    if found is None:
        raise NotFound(f"no team {name!r}; `precedent teams list` names them")
    return int(found)
