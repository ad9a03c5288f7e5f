"""The fields of knowledge that items are sorted into; admins keep the list."""

import msgspec
import sqlalchemy as sa

from precedent.clock import Clock
from precedent.errors import BadInput, Conflict, NotFound
from precedent.security import audit
from precedent.security.acting import By
from precedent.store import Store
from precedent.store.schema import knowledge_domain, knowledge_item

from .drafts import MAX_LABEL
from .model import plain

MAX_DESCRIPTION = 500


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """One field of knowledge; columns of the same names."""

    name: str
    description: str
    created_at: int


class Domains:
    """The list of domains."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def listed(self) -> list[Domain]:
        """Return all of them, by name."""
        columns = [knowledge_domain.c[name] for name in Domain.__struct_fields__]
        with self._store.read() as tx:
            return [
                Domain(name=row.name, description=row.description, created_at=row.created_at)
                for row in tx.execute(sa.select(*columns).order_by(knowledge_domain.c.name))
            ]

    def put(self, name: str, *, by: By, description: str = "") -> Domain:
        """Add a domain, or describe it anew.

        Raises:
            BadInput: the name or description is empty or too long.
        """
        name, now, table = plain(name), self._clock.now(), knowledge_domain
        if not name or len(name) > MAX_LABEL or len(description) > MAX_DESCRIPTION:
            raise BadInput(f"a domain's name has 1 to {MAX_LABEL} characters, its description {MAX_DESCRIPTION}")
        with self._store.write() as tx:
            if not tx.execute(table.update().where(table.c.name == name).values(description=description)).rowcount:
                tx.execute(table.insert().values(name=name, description=description, created_at=now))
            audit.record(tx, by.act("knowledge_domain_put", f"domain:{name}"), now=now)
            created = tx.scalar(sa.select(table.c.created_at).where(table.c.name == name))
        return Domain(name=name, description=description, created_at=int(created or now))

    def remove(self, name: str, *, by: By) -> None:
        """Remove a domain that no item is sorted into.

        Raises:
            NotFound: there is none of this name.
            Conflict: items are sorted into it.
        """
        label = msgspec.json.encode(name).decode()
        with self._store.write() as tx:
            used = sa.select(sa.func.count()).where(knowledge_item.c.domains.contains(label, autoescape=True))
            if number := tx.scalar(used):
                raise Conflict(f"{number} items are sorted into {name!r}; edit them first")
            if not tx.execute(knowledge_domain.delete().where(knowledge_domain.c.name == name)).rowcount:
                raise NotFound(f"no domain {name!r}")
            audit.record(tx, by.act("knowledge_domain_remove", f"domain:{name}"), now=self._clock.now())
