"""Who may see which items and which evidence: the one place that answers, for every surface.

| role | items | words of the evidence |
|---|---|---|
| viewer, member | approved, valid now, for everybody or for a team of theirs; their own personal ones | their own |
| reviewer, admin | all but other people's personal ones, in every status | all they see the item of |
| scheduler | none | none |

What somebody may not see is answered as if it were not there.
"""

import sqlalchemy as sa

from precedent.security.principals import Principal, Role
from precedent.store.schema import knowledge_audience, knowledge_item, team_member

from .model import Status


def visible(principal: Principal, *, now: int) -> sa.ColumnElement[bool]:
    """Return the condition on `knowledge_item` that holds for what a principal may see at an instant."""
    item = knowledge_item.c
    own = item.owner_id == principal.user_id if principal.user_id is not None else sa.false()
    if principal.role is Role.SCHEDULER:
        return sa.false()
    if sees_queue(principal):
        return sa.or_(item.owner_id.is_(None), own)
    return sa.or_(own, deliverable(principal.user_id, now=now))


def deliverable(user_id: int | None, *, now: int) -> sa.ColumnElement[bool]:
    """Return the condition on `knowledge_item` that holds for what reaches a person's agents, whatever their role.

    Args:
        user_id: the person; None for somebody who is in no team.
        now: UTC microseconds.
    """
    item, audience = knowledge_item.c, knowledge_audience.c
    teams = sa.select(team_member.c.team_id).where(team_member.c.user_id == user_id)
    named = sa.select(audience.item_id)
    return sa.and_(
        item.status == Status.APPROVED.value,
        item.approved_hash == item.content_hash,
        sa.or_(item.owner_id.is_(None), item.owner_id == user_id) if user_id is not None else item.owner_id.is_(None),
        sa.or_(item.valid_from.is_(None), item.valid_from <= now),
        sa.or_(item.valid_until.is_(None), item.valid_until > now),
        sa.or_(item.id.not_in(named), item.id.in_(named.where(audience.team_id.in_(teams)))),
    )


def sees_queue(principal: Principal) -> bool:
    """Tell whether they review: they see what is not approved, and everybody's words."""
    return principal.role.includes(Role.REVIEWER)


def sees_words(principal: Principal, user_id: int) -> bool:
    """Tell whether they may read what this person said of an item that they see."""
    return sees_queue(principal) or principal.user_id == user_id
