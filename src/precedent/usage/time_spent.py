"""Three figures of time that are never mixed: user-active, agent time and wall time."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import tzinfo

import msgspec
import sqlalchemy as sa

from precedent.store.schema import transcript, usage_activity, user

from .activity import Span, length, union
from .periods import Period, ranges
from .rollups import BUCKET


class TimeSpent(msgspec.Struct, kw_only=True):
    """Time of one person in one period, in microseconds.

    Attributes:
        user_active_us: at least one of the person's sessions was active; sessions side by side count once.
        agent_us: sum over all main and sub-agents, so it can exceed the period.
        wall_us: from the first to the last activity of each session, summed.
    """

    date: str
    person: str
    user_active_us: int
    agent_us: int
    wall_us: int


def time_spent(
    tx: sa.Connection,
    *,
    start: int | None,
    end: int | None,
    place: tzinfo,
    period: Period = Period.DAY,
    visible: Collection[int] | None = None,
) -> list[TimeSpent]:
    """Return the three figures by period and person.

    Args:
        tx: the view to read.
        start: first instant, UTC microseconds; None for the beginning.
        end: instant after the last.
        place: time zone of the periods.
        period: their length.
        visible: ids of the persons who may be told of; None for everybody.
    """
    query = (
        sa.select(
            user.c.key,
            transcript.c.native_id,
            transcript.c.agent_id,
            usage_activity.c.start_at,
            usage_activity.c.end_at,
        )
        .join(transcript, transcript.c.id == usage_activity.c.transcript_id)
        .join(user, user.c.id == transcript.c.user_id)
    )
    if visible is not None:
        query = query.where(transcript.c.user_id.in_(visible))
    if start is not None:
        query = query.where(usage_activity.c.end_at > start)
    if end is not None:
        query = query.where(usage_activity.c.start_at < end)
    rows = tx.execute(query).all()
    if not rows:
        return []
    first = max(start or 0, min(row.start_at for row in rows)) // BUCKET
    last = (min(end, max(row.end_at for row in rows)) if end else max(row.end_at for row in rows)) // BUCKET
    found = []
    for label, begin, after in ranges(period, first=first, last=last, place=place):
        low, high = max(begin * BUCKET, start or 0), min(after * BUCKET, end or after * BUCKET)
        by_person: dict[str, dict[tuple[str, str], list[Span]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            if row.start_at < high and row.end_at >= low:
                span = max(row.start_at, low), min(row.end_at, high)
                by_person[row.key][row.native_id, row.agent_id].append(span)
        for person, spans in sorted(by_person.items()):
            found.append(_spent(label, person, spans))
    return found


def _spent(label: str, person: str, spans: dict[tuple[str, str], list[Span]]) -> TimeSpent:
    main = [span for (_, agent_id), each in spans.items() if not agent_id for span in each]
    sessions: dict[str, list[Span]] = defaultdict(list)
    for (native_id, _), each in spans.items():
        sessions[native_id].extend(each)
    return TimeSpent(
        date=label,
        person=person,
        user_active_us=length(union(main)),
        agent_us=sum(length(each) for each in spans.values()),
        wall_us=sum(_extent(each) for each in sessions.values()),
    )


def _extent(spans: Iterable[Span]) -> int:
    spans = list(spans)
    return max(end for _, end in spans) - min(start for start, _ in spans)
