"""Whatever people do to an item in whatever order: the table of transitions holds, and so does what rests on it."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from precedent.archive import people
from precedent.clock import SECOND
from precedent.errors import Conflict
from precedent.knowledge import intake, listing, rows
from precedent.knowledge.bundle import bundle
from precedent.knowledge.drafts import Draft
from precedent.knowledge.intake import Source
from precedent.knowledge.model import Finding, Item, Kind, Place, Status
from precedent.knowledge.review import Review, expire
from precedent.knowledge.statuses import TRANSITIONS, Action
from precedent.security import audit
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE
from precedent.store import Store
from precedent.store.migrate import upgrade
from precedent.testing import ManualTime

WORDS = ("We use pnpm here.", "Berths are numbered from 1.", "Tides are stored in metres.")
ACTS = (Action.REJECT, Action.REOPEN, Action.MANDATE, Action.UNMANDATE, Action.REVOKE)


class Items(RuleBasedStateMachine):
    """Three statements that are found again and again, and reviewers who do anything."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.time = ManualTime()
        self.store = Store(f"sqlite:///{Path(self.folder.name, 'items.db')}")
        upgrade(self.store)
        self.review = Review(self.store, self.time.clock)
        self.changes: dict[int, int] = {}
        self.finds = self.ada = 0

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @initialize()
    def someone(self) -> None:
        with self.store.write() as tx:
            self.ada = people.ensure(tx, "ada", now=1)

    def items(self) -> list[Item]:
        with self.store.read() as tx:
            return rows.items(tx)

    def chosen(self, data: Any) -> Item:
        found: Item = data.draw(st.sampled_from(self.items()))
        return found

    @rule(words=st.sampled_from(WORDS))
    def find(self, words: str) -> None:
        """The same words are the same item, whatever was decided about it."""
        before = {item.content: item for item in self.items()}
        self.finds += 1
        place = Place(line=1, byte_offset=0, turn="", start=0, end=9, said_at=self.time.now)
        said = Finding(kind=Kind.DEFINITION, title=words, content=words, quote=words, place=place, detector="test")
        with self.store.write() as tx:
            intake.take(tx, [said], Source(self.ada, f"session {self.finds}"), now=self.time.now)
        after = {item.content: item for item in self.items()}
        if words in before:
            assert after == before, "found again, it keeps its status and its words"
        else:
            assert after[words].status is Status.PENDING
            self.changes[after[words].id] = 1

    @precondition(lambda self: self.items())
    @rule(data=st.data(), action=st.sampled_from(ACTS))
    def act(self, data: Any, action: Action) -> None:
        item = self.chosen(data)
        done = getattr(self.review, action.value)
        self._tried(item, action, lambda: done(item.id, by=BY_COMMAND_LINE))

    @precondition(lambda self: self.items())
    @rule(data=st.data(), stale=st.booleans())
    def approve(self, data: Any, stale: bool) -> None:
        item = self.chosen(data)
        if stale:
            try:
                self.review.approve(item.id, by=BY_COMMAND_LINE, expected="0" * 64)
            except Conflict:
                return
            raise AssertionError("approved without having seen the words")
        approve = lambda: self.review.approve(item.id, by=BY_COMMAND_LINE, expected=item.content_hash)  # noqa: E731
        self._tried(item, Action.APPROVE, approve)

    @precondition(lambda self: self.items())
    @rule(data=st.data(), ending=st.sampled_from([". So be it.", ". As ever."]))
    def edit(self, data: Any, ending: str) -> None:
        item = self.chosen(data)
        draft = Draft(category=ending if item.category != ending else "other")
        self._tried(item, Action.EDIT, lambda: self.review.edit(item.id, draft, by=BY_COMMAND_LINE))

    @precondition(lambda self: self.items())
    @rule(data=st.data())
    def date(self, data: Any) -> None:
        """An approved item may end; time then expires it."""
        item = self.chosen(data)
        draft = Draft(valid_until=self.time.now + 10 * SECOND)
        self._tried(item, Action.EDIT, lambda: self.review.edit(item.id, draft, by=BY_COMMAND_LINE))

    @rule()
    def wait(self) -> None:
        self.time.advance(60)
        due = [
            item for item in self.items()
            if item.status is Status.APPROVED and item.valid_until is not None and item.valid_until <= self.time.now
        ]  # fmt: skip
        assert expire(self.store, now=self.time.now) == len(due)
        for item in due:
            self.changes[item.id] += 1

    def _tried(self, item: Item, action: Action, act: Any) -> None:
        """An act is done when the table says so, and otherwise refused without a trace."""
        allowed = item.status in TRANSITIONS[action].before
        try:
            found = act()
        except Conflict:
            assert not allowed or action in {Action.MANDATE, Action.UNMANDATE, Action.APPROVE}
            assert {each.id: each for each in self.items()}[item.id] == item
            return
        assert allowed, f"{action} of an item that is {item.status}"
        self.changes[item.id] += found.version - item.version

    @invariant()
    def what_was_approved_is_what_is_delivered(self) -> None:
        found, now = self.items(), self.time.now
        with self.store.read() as tx:
            given = {each.id for each in bundle(tx, self.ada, now=now).items}
        approved = [item for item in found if item.status is Status.APPROVED and item.is_valid(now)]
        wanted = {item.id for item in approved if item.approved_hash == item.content_hash}
        assert given == wanted
        for item in found:
            assert not item.mandatory or item.status is Status.APPROVED
            assert item.status is not Status.APPROVED or (item.approved_hash and item.approved_by)

    @invariant()
    def every_change_is_in_the_history(self) -> None:
        with self.store.read() as tx:
            for number, changes in self.changes.items():
                told = listing.history(tx, COMMAND_LINE, number, now=self.time.now)
                assert [each.number for each in told] == list(range(1, len(told) + 1))
                assert len(told) == changes
            assert audit.verify(tx).fault == ""


Items.TestCase.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
TestItems = Items.TestCase
