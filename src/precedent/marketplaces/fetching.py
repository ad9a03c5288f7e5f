"""The client of git that reads from servers nobody knows: what it takes of an answer is bounded. Loads dulwich."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import SplitResult

from dulwich.client import Urllib3HttpGitClient

from precedent.errors import Terminal, TooLarge

from .model import MAX_REPOSITORY_BYTES

MAX_REFS_BYTES = 32 << 20
"""Of the list of branches and tags, which is held in memory."""

READ_S = 30.0


class NoGit(Terminal):
    """What answers is no server that speaks git."""


class BoundedClient(Urllib3HttpGitClient):
    """Reads from one server over HTTP.

    Args:
        parts: of the URL.
        login: user name that goes with the secret.
        secret: its value; empty for none.
    """

    def __init__(self, parts: SplitResult, *, login: str, secret: str) -> None:
        super().__init__(
            f"{parts.scheme}://{parts.netloc}/",
            username=login if secret else None,
            password=secret or None,
            timeout=READ_S,
            quiet=True,
        )
        self._most, self._what = MAX_REPOSITORY_BYTES, "the repository"

    def _discover_references(self, *args: Any, **more: Any) -> Any:
        self._most, self._what = MAX_REFS_BYTES, "the list of branches and tags"
        try:
            return super()._discover_references(*args, **more)
        finally:
            self._most, self._what = MAX_REPOSITORY_BYTES, "the repository"

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> Any:
        response, read = super()._http_request(url, headers, data, raise_for_status)
        kind = response.headers.get("Content-Type") or "nothing"
        if data is None and not kind.startswith("application/x-git-"):
            # Otherwise dulwich would read files one by one into a folder that is not ours to bound or to remove.
            raise NoGit(f"the server does not speak git over HTTP, it answers with {kind[:100]}")
        return response, bounded(read, most=self._most, what=self._what)


def bounded(read: Callable[..., bytes], *, most: int, what: str) -> Callable[..., bytes]:
    """Return a function that reads as long as there is not too much.

    Args:
        read: what is read with.
        most: bytes.
        what: is read, for the message.
    """
    total = 0

    def taken(*args: Any, **more: Any) -> bytes:
        nonlocal total
        data = read(*args, **more)
        total += len(data)
        if total > most:
            raise TooLarge(f"{what} is larger than {most >> 20} MiB")
        return data

    return taken
