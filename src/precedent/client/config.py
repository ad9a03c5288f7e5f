"""Where to push to: `~/.precedent/config.toml`, written by `precedent connect`."""

import json
import os
import secrets
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from precedent.errors import BadInput, Misconfigured

FILE = ".precedent/config.toml"
MIN_TOKEN = 8


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a laptop reaches its server.

    Attributes:
        server: URL without a path's end.
        token: of the person, with the scope `upload`.
        device: tells this laptop from the person's others; made once.
    """

    server: str
    token: str
    device: str


def load(home: Path) -> Connection:
    """Return the connection.

    Raises:
        Misconfigured: there is none, or it is broken.
    """
    path = home / FILE
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        return msgspec.convert(found, Connection)
    except FileNotFoundError:
        raise Misconfigured("not connected to a server; `precedent connect --server URL --token -` does it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, OSError) as error:
        raise Misconfigured(f"{path} cannot be used: {error}; `precedent connect --server … --token -` anew") from error


def checked(server: str, token: str) -> tuple[str, str]:
    """Return a server and a token as they are stored.

    Raises:
        BadInput: the server is no URL of a web server, or the token cannot be one.
    """
    try:
        parts = urlsplit(server.strip())
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
        fine = fine and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        fine = False
    if not fine:
        raise BadInput(f"{server!r} is no server; write it as https://precedent.example.org")
    token = token.strip()
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise BadInput("this is no token; make one with `precedent token create` or ask an administrator")
    return server.strip().rstrip("/"), token


def save(home: Path, *, server: str, token: str) -> Connection:
    """Write the connection, for its owner's eyes only, and return it; a device keeps its name.

    Raises:
        BadInput: see `checked`.
    """
    server, token = checked(server, token)
    try:
        device = load(home).device
    except Misconfigured:
        device = secrets.token_hex(8)
    found = Connection(server=server, token=token, device=device)
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in msgspec.to_builtins(found).items()]
    write(home / FILE, "".join(lines).encode(), mode=0o600)
    return found


def write(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file so that at every moment either the old or the new one is there, whole."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        new.chmod(mode)  # opening took the umask off, and the program's own lets nobody else read
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
