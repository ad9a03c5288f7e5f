"""What a job is to do now: which due instants to start and which to note as missed. Pure."""

from typing import NamedTuple

from precedent.clock import SECOND
from precedent.jobs.records import CatchUp
from precedent.schedules import Schedule, instants

ON_TIME_S = 60
"""A due instant that passed less than this ago is no catch-up."""

FUTURE_S = 60
"""A last due instant that lies further ahead is an error of some clock and counts as now."""

MOST_MISSED = 100
"""Missed instants that are noted one by one; how many came before them is said."""


class Plan(NamedTuple):
    """What to do.

    Attributes:
        start: due instants to ask a run for, oldest first.
        missed: due instants at which nothing ran or will run, oldest first, the newest `MOST_MISSED`.
        reason: why they are missed.
    """

    start: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()
    reason: str = ""

    @property
    def newest(self) -> int:
        """The newest due instant of all."""
        return max((*self.start, *self.missed))


class Rule(NamedTuple):
    """How what was missed is made up; see `Job`."""

    catch_up: CatchUp = CatchUp.LATEST
    window_s: int = 7 * 86_400
    cap: int = 10


def plan(schedule: Schedule, rule: Rule, *, last_due_at: int | None, now: int) -> Plan:
    """Return what is to do now; empty when nothing is due.

    Args:
        schedule: of the job.
        rule: how what was missed is made up.
        last_due_at: the newest due instant that is settled; None when there was none yet.
        now: UTC microseconds.
    """
    opens = now - rule.window_s * SECOND
    if last_due_at is None:
        return _first(_passed(schedule, schedule.after(opens - 1), now), at_once=schedule.starts_at_once)
    first = schedule.following(settled(last_due_at, now=now))
    if first > now:
        return Plan()
    in_time = _passed(schedule, max(first, schedule.after(opens - 1)), now)
    if not in_time:
        older = _passed(schedule, first, now)
        return Plan(
            missed=tuple(older[-MOST_MISSED:]), reason=_reason("too long ago to be made up", older, first=first)
        )
    match rule.catch_up:
        case CatchUp.NONE:
            count, reason = int(now - in_time[-1] <= ON_TIME_S * SECOND), "not started in time"
        case CatchUp.LATEST:
            count, reason = 1, "not started in time; the latest is made up instead"
        case CatchUp.ALL:
            count, reason = rule.cap, f"not started in time; the latest {rule.cap} are made up instead"
    at = max(0, len(in_time) - count)
    missed, start = in_time[:at], in_time[at:]
    return Plan(tuple(start), tuple(missed[-MOST_MISSED:]), _reason(reason, missed, first=first))


def settled(last_due_at: int, *, now: int) -> int:
    """Return the last due instant to go on from."""
    return now if last_due_at > now + FUTURE_S * SECOND else last_due_at


def next_due(schedule: Schedule, last_due_at: int | None, *, now: int) -> int:
    """Return the next due instant; it lies in the past when no scheduler has asked for what is due."""
    return schedule.after(now) if last_due_at is None else schedule.following(settled(last_due_at, now=now))


def _first(passed: list[int], *, at_once: bool) -> Plan:
    """What never ran starts at once if its schedule is an interval; otherwise where it begins is noted."""
    if at_once:
        return Plan(start=tuple(passed[-1:]))
    return Plan(missed=tuple(passed[-1:]), reason="before the first start")


def _passed(schedule: Schedule, first: int, now: int) -> list[int]:
    found = []
    instant = first
    following = instants(schedule, after=first)
    while instant <= now:
        found.append(instant)
        instant = next(following)
    return found


def _reason(reason: str, missed: list[int], *, first: int) -> str:
    if not missed:
        return ""
    return f"{reason}; earlier ones are not listed" if len(missed) > MOST_MISSED or missed[0] > first else reason
