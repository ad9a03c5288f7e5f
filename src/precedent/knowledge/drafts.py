"""What people write into items: checked once, for proposals and edits alike."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import BadInput
from precedent.store.schema import knowledge_domain, team

from .model import MAX_CONTENT, MAX_TITLE, Item, plain

MAX_LABEL = 60
MAX_LABELS = 12


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What of an item a person may set; what is unset stays as it is. Attributes as in `Item`."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    content: str | msgspec.UnsetType = msgspec.UNSET
    category: str | msgspec.UnsetType = msgspec.UNSET
    domains: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    tags: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    entities: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    teams: tuple[int, ...] | msgspec.UnsetType = msgspec.UNSET
    valid_from: int | msgspec.UnsetType | None = msgspec.UNSET
    valid_until: int | msgspec.UnsetType | None = msgspec.UNSET


def applied(tx: sa.Connection, item: Item, draft: Draft) -> Item:
    """Return an item as a draft has it.

    Raises:
        BadInput: a text is empty or too long, a domain or team is unknown, or the dates are the wrong way round.
    """
    given: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(draft).items() if value is not msgspec.UNSET
    }
    for name, most in (("title", MAX_TITLE), ("content", MAX_CONTENT)):
        if name in given:
            given[name] = _text(given[name], name, most=most)
    if "category" in given:
        given["category"] = plain(given["category"])[:MAX_LABEL]
    for name in ("domains", "tags", "entities"):
        if name in given:
            given[name] = _labels(given[name], name)
    if unknown := sorted(set(given.get("domains", ())) - set(tx.scalars(sa.select(knowledge_domain.c.name)))):
        raise BadInput(f"no domain {unknown[0]!r}; `precedent knowledge domains` lists them")
    if "teams" in given:
        _check_teams(tx, given["teams"])
    changed: Item = msgspec.structs.replace(item, **given)
    if changed.owner is not None and changed.teams:
        raise BadInput("a personal item is for no team")
    if changed.valid_from is not None and changed.valid_until is not None and changed.valid_from >= changed.valid_until:
        raise BadInput("valid_from must be before valid_until")
    return changed


def _text(text: str, name: str, *, most: int) -> str:
    text = text.strip()
    if not text or len(text) > most:
        raise BadInput(f"a {name} has 1 to {most} characters, not {len(text)}")
    return text


def _labels(given: Sequence[str], name: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(label for each in given if (label := plain(each))))
    if len(found) > MAX_LABELS or any(len(each) > MAX_LABEL for each in found):
        raise BadInput(f"{name}: at most {MAX_LABELS}, of at most {MAX_LABEL} characters each")
    return found


def _check_teams(tx: sa.Connection, teams: Sequence[int]) -> None:
    known = set(tx.scalars(sa.select(team.c.id).where(team.c.id.in_(teams))))
    if missing := sorted(set(teams) - known):
        raise BadInput(f"no team {missing[0]}")
