"""`precedent review`: the queue, one item after the other, judged by single keys."""

import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import click
import typer

from precedent.app import App
from precedent.errors import BadInput, PrecedentError
from precedent.knowledge import listing
from precedent.knowledge.drafts import Draft
from precedent.knowledge.exact import Part, escaped, parts
from precedent.knowledge.listing import Filter, Shown
from precedent.knowledge.model import Item, Status
from precedent.knowledge.pairs import Pair, Resolution
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE

from .context import context
from .output import instant, say

KEYS = "[a]pprove  [m]andate  [r]eject  [e]dit  [s]kip  [u]ndo  [q]uit"
PAIR_KEYS = "of the first of these: [t]his one holds  the [o]ther holds  [b]oth hold  mer[g]e"
QUEUE = 500
"""Items read at a time."""


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("review")(review)


def review(
    ctx: typer.Context,
    domain: Annotated[list[str] | None, typer.Option(help="Only of this domain; may be repeated.")] = None,
    person: Annotated[list[str] | None, typer.Option(help="Only what this person said; may be repeated.")] = None,
) -> None:
    """Judge what waits for review, by single keys; needs a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BadInput("review needs a terminal; `precedent knowledge list --status pending` lists the queue")
    app = context(ctx).app
    where = Filter(statuses=(Status.PENDING,), domains=tuple(domain or ()), persons=tuple(person or ()))
    desk = Desk(app)
    with _single_keys() as key:
        while (item := desk.next(where)) is not None:
            desk.show(item)
            if not desk.act(item, key()):
                break
    say(f"{desk.judged} judged, {desk.waiting(where)} wait.")


class Desk:
    """What one sitting at the queue has done."""

    def __init__(self, app: App) -> None:
        self._app, self.judged = app, 0
        self._skipped: set[int] = set()
        self._done: list[tuple[int, str]] = []
        self._pairs: list[Pair] = []

    def next(self, where: Filter) -> Item | None:
        """Return the next item, the oldest first; None when all were seen."""
        with self._app.store.read() as tx:
            now = self._app.clock.now()
            found = listing.listed(tx, COMMAND_LINE, where=where, now=now, limit=QUEUE, after=None).rows
        return next((each for each in reversed(found) if each.id not in self._skipped), None)

    def waiting(self, where: Filter) -> int:
        """Return how many items wait."""
        with self._app.store.read() as tx:
            return sum(listing.counted(tx, COMMAND_LINE, where=where, now=self._app.clock.now()).values())

    def show(self, item: Item) -> None:
        """Print an item as it would be delivered, with its evidence."""
        with self._app.store.read() as tx:
            now = self._app.clock.now()
            found = listing.shown(tx, COMMAND_LINE, item.id, now=now)
            delivered = parts(tx, found.item, now=now)
        self._pairs = self._app.pairs.of(COMMAND_LINE, item.id)
        for line in (*shown_lines(found, delivered), *pair_lines(self._pairs, item.id)):
            say(line)
        say(KEYS)
        if self._pairs:
            say(PAIR_KEYS)

    def act(self, item: Item, key: str) -> bool:
        """Do what a key says; false to end."""
        acts: dict[str, Callable[[Item], None]] = {
            "a": self._approve, "m": self._mandate, "r": self._reject, "e": self._edit, "s": self._skip,
            "u": self._undo, "t": self._this, "o": self._other, "b": self._both, "g": self._merge,
        }  # fmt: skip
        if key in {"q", "\x03", "\x04", ""}:
            return False
        if key not in acts:
            say("No such key.")
            return True
        try:
            acts[key](item)
        except PrecedentError as error:
            say(str(error))
            self._skipped.add(item.id)
        return True

    def _approve(self, item: Item) -> None:
        # Flags stand on the screen above: who presses the key has seen them.
        self._app.review.approve(item.id, by=BY_COMMAND_LINE, expected=item.content_hash, flags_seen=item.flags)
        self._note(item, "approved")

    def _mandate(self, item: Item) -> None:
        self._approve(item)
        self._app.review.mandate(item.id, by=BY_COMMAND_LINE, expected=item.content_hash)

    def _reject(self, item: Item) -> None:
        self._app.review.reject(item.id, by=BY_COMMAND_LINE, expected=item.content_hash)
        self._note(item, "rejected")

    def _note(self, item: Item, what: str) -> None:
        self.judged += 1
        self._done.append((item.id, what))
        say(f"{item.id} {what}.")

    def _skip(self, item: Item) -> None:
        self._skipped.add(item.id)

    def _undo(self, _: Item) -> None:
        if not self._done:
            say("Nothing to undo.")
            return
        number, _what = self._done.pop()
        self._app.review.undo(number, by=BY_COMMAND_LINE)
        self.judged -= 1
        say(f"{number} waits again.")

    def _this(self, item: Item) -> None:
        self._decide(item, lambda pair: Resolution.KEPT_A if pair.first.id == item.id else Resolution.KEPT_B)

    def _other(self, item: Item) -> None:
        self._decide(item, lambda pair: Resolution.KEPT_B if pair.first.id == item.id else Resolution.KEPT_A)

    def _both(self, item: Item) -> None:
        self._decide(item, lambda _: Resolution.BOTH_VALID)

    def _merge(self, item: Item) -> None:
        if not self._pairs:
            say("It is like no other item.")
            return
        draft = _worded(f"{item.title}\n\n{self._pairs[0].first.content}\n{self._pairs[0].second.content}\n")
        if draft is not None:
            self._decide(item, lambda _: Resolution.MERGE, wording=draft)

    def _decide(self, _: Item, choose: Callable[[Pair], Resolution], *, wording: Draft | None = None) -> None:
        if not self._pairs:
            say("It is like no other item.")
            return
        pair = self._pairs[0]
        resolution = choose(pair)
        made = self._app.pairs.decide(pair.id, resolution, by=BY_COMMAND_LINE, wording=wording)
        self.judged += 1
        into = f" into {made.id}" if made is not None else ""
        say(f"{pair.first.id} and {pair.second.id}: {resolution.value}{into}.")

    def _edit(self, item: Item) -> None:
        draft = _worded(f"{item.title}\n\n{item.content}\n")
        if draft is None:
            return
        self._app.review.edit(item.id, draft, by=BY_COMMAND_LINE, expected=item.content_hash)


def _worded(before: str) -> Draft | None:
    """Let the editor word an item; None when nothing came of it."""
    text = click.edit(before)
    if text is None or not text.strip():
        say("Unchanged.")
        return None
    title, _, content = text.strip().partition("\n")
    return Draft(title=title.strip(), content=content.strip() or title.strip())


def pair_lines(pairs: Sequence[Pair], item_id: int) -> list[str]:
    """Return what an item may say the same as, or the opposite of."""
    lines = []
    for pair in pairs:
        other = pair.second if pair.first.id == item_id else pair.first
        what = "MAY CONTRADICT" if pair.relation == "contradiction" else "may repeat"
        differs = f" (differs in {', '.join(pair.differences)})" if pair.differences else ""
        lines.append(f"{what} #{other.id}, {other.status.value}{differs}")
        lines.append(f"    {escaped(other.content)}")
    return lines


def shown_lines(found: Shown, delivered: Sequence[Part]) -> list[str]:
    """Return an item for a terminal: exactly what would be delivered, with what nobody sees made visible."""
    item, sure = found.item, found.confidence
    lines = ["", "─" * 72, f"#{item.id}  {escaped(item.title)}", "", *map(escaped, item.content.split("\n")), ""]
    if item.flags:
        lines.append(f"SUSPICIOUS: {', '.join(item.flags)}")
    for part in delivered:
        lines += [f"  {part.label}: {flag}{f', at “{at}”' if at else ''}" for flag, at in part.told.items()]
    lines.append(
        f"in files of rules, {delivered[-1].size_bytes} bytes: {''.join(each.shown for each in delivered[-1].pieces)}"
    )
    lines.append(f"hash {item.content_hash}")
    reasons = ", ".join(f"{each.text} {each.adds:+}" for each in sure.reasons)
    lines.append(f"confidence {sure.value} of 1000 ({reasons or 'nobody says so'})")
    for each in found.evidence:
        place = f"{each.session_file}:{each.line}, byte {each.byte_offset}, characters {each.start} to {each.end}"
        lines.append(f"  {each.kind} by {each.person}, {instant(each.said_at)}, {place}")
        lines.append(f"    “{escaped(each.quote)}”")
        if each.context:
            lines.append(f"    after the agent: …{escaped(each.context[-160:])}")
    return lines


@contextmanager
def _single_keys() -> Iterator[Callable[[], str]]:
    """Give a function that waits for one key, and leave the terminal as it was."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)  # the default forgets what was typed ahead
        yield lambda: os.read(descriptor, 1).decode("utf-8", "replace")
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
