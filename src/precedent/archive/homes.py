"""Whose homes to collect from."""

import os
import pwd
from pathlib import Path

from precedent.errors import BadInput

from .folder import MAX_PART_BYTES
from .naming import user_key
from .sources import Home


def own() -> Home:
    """Return the home of the person who runs this."""
    return Home(Path.home(), _key(pwd.getpwuid(os.getuid()).pw_name))


def given(path: Path, *, user: str | None = None) -> Home:
    """Return a home named on the command line; the person is the one named, else the folder's name.

    Raises:
        BadInput: there is no such folder.
    """
    if not path.is_dir():
        raise BadInput(f"{path} is no folder; --home takes a person's home, which holds .claude, .codex or the like")
    return Home(path.resolve(), _key(user or path.resolve().name))


def everybody() -> list[Home]:
    """Return the homes of all people of this machine that have one.

    Raises:
        BadInput: we are not root.
    """
    if os.geteuid() != 0:
        raise BadInput("collecting from all homes needs root; run it with sudo, or collect your own home")
    homes = {}
    for entry in pwd.getpwall():
        path = Path(entry.pw_dir)
        person = entry.pw_uid == 0 or entry.pw_uid >= 1000
        if person and path.is_absolute() and path != Path("/") and path.is_dir() and path not in homes:
            homes[path] = Home(path, _key(entry.pw_name))
    return list(homes.values())


def _key(name: str) -> str:
    return user_key(name, max_bytes=MAX_PART_BYTES)
