"""Teams: groups of persons, by which figures are shown together."""

from typing import NamedTuple

import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Conflict, NotFound
from precedent.store import Store, bulk
from precedent.store.schema import team, team_member, user

from . import audit
from .acting import By
from .audiences import AUDIENCES, team_number

MAX_NAME = 100


class Team(NamedTuple):
    """A team with the keys of its members, in order."""

    name: str
    members: tuple[str, ...]
    created_at: int


class Teams:
    """The teams; each change is audited in its own transaction."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def listed(self) -> list[Team]:
        """Return every team, by name."""
        query = (
            sa.select(team.c.name, team.c.created_at, user.c.key)
            .outerjoin(team_member, team_member.c.team_id == team.c.id)
            .outerjoin(user, user.c.id == team_member.c.user_id)
            .order_by(team.c.name, user.c.key)
        )
        found: dict[str, Team] = {}
        with self._store.read() as tx:
            for name, created_at, key in tx.execute(query):
                before = found.get(name, Team(name, (), created_at))
                found[name] = before._replace(members=(*before.members, key) if key else before.members)
        return list(found.values())

    def get(self, name: str) -> Team:
        """Return one team.

        Raises:
            NotFound: there is no such team.
        """
        for each in self.listed():
            if each.name == name:
                return each
        raise NotFound(f"no team {name!r}; `precedent teams list` names them")

    def create(self, name: str, *, by: By) -> Team:
        """Make a team.

        Raises:
            BadInput: the name cannot be used.
            Conflict: there is one of this name.
        """
        name = name.strip()
        if not name or len(name) > MAX_NAME or not name.isprintable() or "/" in name:
            raise BadInput(f"a team's name has 1 to {MAX_NAME} printable characters and no slash")
        with self._store.write() as tx:
            if not bulk.insert_new(tx, team, ["name", "created_at"], [(name, self._clock.now())]):
                raise Conflict(f"there is a team {name!r} already")
            self._record(tx, by, "team.create", name)
        return self.get(name)

    def delete(self, name: str, *, by: By) -> None:
        """Delete a team; its members stay.

        Raises:
            NotFound: there is no such team.
            Conflict: something is for it; without its last team that would be for everybody.
        """
        with self._store.write() as tx:
            number = team_number(tx, name)
            for each in AUDIENCES:
                if (found := each.one_of(tx, number)) is not None:
                    said = f"the {each.what} {found!r} is for the team {name!r}"
                    raise Conflict(f"{said}; give it to others, or remove it")
            tx.execute(team_member.delete().where(team_member.c.team_id == number))
            tx.execute(team.delete().where(team.c.id == number))
            self._record(tx, by, "team.delete", name)

    def add(self, name: str, key: str, *, by: By) -> Team:
        """Make a person a member, if they are not.

        Raises:
            NotFound: there is no such team or person.
        """
        with self._store.write() as tx:
            values = (team_number(tx, name), _person(tx, key))
            if bulk.insert_new(tx, team_member, ["team_id", "user_id"], [values]):
                self._record(tx, by, "team.add", name, user=key)
        return self.get(name)

    def remove(self, name: str, key: str, *, by: By) -> Team:
        """Make a person no member any more.

        Raises:
            NotFound: there is no such team or person, or they are no member.
        """
        with self._store.write() as tx:
            theirs = sa.and_(team_member.c.team_id == team_number(tx, name), team_member.c.user_id == _person(tx, key))
            if not tx.execute(team_member.delete().where(theirs)).rowcount:
                raise NotFound(f"{key} is no member of {name}")
            self._record(tx, by, "team.remove", name, user=key)
        return self.get(name)

    def _record(self, tx: sa.Connection, by: By, action: str, name: str, **details: str) -> None:
        audit.record(tx, by.act(action, f"team:{name}", **details), now=self._clock.now())


def _person(tx: sa.Connection, key: str) -> int:
    query = sa.select(user.c.id, user.c.merged_into).where(user.c.key == key)
    row = tx.execute(query).first() if key.isprintable() else None
    if row is None:
        raise NotFound(f"no person {key!r}; `precedent people list` names them")
    return int(row.merged_into or row.id)
