"""Reads bodies that no model of a route describes."""

from fastapi import Request
from starlette.requests import ClientDisconnect

from precedent.errors import BadInput, TooLarge


async def read_body(request: Request, *, limit: int, what: str) -> bytes:
    """Return a body.

    Args:
        request: whose.
        limit: bytes that are taken.
        what: it is, for the error.

    Raises:
        BadInput: its sender went away.
        TooLarge: it is more than is taken.
    """
    data = bytearray()
    try:
        async for piece in request.stream():
            data += piece
            if len(data) > limit:
                raise TooLarge(f"{what} is larger than {limit >> 20} MiB")
    except ClientDisconnect as error:
        raise BadInput("the body ended before its end; nothing of it was kept") from error
    return bytes(data)
