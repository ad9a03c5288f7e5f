"""`precedent admin create`, `precedent accounts …`, `precedent token …` and `precedent teams …`."""

import sys
from typing import Annotated

import typer

from precedent.errors import BadInput
from precedent.security.accounts import INVITATION, RESET, Account, Link
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import Role, Scope
from precedent.security.tokens import DEFAULT_DAYS

from .context import context
from .output import instant, print_json, print_table, say

_admin = typer.Typer(help="Those who may do everything.", no_args_is_help=True, rich_markup_mode=None)
_accounts = typer.Typer(help="Who may log in, and as what.", no_args_is_help=True, rich_markup_mode=None)
_token = typer.Typer(help="Tokens for programs.", no_args_is_help=True, rich_markup_mode=None)
_teams = typer.Typer(help="Groups of persons.", no_args_is_help=True, rich_markup_mode=None)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Key = Annotated[str, typer.Argument(help="Key or address of the person.")]
_Email = Annotated[str, typer.Argument(help="Their e-mail address.")]
_Name = Annotated[str, typer.Option(help="As shown.")]
_NewKey = Annotated[str, typer.Option(help="The person's key; default: the part of the address before the @.")]
_Team = Annotated[str, typer.Argument(help="Name of the team.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(_admin, name="admin")
    cli.add_typer(_accounts, name="accounts")
    cli.add_typer(_token, name="token")
    cli.add_typer(_teams, name="teams")


@_admin.command("create")
def create_admin(ctx: typer.Context, email: _Email, name: _Name = "", key: _NewKey = "") -> None:
    """Make an admin; asks for a password on a terminal, else prints a link with which to set one."""
    program = context(ctx).app
    made = program.accounts.create(email, role=Role.ADMIN, name=name, key=key, by=BY_COMMAND_LINE)
    say(f"{made.email} is an admin, with the key {made.key}.")
    if sys.stdin.isatty() and (password := _asked()):
        program.accounts.set_password(made.key, password, by=BY_COMMAND_LINE)
        say("The password is set.")
        return
    _show_link(ctx, program.accounts.link(made.key, kind=INVITATION, by=BY_COMMAND_LINE))


@_accounts.command("list")
def list_accounts(ctx: typer.Context, as_json: _Json = False) -> None:
    """List everybody who may log in."""
    found = context(ctx).app.accounts.listed()
    if as_json:
        print_json([each._asdict() for each in found])
    elif found:
        print_table([_row(each) for each in found], ["key", "email", "role", "active", "password", "last login"])
    else:
        say("Nobody yet; `precedent admin create EMAIL` makes the first.")


@_accounts.command()
def invite(
    ctx: typer.Context,
    email: _Email,
    role: Annotated[str, typer.Option(help="viewer, member, reviewer or admin.")] = "member",
    name: _Name = "",
    key: _NewKey = "",
) -> None:
    """Make an account and print a link with which its person sets a password."""
    program = context(ctx).app
    made = program.accounts.create(email, role=_role(role), name=name, key=key, by=BY_COMMAND_LINE)
    say(f"{made.email} is a {made.role}, with the key {made.key}.")
    _show_link(ctx, program.accounts.link(made.key, kind=INVITATION, by=BY_COMMAND_LINE))


@_accounts.command("set-role")
def set_role(
    ctx: typer.Context, key: _Key, role: Annotated[str, typer.Argument(help="viewer, member, reviewer or admin.")]
) -> None:
    """Give somebody another role, from their next request on."""
    changed = context(ctx).app.accounts.change(key, role=_role(role), by=BY_COMMAND_LINE)
    say(f"{changed.key} is a {changed.role}.")


@_accounts.command()
def deactivate(ctx: typer.Context, key: _Key) -> None:
    """Keep somebody out; their sessions and tokens end at once."""
    changed = context(ctx).app.accounts.change(key, active=False, by=BY_COMMAND_LINE)
    say(f"{changed.key} may not log in any more.")


@_accounts.command()
def activate(ctx: typer.Context, key: _Key) -> None:
    """Let somebody in again."""
    changed = context(ctx).app.accounts.change(key, active=True, by=BY_COMMAND_LINE)
    say(f"{changed.key} may log in again.")


@_accounts.command("reset-password")
def reset_password(ctx: typer.Context, key: _Key) -> None:
    """Print a link with which somebody sets a new password."""
    _show_link(ctx, context(ctx).app.accounts.link(key, kind=RESET, by=BY_COMMAND_LINE))


@_accounts.command("set-password")
def set_password(
    ctx: typer.Context,
    key: _Key,
    from_stdin: Annotated[bool, typer.Option("--stdin", help="Read it from standard input, one line.")] = False,
) -> None:
    """Set somebody's password; asks for it on a terminal."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = _asked()
    else:
        raise BadInput("there is no terminal to ask on; use --stdin")
    context(ctx).app.accounts.set_password(key, password, by=BY_COMMAND_LINE)
    say("The password is set.")


@_token.command("create")
def create_token(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    user: Annotated[str, typer.Option(help="Key or address of whose it is; not needed with one account.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="read, write, upload, jobs or metrics; may be repeated.")
    ] = None,
    days: Annotated[int, typer.Option(help="Days until it expires, at most 365.")] = DEFAULT_DAYS,
    as_json: _Json = False,
) -> None:
    """Make a token and print it, this once."""
    program = context(ctx).app
    owner = program.accounts.get(user) if user else _only(program.accounts.listed())
    scopes = {_scope(each) for each in scope or ["read"]}
    minted = program.tokens.create(owner.key, name=name, scopes=scopes, days=days, by=BY_COMMAND_LINE)
    if as_json:
        print_json({"secret": minted.secret, "token": minted.token._asdict()})
    else:
        print(minted.secret)
        until = instant(minted.token.expires_at)
        say(f"Token {minted.token.id} of {owner.key}, good until {until}. It is shown this once; keep it safe.")


@_token.command("list")
def list_tokens(
    ctx: typer.Context,
    user: Annotated[str, typer.Option(help="Only this person's.")] = "",
    as_json: _Json = False,
) -> None:
    """List tokens, newest first."""
    program = context(ctx).app
    found = program.tokens.listed(program.accounts.get(user).key if user else None)
    if as_json:
        print_json([each._asdict() for each in found])
        return
    now = program.clock.now()
    rows = [
        {
            "id": each.id,
            "user": each.user,
            "name": each.name,
            "begins": each.hint,
            "scopes": each.scopes,
            "state": "revoked" if each.revoked_at else "expired" if each.expires_at <= now else "good",
            "expires": instant(each.expires_at),
            "last used": instant(each.last_used_at),
        }
        for each in found
    ]
    if rows:
        print_table(rows, list(rows[0]))
    else:
        say("No tokens.")


@_token.command()
def revoke(
    ctx: typer.Context, number: Annotated[int, typer.Argument(help="Its id, as `token list` shows it.")]
) -> None:
    """Make a token void at once."""
    context(ctx).app.tokens.revoke(number, by=BY_COMMAND_LINE)
    say(f"Token {number} is void.")


@_teams.command("list")
def list_teams(ctx: typer.Context, as_json: _Json = False) -> None:
    """List teams with their members."""
    rows = [each._asdict() for each in context(ctx).app.teams.listed()]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows, ["name", "members"])
    else:
        say("No teams.")


@_teams.command("create")
def create_team(ctx: typer.Context, team: _Team) -> None:
    """Make a team."""
    say(f"There is a team {context(ctx).app.teams.create(team, by=BY_COMMAND_LINE).name}.")


@_teams.command("delete")
def delete_team(ctx: typer.Context, team: _Team) -> None:
    """Delete a team; its members stay."""
    context(ctx).app.teams.delete(team, by=BY_COMMAND_LINE)
    say(f"The team {team} is gone.")


@_teams.command()
def add(ctx: typer.Context, team: _Team, key: Annotated[str, typer.Argument(help="Key of a person.")]) -> None:
    """Make a person a member of a team."""
    context(ctx).app.teams.add(team, key, by=BY_COMMAND_LINE)
    say(f"{key} is a member of {team}.")


@_teams.command()
def remove(ctx: typer.Context, team: _Team, key: Annotated[str, typer.Argument(help="Key of a person.")]) -> None:
    """Make a person no member of a team any more."""
    context(ctx).app.teams.remove(team, key, by=BY_COMMAND_LINE)
    say(f"{key} is no member of {team}.")


def _row(each: Account) -> dict[str, object]:
    return {
        "key": each.key,
        "email": each.email,
        "role": each.role,
        "active": each.active,
        "password": each.has_password,
        "last login": instant(each.last_login_at),
    }


def _show_link(ctx: typer.Context, link: Link) -> None:
    here = context(ctx)
    settings = here.settings
    print(link.url(here.app.site.base_url() or f"http://{settings.host}:{settings.port}"))
    say(f"With this link they set their password, once, until {instant(link.expires_at)}.")


def _asked() -> str:
    return str(typer.prompt("Password (empty: a link instead)", default="", hide_input=True, show_default=False))


def _only(found: list[Account]) -> Account:
    if len(found) != 1:
        raise BadInput("say whose token it is to be with --user KEY; `precedent accounts list` names them")
    return found[0]


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise BadInput(f"no role {text!r}; there are viewer, member, reviewer and admin") from error


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError as error:
        raise BadInput(f"no scope {text!r}; there are read, write, upload, jobs and metrics") from error
