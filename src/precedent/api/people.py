"""Accounts and teams, for admins: `/api/admin/accounts…`, `/api/admin/tokens…`, `/api/admin/teams…`."""

from typing import Annotated, Literal

import pydantic
from fastapi import Path, Request

from precedent.http.access import Acting, Program, Routes, allow, presented
from precedent.security.accounts import INVITATION, RESET
from precedent.security.accounts import Account as AccountRecord
from precedent.security.accounts import Link as LinkRecord
from precedent.security.principals import Role, Scope
from precedent.security.teams import Team as TeamRecord

from .auth import Number, Token, TokenList

routes = Routes(prefix="/api/admin", tags=["accounts"])
MANAGE = allow(Role.ADMIN, scope=Scope.LOGIN)
AccountRole = Literal[Role.VIEWER, Role.MEMBER, Role.REVIEWER, Role.ADMIN]
Key = Annotated[str, Path(max_length=200, description="The person's key or address.")]
Name = Annotated[str, Path(max_length=100)]


class Account(pydantic.BaseModel):
    """A person who may log in; times are UTC microseconds."""

    user_id: int
    key: str
    name: str
    email: str
    role: Role
    active: bool
    has_password: bool
    single_sign_on: bool
    created_at: int
    last_login_at: int | None

    @classmethod
    def of(cls, record: AccountRecord) -> "Account":
        """Return it as it is shown."""
        return cls.model_validate(record._asdict())


class AccountList(pydantic.BaseModel):
    """Every account, by key."""

    accounts: list[Account]


class Invited(pydantic.BaseModel):
    """Whom to invite."""

    email: Annotated[str, pydantic.Field(max_length=200)]
    role: AccountRole = Role.MEMBER
    name: Annotated[str, pydantic.Field(max_length=200)] = ""
    key: Annotated[str, pydantic.Field(max_length=200, description="Default: the part before the @.")] = ""


class Link(pydantic.BaseModel):
    """A link with which the person sets their password; it is shown this once. Give it to nobody else."""

    url: str
    expires_at: int


class Invitation(pydantic.BaseModel):
    """A new account with the link for its person."""

    account: Account
    link: Link


class AccountChange(pydantic.BaseModel):
    """What to change; what is left out stays."""

    role: AccountRole | None = None
    active: bool | None = None
    name: Annotated[str, pydantic.Field(max_length=200)] | None = None


class Team(pydantic.BaseModel):
    """A team with the keys of its members."""

    name: str
    members: list[str]
    created_at: int

    @classmethod
    def of(cls, record: TeamRecord) -> "Team":
        """Return it as it is shown."""
        return cls(name=record.name, members=list(record.members), created_at=record.created_at)


class TeamList(pydantic.BaseModel):
    """Every team, by name."""

    teams: list[Team]


class NewTeam(pydantic.BaseModel):
    """A team to make."""

    name: Annotated[str, pydantic.Field(min_length=1, max_length=100)]


@routes.add("GET", "/accounts", MANAGE)
def list_accounts(program: Program) -> AccountList:
    """List every account."""
    return AccountList(accounts=[Account.of(each) for each in program.accounts.listed()])


@routes.add("POST", "/accounts", MANAGE, status_code=201)
def invite(request: Request, program: Program, acting: Acting, given: Invited) -> Invitation:
    """Make an account, and a link with which its person sets a password."""
    made = program.accounts.create(given.email, role=given.role, name=given.name, key=given.key, by=acting)
    link = program.accounts.link(made.key, kind=INVITATION, by=acting)
    return Invitation(account=Account.of(made), link=_link(request, program, link))


@routes.add("GET", "/accounts/{key}", MANAGE)
def show_account(program: Program, key: Key) -> Account:
    """Show one account."""
    return Account.of(program.accounts.get(key))


@routes.add("PATCH", "/accounts/{key}", MANAGE)
def change_account(program: Program, acting: Acting, key: Key, given: AccountChange) -> Account:
    """Change role, name, or whether it is active; an account made inactive loses its sessions and tokens at once."""
    changed = program.accounts.change(key, role=given.role, active=given.active, name=given.name, by=acting)
    return Account.of(changed)


@routes.add("POST", "/accounts/{key}/reset", MANAGE, status_code=201)
def reset_password(request: Request, program: Program, acting: Acting, key: Key) -> Link:
    """Make a link with which the person sets a new password."""
    return _link(request, program, program.accounts.link(key, kind=RESET, by=acting))


@routes.add("GET", "/accounts/{key}/tokens", MANAGE)
def list_tokens_of(program: Program, key: Key) -> TokenList:
    """List somebody's tokens."""
    found = program.accounts.get(key)
    return TokenList(tokens=[Token.of(each) for each in program.tokens.listed(found.key)])


@routes.add("DELETE", "/tokens/{token_id}", MANAGE, status_code=204)
def revoke_token(program: Program, acting: Acting, token_id: Number) -> None:
    """Make anybody's token void."""
    program.tokens.revoke(token_id, by=acting)


@routes.add("GET", "/teams", MANAGE)
def list_teams(program: Program) -> TeamList:
    """List every team."""
    return TeamList(teams=[Team.of(each) for each in program.teams.listed()])


@routes.add("POST", "/teams", MANAGE, status_code=201)
def create_team(program: Program, acting: Acting, given: NewTeam) -> Team:
    """Make a team."""
    return Team.of(program.teams.create(given.name, by=acting))


@routes.add("DELETE", "/teams/{name}", MANAGE, status_code=204)
def delete_team(program: Program, acting: Acting, name: Name) -> None:
    """Delete a team; its members stay."""
    program.teams.delete(name, by=acting)


@routes.add("PUT", "/teams/{name}/members/{key}", MANAGE)
def add_member(program: Program, acting: Acting, name: Name, key: Key) -> Team:
    """Make a person a member of a team."""
    return Team.of(program.teams.add(name, key, by=acting))


@routes.add("DELETE", "/teams/{name}/members/{key}", MANAGE)
def remove_member(program: Program, acting: Acting, name: Name, key: Key) -> Team:
    """Make a person no member of a team any more."""
    return Team.of(program.teams.remove(name, key, by=acting))


def _link(request: Request, program: Program, link: LinkRecord) -> Link:
    return Link(url=link.url(program.site.base_url(presented(request))), expires_at=link.expires_at)
