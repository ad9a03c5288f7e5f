"""What a person's agents are given: approved knowledge as declarative text with where it comes from."""

import msgspec
import sqlalchemy as sa

from precedent.store.schema import knowledge_version

from . import rows
from .model import Item
from .visibility import deliverable


class BundleItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a bundle."""

    id: int
    hash: str
    title: str
    content: str
    mandatory: bool
    approved_at: int | None


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What agents are given.

    Attributes:
        revision: grows with every change of any item.
        items: mandatory ones first.
    """

    revision: int
    items: list[BundleItem]


def bundle(tx: sa.Connection, user_id: int | None, *, now: int) -> Bundle:
    """Return what reaches a person's agents at an instant."""
    revision = tx.scalar(sa.select(sa.func.coalesce(sa.func.max(knowledge_version.c.id), 0))) or 0
    found = sorted(rows.items(tx, deliverable(user_id, now=now)), key=lambda item: (not item.mandatory, item.id))
    return Bundle(revision=revision, items=[_bundled(item) for item in found])


def _bundled(item: Item) -> BundleItem:
    return BundleItem(
        id=item.id,
        hash=item.content_hash,
        title=item.title,
        content=item.content,
        mandatory=item.mandatory,
        approved_at=item.approved_at,
    )
