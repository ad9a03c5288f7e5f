"""Demo data: the sample transcripts as those of persons whose keys say so, collected and erased as anybody's are.

That the persons are there is all that is remembered: the collector takes the samples in while they are.
"""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from precedent.security import audit
from precedent.security.acting import By
from precedent.store.schema import user

from . import erasing, people
from .sources import Home

PREFIX = "demo-"
"""Of the keys of the persons of demo data."""


def keys(samples: Sequence[Path]) -> dict[str, Path]:
    """Return the sample homes by the key of the person whose they are shown as."""
    return {PREFIX + home.name: home for home in samples}


def present(tx: sa.Connection, samples: Sequence[Path]) -> list[Home]:
    """Return the homes to collect from: those of the persons that are there."""
    wanted = keys(samples)
    there = set(tx.scalars(sa.select(user.c.key).where(user.c.key.in_(wanted))))
    return [Home(path, key) for key, path in wanted.items() if key in there]


def was_removed(tx: sa.Connection, samples: Sequence[Path]) -> bool:
    """Tell whether there was demo data that somebody removed: nothing is collected again of whoever was erased."""
    return any(erasing.was_erased(tx, key) for key in keys(samples))


def begin(tx: sa.Connection, samples: Sequence[Path], *, by: By, now: int) -> None:
    """Make the persons, so that the next collection takes the samples in."""
    for key in keys(samples):
        people.ensure(tx, key, now=now)
    audit.record(tx, by.act("demo.begin", "demo data"), now=now)
