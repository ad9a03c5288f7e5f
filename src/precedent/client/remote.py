"""Speaks to a server; knows its routes and the meaning of its answers, nothing of sources."""

import hashlib
import math
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, NoReturn, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from precedent.archive.unpacking import pack
from precedent.errors import BadInput, Conflict, Exhausted, Gone, Misconfigured, Private, Transient

from .config import Connection

API = 1
"""Version of the interface that this client speaks."""
MAX_ID = 512
TIMEOUT_S = 30.0
ANSWER_S = 120.0
"""A large part is scrubbed and flushed to disk before it is answered."""
MIN_PACKED_BYTES = 512
DOWNLOAD_BYTES = 1 << 20
_T = TypeVar("_T", bound=msgspec.Struct)
MAX_RATIO = 50
"""What packs better is sent plain: servers take it for a bomb."""


class Remote(NamedTuple):
    """Which transcript is meant, as the server addresses it."""

    agent: str
    native_id: str
    agent_id: str = ""
    parent_id: str = ""
    agent_type: str = ""


def addressable(text: str) -> str:
    """Return an id as it can stand in a path: what holds a slash, or is only dots, is told by its digest as well."""
    if text and "/" not in text and text.strip(".") and len(text) <= MAX_ID:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{text[:100].replace('/', '_').replace('.', '_')}~{digest}"


class Stands(msgspec.Struct, frozen=True):
    """How much of a source the server has; see docs/reference/uploads.md."""

    offset: int = 0
    digest: str = ""
    state: str = ""
    at_digest: str = ""
    taken: int = 0
    redactions: int = 0


class _Versions(msgspec.Struct):
    min: int
    current: int


class _Version(msgspec.Struct):
    version: str
    api: _Versions


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""
    details: dict[str, int | str | None] = {}


class _ErrorAnswer(msgspec.Struct):
    error: _Error


class Server:
    """A server, as one of its persons reaches it; a context that closes its connections.

    Proxies are those of the environment. Every method raises Transient when the server cannot be reached or is busy,
    and Misconfigured when it does not know the token or is of another time.
    """

    def __init__(self, connection: Connection) -> None:
        self._device = connection.device
        self._name = connection.server
        try:
            self._client = httpx.Client(
                base_url=connection.server,
                headers={"Authorization": f"Bearer {connection.token}", "User-Agent": "precedent-push"},
                timeout=httpx.Timeout(TIMEOUT_S, read=ANSWER_S),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise Misconfigured(f"the server or a proxy is no URL: {error}") from error
        self._checked = False

    def stands(self, transcript: Remote, *, at: int | None = None) -> Stands:
        """Ask how much of a source is there, and for the digest before a place.

        Raises:
            Gone: the session was deleted.
        """
        more = {} if at is None else {"at": str(at)}
        return self._answer(self._ask("GET", transcript, more), Stands)

    def upload(self, transcript: Remote, body: bytes, *, at: int, state: str, replace: bool) -> Stands:
        """Send a part.

        Raises:
            Conflict: the source stands elsewhere; its state tells where.
            Gone: the session was deleted.
            Private: the server keeps its folder private.
            BadInput: the server does not take such content.
        """
        headers = {"Content-Type": "application/x-ndjson"}
        if len(body) > MIN_PACKED_BYTES:
            packed = pack(body)
            if len(packed) * MAX_RATIO > len(body) > len(packed):
                body, headers["Content-Encoding"] = packed, "zstd"
        more = {"at": str(at), "state": state} | ({"replace": "1"} if replace else {})
        return self._answer(self._ask("POST", transcript, more, body=body, headers=headers), Stands)

    def bundle(self, kind: type[_T]) -> _T:
        """Return the knowledge that this person's agents are given.

        Args:
            kind: what is wanted of it.
        """
        self._check()
        return self._answer(self._send("GET", "/api/knowledge/bundle"), kind)

    def read(self, path: str, kind: type[_T], **query: str) -> _T:
        """Return what a route tells.

        Raises:
            BadInput: there is no such thing, or the server does not take the question.
        """
        self._check()
        return self._answer(self._send("GET", path, query=query), kind)

    def download(self, path: str) -> Iterator[bytes]:
        """Yield the bytes that a route answers with.

        Raises:
            BadInput: there is no such thing.
        """
        self._check()
        try:
            with self._client.stream("GET", path) as answer:
                if not answer.is_success:
                    answer.read()
                    self._refused(answer)
                yield from answer.iter_bytes(DOWNLOAD_BYTES)
        except httpx.TransportError as error:
            raise Transient(f"{self._name} broke off ({str(error) or type(error).__name__}); pull again") from error

    def send(self, path: str, kind: type[_T], given: object) -> _T:
        """Send something as JSON and return what the route tells.

        Raises:
            BadInput: the server does not take it.
        """
        self._check()
        headers = {"Content-Type": "application/json"}
        return self._answer(self._send("POST", path, body=msgspec.json.encode(given), headers=headers), kind)

    def withdraw(self, transcript: Remote) -> None:
        """Have a transcript removed that its person keeps private now."""
        try:
            self._answer(self._ask("DELETE", transcript, {}), _Nothing)
        except Gone:
            return

    def _ask(
        self,
        method: str,
        transcript: Remote,
        more: dict[str, str],
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        self._check()
        path = f"/api/sessions/{quote(transcript.agent, safe='')}/{quote(addressable(transcript.native_id), safe='')}"
        asked = {"agent_id": transcript.agent_id, "parent_id": transcript.parent_id, "device": self._device}
        asked["agent_type"] = transcript.agent_type
        query = {name: value for name, value in asked.items() if value} | more
        return self._send(method, path, query=query, body=body, headers=headers)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        try:
            return self._client.request(method, path, params=query, content=body, headers=headers)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Transient(f"{self._name} cannot be reached ({reason}); what is new is sent later") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BadInput(f"{self._name} cannot be asked for {path}: {error}") from error

    def _check(self) -> None:
        """See once that both are of one time."""
        if self._checked:
            return
        answer = self._send("GET", "/api/version")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise Misconfigured(f"{self._name} is older than uploads; upgrade Precedent there")
        try:
            api = self._answer(answer, _Version).api
        except BadInput as error:
            raise Misconfigured(f"{self._name} is no Precedent server, or something is in front of it") from error
        if api.min > API:
            raise Misconfigured(f"{self._name} is newer than this client; upgrade Precedent on this machine")
        if api.current < API:
            raise Misconfigured(f"{self._name} is older than this client; upgrade Precedent there")
        self._checked = True

    def _answer(self, answer: httpx.Response, kind: type[_T]) -> _T:
        if answer.is_success:
            try:
                return msgspec.json.decode(answer.content, type=kind)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise BadInput(f"{self._name} answered something else than was asked for: {error}") from error
        self._refused(answer)

    def _refused(self, answer: httpx.Response) -> NoReturn:
        try:
            told = msgspec.json.decode(answer.content, type=_ErrorAnswer).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            told = _Error(message=f"status {answer.status_code}")
        said = f"{self._name}: {told.message}"
        match answer.status_code:
            case 401:
                raise Misconfigured(f"{said}; connect again with a new token: precedent connect --server … --token -")
            case 403 if told.code == "private":
                raise Private(said)
            case 403:
                raise Misconfigured(f"{said}; the token needs the scopes `upload`, to pull `read`, to propose `write`")
            case 409:
                raise Conflict(said, state=told.details)
            case 410:
                raise Gone(said)
            case 429:
                raise Exhausted(said, retry_after_s=_seconds(answer))
            case status if status >= 500 or status == 408:
                raise Exhausted(said, retry_after_s=_seconds(answer))
        raise BadInput(said)

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()


class _Nothing(msgspec.Struct):
    """An answer of which nothing is needed."""


def _seconds(answer: httpx.Response) -> float:
    try:
        found = float(answer.headers.get("retry-after", "5"))
    except ValueError:
        return 5.0
    return found if math.isfinite(found) and found >= 0 else 5.0
