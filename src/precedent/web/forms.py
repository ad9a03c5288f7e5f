"""Reads what a form of a page sends."""

from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

import pydantic
from fastapi import Depends, Request

from precedent.errors import BadInput, Unsupported
from precedent.http.bodies import read_body

KIND = "application/x-www-form-urlencoded"
MAX_BYTES = 1 << 20
MAX_FIELDS = 500
M = TypeVar("M", bound=pydantic.BaseModel)


class Fields(dict[str, str]):
    """Fields of a form by name; of several of one name the last one counts here, and `all` has each."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def all(self, name: str) -> list[str]:
        """Return the values of every field of a name, in their order."""
        return [value for each, value in self._pairs if each == name]

    def text(self, name: str, *, most: int = 1_000) -> str:
        """Return a field; empty when it is not there.

        Raises:
            BadInput: it is too long, or no text.
        """
        found = self.get(name, "")
        if len(found) > most or "\0" in found:
            raise BadInput(f"{name} is no text of {most:,} characters at most")
        return found


async def _fields(request: Request) -> Fields:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != KIND:
        raise Unsupported(f"a form of a page is sent as {KIND}")
    body = await read_body(request, limit=MAX_BYTES, what="this form")
    try:
        text = body.decode("ascii")
        return Fields(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
    except ValueError as error:
        raise BadInput("this form cannot be read; load the page again") from error


Form = Annotated[Fields, Depends(_fields)]
"""The parameter of a route that takes a form."""


def filled(kind: type[M], **values: object) -> M:
    """Return a model with the values of a form.

    Raises:
        BadInput: a value does not fit; the message says which.
    """
    try:
        return kind.model_validate(values)
    except pydantic.ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise BadInput(said) from error
