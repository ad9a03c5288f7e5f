"""Lists in pages: a cursor names the last row that was shown, so rows that come or go in between move no other."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from precedent.errors import BadInput

T = TypeVar("T")
Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that a database can compare."""


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """A part of a list.

    Attributes:
        rows: in the order of the list.
        next: the `after` of the next page; null on the last one.
    """

    rows: list[T]
    next: str | None


def cursor(key: Sequence[object]) -> str:
    """Return the key of a row as text that may stand in an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def position(text: str, kind: type[T]) -> T:
    """Return the key that a cursor stands for.

    Args:
        text: as `cursor` made it.
        kind: type of the key, a tuple.

    Raises:
        BadInput: it is none of this list.
    """
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(data, type=kind)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise BadInput("`after` is no cursor of this list; take it from `next` of the page before") from error


def page(found: Sequence[T], *, limit: int, key: Callable[[T], Sequence[object]]) -> Page[T]:
    """Return the first rows of what was found, which is one row more than a page when there is another page."""
    rows = list(found[:limit])
    return Page(rows=rows, next=cursor(key(rows[-1])) if len(found) > limit else None)


def cut(rows: Iterable[T], *, limit: int, after: str | None, key: Callable[[T], Any], kind: Any) -> Page[T]:
    """Return a page of a list that is there as a whole, in ascending order of its keys.

    Args:
        rows: the list.
        limit: rows of a page.
        after: cursor; None for the first page.
        key: of a row; unique.
        kind: type of the key, as `position` takes it.

    Raises:
        BadInput: the cursor is none of this list.
    """
    if after is not None:
        last = position(after, kind)
        rows = (row for row in rows if key(row) > last)
    return page(list(rows), limit=limit, key=key)
