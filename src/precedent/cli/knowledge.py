"""`precedent knowledge …`: what people corrected, confirmed or defined, and what is decided about it."""

from typing import Annotated

import msgspec
import typer

from precedent.knowledge import listing
from precedent.knowledge.drafts import Draft
from precedent.knowledge.listing import Filter, Shown
from precedent.knowledge.model import Item, Status
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE

from .context import context
from .output import instant, print_json, print_table, say

_cli = typer.Typer(help="Knowledge and its review.", no_args_is_help=True, rich_markup_mode=None)

Number = Annotated[int, typer.Argument(help="Id of the item.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Expected = Annotated[str | None, typer.Option("--hash", help="Content hash of the words that you saw.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the history.")]
Labels = Annotated[list[str] | None, typer.Option(help="May be repeated; replaces those there are.")]
NOTHING = "No knowledge here. `precedent collect` and `precedent run verification` find it, if there is any."


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    from . import knowledge_more, knowledge_pairs  # noqa: PLC0415  # they add to the same group

    knowledge_more.add(_cli)
    knowledge_pairs.add(_cli)
    cli.add_typer(_cli, name="knowledge")


@_cli.command("list")
def list_items(
    ctx: typer.Context,
    status: Annotated[list[Status] | None, typer.Option(help="Only of this status; may be repeated.")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Only of this domain; may be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag; may be repeated.")] = None,
    flag: Annotated[list[str] | None, typer.Option(help="Only with this flag; may be repeated.")] = None,
    person: Annotated[list[str] | None, typer.Option(help="Only what this person said; may be repeated.")] = None,
    session: Annotated[list[str] | None, typer.Option(help="Only of this session id; may be repeated.")] = None,
    text: Annotated[str, typer.Option(help="Only with this text in title or content.")] = "",
    limit: Annotated[int, typer.Option(help="Items at most.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """List items, the newest first."""
    app = context(ctx).app
    where = Filter(
        statuses=tuple(status or ()), domains=tuple(domain or ()), tags=tuple(tag or ()), flags=tuple(flag or ()),
        persons=tuple(person or ()), sessions=tuple(session or ()), text=text,
    )  # fmt: skip
    with app.store.read() as tx:
        found = listing.listed(tx, COMMAND_LINE, where=where, now=app.clock.now(), limit=limit, after=None).rows
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    elif found:
        print_table([msgspec.to_builtins(each) for each in found], ["id", "status", "mandatory", "flags", "title"])
    else:
        say(NOTHING)


@_cli.command()
def show(ctx: typer.Context, number: Number, as_json: Json = False) -> None:
    """Show an item with its evidence and how sure it is."""
    app = context(ctx).app
    with app.store.read() as tx:
        found = listing.shown(tx, COMMAND_LINE, number, now=app.clock.now())
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    item = found.item
    _say_item(item, found)
    rows = [
        {**msgspec.to_builtins(each), "said_at": instant(each.said_at), "place": f"{each.session_file}:{each.line}"}
        for each in found.evidence
    ]
    print_table(rows, ["kind", "person", "said_at", "place", "quote"])


def _say_item(item: Item, found: Shown) -> None:
    say(f"{item.id} {item.status}{' mandatory' if item.mandatory else ''}  {item.title}")
    say(item.content)
    if item.flags:
        say(f"suspicious: {', '.join(item.flags)}")
    reasons = ", ".join(f"{each.text} {each.adds:+}" for each in found.confidence.reasons)
    say(f"confidence {found.confidence.value} of 1000: {reasons or 'nobody says so'}")
    say(f"content hash {item.content_hash}")


@_cli.command()
def history(ctx: typer.Context, number: Number, as_json: Json = False) -> None:
    """Show every version of an item, the oldest first."""
    app = context(ctx).app
    with app.store.read() as tx:
        found = listing.history(tx, COMMAND_LINE, number, now=app.clock.now())
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    else:
        rows = [{**msgspec.to_builtins(each), "at": instant(each.at)} for each in found]
        print_table(rows, ["number", "at", "by", "action", "status", "reason"])


@_cli.command()
def edit(
    ctx: typer.Context,
    number: Number,
    title: Annotated[str | None, typer.Option(help="In short.")] = None,
    content: Annotated[str | None, typer.Option(help="In full.")] = None,
    category: Annotated[str | None, typer.Option(help="What sort of statement it is.")] = None,
    domain: Labels = None,
    tag: Labels = None,
    expected: Expected = None,
    reason: Why = "",
) -> None:
    """Edit an item: it returns to review."""
    given = {"title": title, "content": content, "category": category, "domains": domain, "tags": tag}
    draft = msgspec.convert({name: value for name, value in given.items() if value is not None}, Draft)
    item = context(ctx).app.review.edit(number, draft, by=BY_COMMAND_LINE, expected=expected, reason=reason)
    say(f"Edited {item.id}, which waits for review: {item.title}")


@_cli.command()
def approve(
    ctx: typer.Context,
    number: Number,
    expected: Expected = None,
    flag_seen: Annotated[list[str] | None, typer.Option(help="A flag that you saw; may be repeated.")] = None,
) -> None:
    """Approve an item as it stands."""
    review = context(ctx).app.review
    item = review.approve(number, by=BY_COMMAND_LINE, expected=expected, flags_seen=flag_seen or ())
    say(f"Approved {item.id}: {item.title}")


@_cli.command()
def reject(ctx: typer.Context, number: Number, expected: Expected = None, reason: Why = "") -> None:
    """Reject an item; found again it stays rejected."""
    item = context(ctx).app.review.reject(number, by=BY_COMMAND_LINE, expected=expected, reason=reason)
    say(f"Rejected {item.id}: {item.title}")


@_cli.command()
def reopen(ctx: typer.Context, number: Number, reason: Why = "") -> None:
    """Put an item that was rejected, revoked or has expired back into the queue."""
    item = context(ctx).app.review.reopen(number, by=BY_COMMAND_LINE, reason=reason)
    say(f"{item.id} waits for review: {item.title}")


@_cli.command()
def mandate(ctx: typer.Context, number: Number, reason: Why = "") -> None:
    """Put an approved item into every bundle."""
    item = context(ctx).app.review.mandate(number, by=BY_COMMAND_LINE, reason=reason)
    say(f"{item.id} is mandatory: {item.title}")


@_cli.command()
def unmandate(ctx: typer.Context, number: Number, reason: Why = "") -> None:
    """Take a mandate back; the item stays approved."""
    item = context(ctx).app.review.unmandate(number, by=BY_COMMAND_LINE, reason=reason)
    say(f"{item.id} is mandatory no more: {item.title}")


@_cli.command()
def revoke(ctx: typer.Context, number: Number, expected: Expected = None, reason: Why = "") -> None:
    """Take an approval back: the item leaves every bundle."""
    item = context(ctx).app.review.revoke(number, by=BY_COMMAND_LINE, expected=expected, reason=reason)
    say(f"Revoked {item.id}: {item.title}")
