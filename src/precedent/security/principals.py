"""Principals and roles: the one place that says what a role includes."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What a principal may do; each of the first four includes the ones before it.

    The scheduler is apart: it may start jobs and read jobs and runs, nothing else.
    """

    VIEWER = "viewer"
    """Aggregates and approved knowledge."""
    MEMBER = "member"
    """Also their own transcripts and figures."""
    REVIEWER = "reviewer"
    """Also evidence excerpts and the review queue."""
    ADMIN = "admin"
    """Everything; each look at another's transcript is audited."""
    SCHEDULER = "scheduler"
    """Job routes, and reading jobs and runs."""

    def includes(self, other: "Role") -> bool:
        """Tell whether this role may do whatever another one may."""
        if Role.SCHEDULER in (self, other):
            return self is other
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate((Role.VIEWER, Role.MEMBER, Role.REVIEWER, Role.ADMIN))}


class Scope(StrEnum):
    """What a token may be used for; a login may do whatever its role may."""

    READ = "read"
    """Reading whatever the role may read."""
    WRITE = "write"
    """Everything the role may do but managing accounts and tokens."""
    UPLOAD = "upload"
    """Uploading one's own transcripts."""
    JOBS = "jobs"
    """Starting jobs, and reading jobs and runs."""
    METRICS = "metrics"
    """Reading the metrics, and nothing else."""
    LOGIN = "login"
    """Managing accounts, passwords and tokens: no token has it, so that a stolen one makes no further ones."""

    @property
    def implied(self) -> frozenset["Scope"]:
        """What a proof of this scope may be used for: writing includes reading, uploading and jobs."""
        if self is Scope.WRITE:
            return frozenset({Scope.READ, Scope.WRITE, Scope.UPLOAD, Scope.JOBS})
        return frozenset({self})


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls.

    Attributes:
        name: as the audit log names them: a person's key, or `scheduler@system.local`.
        role: what they may do.
        user_id: the person; None for the scheduler and for whoever calls in local development mode.
        scopes: what the proof they came with may be used for.
        proof: `session`, `token`, `scheduler`, `local` or `command line`.
    """

    name: str
    role: Role
    user_id: int | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    proof: str = "session"

    def may(self, *, roles: frozenset[Role], scope: Scope | None) -> bool:
        """Tell whether they may do what one of some roles may, with a proof of this scope; None: of any scope."""
        return (scope is None or scope in self.scopes) and any(self.role.includes(role) for role in roles)


SCHEDULER = Principal(
    name="scheduler@system.local", role=Role.SCHEDULER, scopes=frozenset({Scope.JOBS}), proof="scheduler"
)
LOCAL = Principal(name="local@system.local", role=Role.ADMIN, proof="local")
"""Whoever calls in local development mode."""

METRICS = Principal(
    name="metrics@system.local", role=Role.ADMIN, scopes=frozenset({Scope.METRICS}), proof="metrics token"
)
"""Whoever brings the token of `metrics_token`: the scope lets them read the metrics and nothing else."""

COMMAND_LINE = Principal(name="command line", role=Role.ADMIN, proof="command line")
"""Whoever may read the data folder."""
