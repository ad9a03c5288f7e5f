"""A team whose sessions and sayings are counted from a first day, for tests of what knowledge changes."""

from pathlib import Path

import sqlalchemy as sa

from builders import START_US, ManualTime, home_of, put
from precedent.app import App
from precedent.clock import DAY, SECOND
from precedent.knowledge import intake, learning, rows
from precedent.knowledge.bundle import note_delivered
from precedent.knowledge.intake import Source
from precedent.knowledge.learning import Learned
from precedent.knowledge.model import Finding, Item, Kind, Place
from precedent.security.acting import BY_COMMAND_LINE
from precedent.security.principals import COMMAND_LINE, Principal, Role
from precedent.store.schema import knowledge_reading
from precedent.testing import ClaudeCode

WORDS = "No, we use pnpm here, not npm."
PLAIN = "Please sort the berths by length."


class Harbour:
    """Two people at work; days are counted from the first one."""

    def __init__(self, app: App, time: ManualTime, folder: Path) -> None:
        self.app, self.time = app, time
        self.homes = {key: home_of(folder, key) for key in ("ada", "bob")}
        self.ada, self.bob = self._joins("ada"), self._joins("bob")

    def _joins(self, key: str) -> Principal:
        made = self.app.accounts.create(f"{key}@example.com", role=Role.MEMBER, by=BY_COMMAND_LINE)
        return Principal(name=key, role=Role.MEMBER, user_id=made.user_id)

    def works(self, who: Principal, day: float, *said: str, name: str = "") -> ClaudeCode:
        """Write a session of somebody's that begins on a day."""
        session = ClaudeCode(name or f"{who.name} {day}")
        session.at = day * 86_400
        session.prompt(PLAIN).reply("I run npm install first.")
        for words in said:
            session.prompt(words).reply()
        put(self.homes[who.name].path / ".claude/projects" / session.path, session.data)
        return session

    def reads(self, day: float) -> None:
        """Collect and read what there is, on a day."""
        self.time.now = START_US + round(day * DAY)
        self.app.collect(list(self.homes.values()))
        self.app.run_processor("verification")

    def says(self, who: Principal, day: float, content: str, *, kind: Kind = Kind.CORRECTION) -> Item:
        """Have something found that somebody said in the session that was their last one on a day."""
        with self.app.store.write() as tx:
            reading, at = knowledge_reading.c, START_US + round(day * DAY)
            began = (reading.user_id == who.user_id, reading.started_at <= at + 60 * SECOND)
            found = sa.select(reading.transcript_id).where(*began).order_by(reading.started_at.desc())
            number = tx.scalar(found.limit(1))
            place = Place(line=1, byte_offset=0, turn=f"turn {day}", start=0, end=len(content), said_at=at)
            said = Finding(kind=kind, title=content, content=content, quote=content, place=place, detector="rules/2")
            assert number is not None and who.user_id is not None
            intake.take(tx, [said], Source(who.user_id, f"session of day {day}", number), now=self.time.now)
            return rows.items(tx)[-1]

    def items(self) -> list[Item]:
        with self.app.store.read() as tx:
            return rows.items(tx)

    def approve(self, number: int) -> None:
        self.app.review.approve(number, by=BY_COMMAND_LINE)

    def given(self, number: int, first: float, last: float) -> None:
        """Have an item delivered to both, on a day and again on another."""
        with self.app.store.write() as tx:
            for day in (first, last):
                for who in (self.ada, self.bob):
                    assert who.user_id is not None
                    note_delivered(tx, who.user_id, [number], now=START_US + round(day * DAY))

    def effect(self, number: int) -> Learned:
        with self.app.store.read() as tx:
            return learning.effect_of(tx, COMMAND_LINE, number, now=self.time.now)

    def sides(self, number: int) -> tuple[int, int, int, int]:
        found = self.effect(number).effect
        return found.before.again, found.before.sessions, found.after.again, found.after.sessions

    def learns(self) -> Item:
        """Have something said five times that, once agents know it, is said once more in twice as many sessions."""
        for day in range(10):
            self.works(self.ada, day, *[WORDS] * (2 if day in {0, 2, 4, 6, 8} else 0))
            self.works(self.bob, day + 0.5)
        self.reads(10)
        [item] = self.items()
        self.approve(item.id)
        for who in (self.ada, self.bob):
            self.app.bundle(who)
        for day in range(11, 43):
            self.works(self.ada, day + 0.25)
            self.works(self.bob, day + 0.5, *[WORDS] * (day == 20))
            if day % 7 == 0:
                self.time.now = START_US + day * DAY
                self.app.bundle(self.ada)
                self.app.bundle(self.bob)
        self.reads(43)
        return item
