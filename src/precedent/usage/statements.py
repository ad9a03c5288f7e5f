"""The statements that reports ask.

To build a statement takes as long as to answer it, so each is built once, with its values left open: they have the
names of `report.Filter.values`.
"""

from datetime import tzinfo
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from precedent.store.bulk import several
from precedent.store.schema import usage_name, user

from .facts import sums_table
from .periods import Period, Range, ranges
from .rollups import SPANS, Stretch, stretches


@lru_cache(maxsize=512)
def sums_by(
    facts: sa.Subquery, dimensions: tuple[str, ...], sums: tuple[str, ...], when: sa.CTE | None, given: frozenset[str]
) -> sa.Select[Any]:
    """Return the statement of sums by dimensions, of which names are told as ids.

    Args:
        facts: what is added up.
        dimensions: what it is divided by.
        sums: columns of the facts.
        when: see `listed`; None takes the facts between the instants that are given.
        given: names of `Filter.values` that there are.
    """
    source = _source(facts, given, persons="person" in dimensions)
    conditions = _conditions(facts, given)
    if when is not None:
        source = source.join(when, _is_in(facts, when))
    else:
        conditions += _between(facts, given)
    columns: list[sa.ColumnElement[Any]] = []
    for dimension in dimensions:
        if dimension == "date":
            columns.append(sa.literal_column("stretches.label", sa.Text))
        else:
            columns.append(user.c.key if dimension == "person" else facts.c[dimension].label(dimension))
    wanted = [sa.cast(sa.func.coalesce(sa.func.sum(facts.c[name]), 0), sa.BigInteger) for name in sums]
    return sa.select(*columns, *wanted).select_from(source).where(*conditions).group_by(*columns)


@lru_cache(maxsize=64)
def quarters(facts: sa.Subquery, given: frozenset[str]) -> sa.Select[Any]:
    """Return the statement of requests by quarter of an hour."""
    conditions = [*_conditions(facts, given), *_between(facts, given)]
    if sums_table(facts) is not None:
        conditions.append(facts.c.span == SPANS[-1])
    query = sa.select(facts.c.bucket, sa.cast(sa.func.sum(facts.c.requests), sa.BigInteger))
    query = query.select_from(_source(facts, given, persons=False)).where(*conditions)
    return query.group_by(facts.c.bucket).order_by(facts.c.bucket)


@lru_cache(maxsize=64)
def extent(facts: sa.Subquery) -> sa.Select[Any]:
    """Return the statement of the first and the last quarter hour that there is."""
    table = sums_table(facts)
    if table is None:
        return sa.select(sa.func.min(facts.c.bucket), sa.func.max(facts.c.bucket))
    # One look by the index for each; for both at once a database goes through all rows.
    ends = [sa.select(end(table.c.bucket)).where(table.c.span == SPANS[0]) for end in (sa.func.min, sa.func.max)]
    return sa.select(*[each.scalar_subquery() for each in ends])


def _source(facts: sa.Subquery, given: frozenset[str], *, persons: bool) -> sa.FromClause:
    return facts.join(user, user.c.id == facts.c.user_id) if persons or "persons" in given else facts


def _conditions(facts: sa.Subquery, given: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if "visible" in given:
        found.append(facts.c.user_id.in_(several("visible")))
    if "persons" in given:
        found.append(user.c.key.in_(several("persons")))
    for name, values in (("agent", "agents"), ("model", "models"), ("project", "projects")):
        if values in given and name in facts.c:
            named = sa.select(usage_name.c.id).where(usage_name.c.kind == name, usage_name.c.name.in_(several(values)))
            found.append(facts.c[name].in_(named if is_id(facts, name) else several(values)))
    if "sessions" in given:
        found.append(facts.c.session.in_(several("sessions")))
    return found


def _between(facts: sa.Subquery, given: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    found = [facts.c.bucket >= sa.bindparam("start")] if "start" in given else []
    return [*found, facts.c.bucket < sa.bindparam("end")] if "end" in given else found


@lru_cache(maxsize=256)
def listed(period: Period | None, start: int, end: int, place: tzinfo, *, by_span: bool) -> sa.CTE:
    """Return the stretches of a range of quarter hours as a table, each with the label of its period.

    Kept, for the pages that people look at ask for the same again and again; and written out, for to bind a thousand
    values takes longer than to sum up.
    """
    whole = ranges(period, first=start, last=end - 1, place=place) if period else [Range("", start, end)]
    rows = []
    for each in whole:
        begin, after = max(each.start, start), min(each.end, end)
        parts = stretches(begin, after) if by_span else [Stretch(1, begin, after)]
        rows += [(each.label, *part) for part in parts]
    values = ", ".join(f"('{label}', {span:d}, {start:d}, {end:d})" for label, span, start, end in rows)
    names = ", ".join(f'column{place} AS "{name}"' for place, name in enumerate(("label", *Stretch._fields), 1))
    columns: list[sa.ColumnClause[Any]] = [sa.column("label", sa.Text)]
    columns += [sa.column(name, sa.BigInteger) for name in Stretch._fields]
    return sa.text(f"SELECT {names} FROM (VALUES {values}) AS listed").columns(*columns).cte("stretches")


def _is_in(facts: sa.Subquery, when: sa.CTE) -> sa.ColumnElement[bool]:
    inside = sa.and_(facts.c.bucket >= when.c.start, facts.c.bucket < when.c.end)
    return sa.and_(facts.c.span == when.c.span, inside) if sums_table(facts) is not None else inside


def is_id(facts: sa.Subquery, dimension: str) -> bool:
    """Tell whether facts have a name's id in the place of the name."""
    return dimension in facts.c and isinstance(facts.c[dimension].type, sa.Integer)
