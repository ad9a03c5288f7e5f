"""Whose transcripts and figures a principal may see: the one place that answers.

| role | figures | transcripts |
|---|---|---|
| viewer | sums over everybody | none |
| member, reviewer | sums over everybody, their own in detail | their own |
| admin | everybody's in detail | everybody's; each look at another's is audited |
| scheduler | none | none |

What somebody may not see is answered as if it were not there.
"""

from .principals import Principal, Role

NOBODY: frozenset[int] = frozenset()


def visible_users(principal: Principal) -> frozenset[int] | None:
    """Return the ids of the persons whose sessions and figures they may see one by one; None for everybody."""
    if principal.role is Role.ADMIN:
        return None
    if not principal.role.includes(Role.MEMBER) or principal.user_id is None:
        return NOBODY
    return frozenset({principal.user_id})


def may_see_transcript(principal: Principal, owner_id: int) -> bool:
    """Tell whether they may see a transcript of this person; where not, it is answered like an absent one."""
    seen = visible_users(principal)
    return seen is None or owner_id in seen


def aggregates_only(principal: Principal) -> bool:
    """Tell whether they may see sums over several persons only, nothing of one person or session."""
    return visible_users(principal) == NOBODY


def is_anothers(principal: Principal, owner_id: int) -> bool:
    """Tell whether it is somebody else's, so that a look at it is audited."""
    return principal.user_id != owner_id
