"""Which homes a command looks in."""

from pathlib import Path
from typing import Annotated

import typer

from precedent.archive import homes
from precedent.archive.sources import Home
from precedent.errors import BadInput

Whose = Annotated[str | None, typer.Option(help="Whose home it is; default: the folder's name.")]


def chosen_homes(given: list[Path] | None, *, user: str | None, all_users: bool) -> list[Home]:
    """Return the homes that options name; without any, that of whoever calls.

    Args:
        given: of `--home`.
        user: of `--user`.
        all_users: everybody's.

    Raises:
        BadInput: the options do not go together.
    """
    if given and all_users:
        raise BadInput("give --home or --all-users, not both")
    if user and len(given or []) != 1:
        raise BadInput("--user says whose the one --home is")
    if all_users:
        return homes.everybody()
    return [homes.given(path, user=user) for path in given] if given else [homes.own()]
