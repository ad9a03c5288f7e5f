"""Secrets that are named and not held: the database, the log and the screens know the name, the machine the value."""

import os
import re
from pathlib import Path

from precedent.errors import BadInput, Misconfigured
from precedent.settings import MAX_FILE_BYTES, SETTINGS

SecretReference = str
"""The name of a secret, as `NAME` allows it."""

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
PREFIX = "PRECEDENT_SECRET_"
"""Of the variables that hold one; no other variable of the server can be named."""


def checked(name: str) -> SecretReference:
    """Return the name of a secret.

    Raises:
        BadInput: it can be none.
    """
    if not NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name of a secret: small letters, digits, - and _, at most 63")
    return name


def variable(name: SecretReference) -> str:
    """Return the environment variable that may hold a secret."""
    return PREFIX + name.upper().replace("-", "_")


class SecretStore:
    """Gives the values of secrets by name, from the environment, else from a folder with a file for each.

    Args:
        folder: the setting `secrets_dir`; None: only the environment is asked.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def resolve(self, name: SecretReference) -> str:
        """Return the value; a line end after it does not count.

        Raises:
            BadInput: the name can be none.
            Misconfigured: nobody set it, or its file cannot be read.
        """
        checked(name)
        if value := os.environ.get(variable(name), ""):
            return value
        setting = SETTINGS["secrets_dir"].variable
        if self._folder is None:
            raise Misconfigured(f"the secret {name!r} is not set: set {variable(name)}, or a folder in {setting}")
        try:
            # A link could lead to any file of the server.
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
            found = content.decode().strip("\r\n")
        except FileNotFoundError as error:
            raise Misconfigured(
                f"the secret {name!r} is not set: set {variable(name)}, or put it into the folder of {setting}"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Misconfigured(f"the file of the secret {name!r} cannot be read: {said}") from error
        if not found or "\0" in found or len(content) > MAX_FILE_BYTES:
            raise Misconfigured(f"the secret {name!r} is empty, larger than {MAX_FILE_BYTES} bytes or no text")
        return found
