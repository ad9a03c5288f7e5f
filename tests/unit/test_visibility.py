"""Whose transcripts and figures each role may see."""

import pytest

from precedent.security.principals import COMMAND_LINE, LOCAL, SCHEDULER, Principal, Role
from precedent.security.visibility import aggregates_only, is_anothers, may_see_transcript, visible_users

OWN, OTHER = 1, 2


def somebody(role: Role, user_id: int | None = OWN) -> Principal:
    return Principal(name="ada", role=role, user_id=user_id)


@pytest.mark.parametrize(
    ("principal", "seen", "own", "other"),
    [
        (somebody(Role.VIEWER), frozenset(), False, False),
        (somebody(Role.MEMBER), frozenset({OWN}), True, False),
        (somebody(Role.REVIEWER), frozenset({OWN}), True, False),
        (somebody(Role.ADMIN), None, True, True),
        (somebody(Role.MEMBER, None), frozenset(), False, False),
        (SCHEDULER, frozenset(), False, False),
        (LOCAL, None, True, True),
        (COMMAND_LINE, None, True, True),
    ],
)
def test_a_principal_sees_whom_their_role_lets_them_see(
    principal: Principal, seen: frozenset[int] | None, own: bool, other: bool
) -> None:
    assert visible_users(principal) == seen
    assert (may_see_transcript(principal, OWN), may_see_transcript(principal, OTHER)) == (own, other)
    assert aggregates_only(principal) == (seen == frozenset())


def test_an_admins_look_at_anothers_is_told_from_a_look_at_their_own() -> None:
    assert is_anothers(somebody(Role.ADMIN), OTHER) and not is_anothers(somebody(Role.ADMIN), OWN)
    assert is_anothers(LOCAL, OWN) and is_anothers(COMMAND_LINE, OWN)
