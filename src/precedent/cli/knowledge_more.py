"""`precedent knowledge …` beyond single items: what was known when, taking back much at once, domains."""

from datetime import UTC
from typing import Annotated, Any

import msgspec
import typer

from precedent.knowledge import learning, listing
from precedent.knowledge.listing import Filter
from precedent.knowledge.model import Status
from precedent.knowledge.search import search_items, search_turns
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE
from precedent.usage.periods import day, first_instant

from .context import context
from .output import counted, instant, print_json, print_table, say

_domains = typer.Typer(help="Fields of knowledge.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name of the domain.")]


def add(cli: typer.Typer) -> None:
    """Add the commands to the group."""
    cli.command("search")(search)
    cli.command("ask-model")(ask_model)
    cli.command("embed")(embed)
    cli.command("at")(known_at)
    cli.command("effect")(effect)
    cli.command("revoke-from")(revoke_from)
    cli.add_typer(_domains, name="domains")


def search(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(help="Words, in any order.")],
    turns: Annotated[bool, typer.Option("--turns", help="Find what people typed instead of items.")] = False,
    status: Annotated[list[Status] | None, typer.Option(help="Only of this status; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(help="Answers at most.", min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """Find items by words, and by meaning where embeddings are configured, the best first."""
    app, question = context(ctx).app, " ".join(words)
    with app.store.read() as tx:
        if turns:
            found: list[Any] = list(search_turns(tx, question, persons=None, limit=limit, meanings=app.meanings))
        else:
            where = Filter(statuses=tuple(status or ()))
            now = app.clock.now()
            found = list(
                search_items(tx, COMMAND_LINE, question, where=where, now=now, limit=limit, meanings=app.meanings)
            )
    told = [msgspec.to_builtins(each) for each in found]
    if as_json:
        print_json(told)
    elif not told:
        say("Nothing holds these words.")
    elif turns:
        rows = [row | {"said_at": instant(row["said_at"]), "text": " ".join(row["text"].split())[:100]} for row in told]
        print_table(rows, ["person", "session", "line", "said_at", "text"])
    else:
        print_table(told, ["id", "status", "content"])


def ask_model(ctx: typer.Context, as_json: Json = False) -> None:
    """Ask the language model that is configured about what is new."""
    stats = context(ctx).app.ask_model()
    if as_json:
        print_json(msgspec.to_builtins(stats))
    else:
        tokens = stats.input_tokens + stats.output_tokens
        say(
            f"{counted(stats.calls, 'call')} of {tokens:,} tokens about {counted(stats.transcripts, 'transcript')} "
            f"and {counted(stats.notes, 'note')}, "
            f"{counted(stats.findings, 'statement')} found, {stats.dropped:,} dropped, {stats.unusable:,} unusable"
        )
        withheld = (counted(stats.transcripts_withheld, "transcript"), counted(stats.notes_withheld, "note"))
        if stats.transcripts_withheld or stats.notes_withheld:
            say(f"{' and '.join(withheld)} withheld; `precedent consent allow model` allows it.")
        if stats.reason:
            say(f"The rest waits: {stats.reason}")
    raise typer.Exit(1 if stats.reason else 0)


def embed(ctx: typer.Context, as_json: Json = False) -> None:
    """Embed what is new, so that search finds it by meaning."""
    stats = context(ctx).app.embed()
    if as_json:
        print_json(msgspec.to_builtins(stats))
    else:
        say(f"{counted(stats.items, 'item')} and {counted(stats.turns, 'turn')} embedded.")


def known_at(
    ctx: typer.Context,
    date: Annotated[str, typer.Argument(help="Day, YYYY-MM-DD, UTC: what held as it began.")],
    as_json: Json = False,
) -> None:
    """List what agents were given on a day."""
    app = context(ctx).app
    with app.store.read() as tx:
        found = listing.known_at(tx, COMMAND_LINE, at=first_instant(day(date), UTC), now=app.clock.now())
    if as_json:
        print_json([msgspec.to_builtins(each) for each in found])
    elif found:
        print_table([msgspec.to_builtins(each) for each in found], ["id", "mandatory", "title"])
    else:
        say("Nothing.")


def effect(
    ctx: typer.Context,
    number: Annotated[int | None, typer.Argument(help="Id of the item; all approved ones without it.", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Tell how often the same had to be said again before and after items were delivered."""
    app = context(ctx).app
    now = app.clock.now()
    with app.store.read() as tx:
        if number is None:
            found = learning.learned(tx, COMMAND_LINE, now=now)
        else:
            found = [learning.effect_of(tx, COMMAND_LINE, number, now=now)]
    told = [msgspec.to_builtins(each) for each in found]
    if as_json:
        print_json(told if number is None else told[0])
    elif number is not None:
        say(found[0].item.title)
        say(found[0].effect.text)
    elif found:
        print_table([_effect_row(each) for each in found], ["id", "verdict", "before", "since", "title"])
    else:
        say("Nothing is approved. `precedent review` shows what waits.")


def _effect_row(found: learning.Learned) -> dict[str, object]:
    sides = {"before": found.effect.before, "since": found.effect.after}
    told = {name: f"{side.again} in {counted(side.sessions, 'session')}" for name, side in sides.items()}
    return {"id": found.item.id, "verdict": found.effect.verdict.value, "title": found.item.title, **told}


def revoke_from(
    ctx: typer.Context,
    person: Annotated[str, typer.Option(help="Key of the person.")] = "",
    session: Annotated[str, typer.Option(help="Native id of the session.")] = "",
    since: Annotated[str | None, typer.Option(help="Only what was said from this day on, YYYY-MM-DD, UTC.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what it would be.")] = False,
    as_json: Json = False,
) -> None:
    """Take back everything that rests on what a person or a session said."""
    ids = context(ctx).app.review.revoke_from(
        by=BY_COMMAND_LINE, person=person, session=session, reason=reason, dry_run=dry_run,
        since=first_instant(day(since), UTC) if since else 0,
    )  # fmt: skip
    if as_json:
        print_json(ids)
    else:
        say(f"{counted(len(ids), 'item')} {'would be' if dry_run else 'were'} taken back{':' if ids else '.'}")
        say(", ".join(map(str, ids)))


@_domains.command("list")
def list_domains(ctx: typer.Context, as_json: Json = False) -> None:
    """List domains."""
    found = [msgspec.to_builtins(each) for each in context(ctx).app.domains.listed()]
    if as_json:
        print_json(found)
    elif found:
        print_table(found, ["name", "description"])
    else:
        say("No domains. `precedent knowledge domains add NAME` adds one.")


@_domains.command("add")
def add_domain(
    ctx: typer.Context, name: Name, description: Annotated[str, typer.Option(help="For people.")] = ""
) -> None:
    """Add a domain, or describe it anew."""
    found = context(ctx).app.domains.put(name, by=BY_COMMAND_LINE, description=description)
    say(f"There is a domain {found.name}.")


@_domains.command("remove")
def remove_domain(ctx: typer.Context, name: Name) -> None:
    """Remove a domain that no item is sorted into."""
    context(ctx).app.domains.remove(name, by=BY_COMMAND_LINE)
    say(f"There is no domain {name} any more.")
