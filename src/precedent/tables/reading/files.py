"""Reads files: of the machine below one folder, of buckets, and by HTTP; Parquet, CSV and JSON.

What is listed for the fingerprint is what is read then, so it is kept: a process reads one place.
"""

import functools
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

import httpx

from precedent.security.egress import WEB_SCHEMES
from precedent.tables import sql

from .contract import Place, SourceAway, SourceFault
from .local import inside, root

if TYPE_CHECKING:
    from obstore.store import ObjectStore

READERS = {
    "parquet": "read_parquet({files}, union_by_name = true)",
    "csv": "read_csv({files}, union_by_name = true, sample_size = -1)",
    "ndjson": "read_json({files}, format = 'newline_delimited', union_by_name = true, sample_size = -1)",
    "json": "read_json({files}, format = 'array', union_by_name = true, sample_size = -1)",
}
ENDINGS = {".parquet": "parquet", ".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "json"}


class _Keys(NamedTuple):
    """What a cloud's buckets are opened with: the option that is secret, and those that may be set."""

    secret: str
    options: tuple[str, ...]


KEYS = {
    "s3": _Keys(
        "secret_access_key", ("access_key_id", "endpoint", "region", "session_token", "virtual_hosted_style_request")
    ),
    "gs": _Keys("service_account_key", ()),
    "az": _Keys("account_key", ("account_name", "endpoint")),
}
MAX_FILES = 10_000
TIMEOUT_S = 60.0
CHUNK_BYTES = 4 << 20
PASSING_STATUS = frozenset({408, 425, 429})


class Files:
    """See `contract.SourceReader`."""

    def fingerprint(self, place: Place) -> str:
        """Return names, sizes and times or tags of all files."""
        match _scheme(place):
            case "":
                found = [f"{path.name}/{(seen := path.stat()).st_size}/{seen.st_mtime_ns}" for path in _local(place)]
            case "http" | "https":
                found = [tag] if (tag := _tag(place)) else []
            case _:
                found = [f"{each['path']}/{each['e_tag'] or each['last_modified']}" for each in _objects(place)]
        return " ".join(found)

    def select(self, place: Place) -> str:
        """See `contract.SourceReader`."""
        match _scheme(place):
            case "":
                paths = _local(place)
            case "http" | "https":
                paths = [_download(place)]
            case _:
                paths = list(_copied(place))
        form = str(place.order.selection.get("format", "")) or _form(paths)
        if form not in READERS:
            raise SourceFault(f"{form!r} is no format; there are: {', '.join(READERS)}")
        listed = "[" + ", ".join(sql.text(str(path)) for path in paths) + "]"
        asked = "SELECT * FROM " + READERS[form].format(files=listed)
        if place.since:
            asked += f" WHERE {sql.name(place.order.cursor_column)} >= {sql.text(place.since)}"
        return asked


def _scheme(place: Place) -> str:
    scheme = urlsplit(place.order.place).scheme if "://" in place.order.place else ""
    if scheme not in ("", *WEB_SCHEMES, *KEYS):
        raise SourceFault(f"files are read from a folder, https://, s3://, gs:// or az://, not {scheme}://")
    return scheme


def _form(paths: list[Path]) -> str:
    endings = {path.suffix.lower() for path in paths}
    if len(endings) != 1 or (ending := endings.pop()) not in ENDINGS:
        raise SourceFault(f"name the format in the selection; there are: {', '.join(READERS)}")
    return ENDINGS[ending]


@functools.cache
def _local(place: Place) -> list[Path]:
    """Return the files that a path or pattern means, in order."""
    folder, pattern = root(place), str(PurePosixPath(place.order.place, str(place.order.selection.get("path", ""))))
    pattern = pattern.lstrip("/")
    try:
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError) as error:
        raise SourceFault(f"{pattern} is no path or pattern: {error}") from error
    if not found:
        raise SourceFault(f"no file is at {pattern}")
    if len(found) > MAX_FILES:
        raise SourceFault(f"{pattern} means more than {MAX_FILES} files")
    return [inside(place, str(path.relative_to(folder))) for path in found]


def _url(place: Place) -> str:
    path = str(place.order.selection.get("path", "")).lstrip("/")
    url = f"{place.order.place.rstrip('/')}/{path}" if path else place.order.place
    place.egress.check(url)
    return url


def _client(place: Place) -> httpx.Client:
    header = str(place.order.options.get("header", "Authorization"))
    value = place.order.secret if header != "Authorization" else f"Bearer {place.order.secret}"
    headers = {header: value} if place.order.secret else {}
    # A redirect to another host would carry the secret there; the library drops only one that it knows.
    return httpx.Client(headers=headers, timeout=TIMEOUT_S, follow_redirects=not headers, trust_env=False)


def _tag(place: Place) -> str:
    try:
        with _client(place) as client:
            answer = client.head(_url(place))
    except httpx.HTTPError as error:
        raise SourceAway(f"the server cannot be asked: {error}") from error
    headers = answer.headers
    if not answer.is_success or not (tag := headers.get("etag") or headers.get("last-modified")):
        return ""
    return f"{tag} {headers.get('content-length', '')}"


def _download(place: Place) -> Path:
    url = _url(place)
    path = place.folder / f"download{PurePosixPath(urlsplit(url).path).suffix}"
    try:
        with _client(place) as client, client.stream("GET", url) as answer, path.open("wb") as file:
            status = answer.status_code
            if status in PASSING_STATUS or status >= 500:
                raise SourceAway(f"the server answers {status}")
            if not answer.is_success:
                raise SourceFault(f"the server answers {status} for {url}")
            for piece in answer.iter_bytes(CHUNK_BYTES):
                file.write(piece)
    except httpx.HTTPError as error:
        raise SourceAway(f"the download broke: {error}") from error
    return path


@functools.cache
def _store(place: Place) -> "ObjectStore":
    """Open the bucket; the secret is the one part of its key that is secret."""
    try:
        from obstore.store import from_url  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise SourceFault("buckets need the extra `data`: pip install 'precedent[data]'") from error
    parts, options = urlsplit(place.order.place), place.order.options
    keys = KEYS[parts.scheme]
    # Any other option could send the library elsewhere; without a key it would ask the machine's metadata service.
    given: dict[str, Any] = {name: str(options[name]) for name in keys.options if name in options}
    given |= {keys.secret: place.order.secret} if place.order.secret else {"skip_signature": "true"}
    endpoint = given.get("endpoint", "")
    if endpoint:
        place.egress.check(endpoint)
    client: Any = {"allow_http": endpoint.startswith("http://"), "timeout": f"{TIMEOUT_S:.0f}s"}
    opened: Any = from_url  # its types list the options of all clouds at once
    try:
        return cast("ObjectStore", opened(f"{parts.scheme}://{parts.netloc}", config=given, client_options=client))
    except Exception as error:
        raise SourceFault(f"the bucket cannot be opened with these options: {error}") from error


@functools.cache
def _objects(place: Place) -> list[Any]:
    """Return the objects that a prefix or pattern means, in order."""
    prefix = urlsplit(place.order.place).path.strip("/")
    pattern = str(PurePosixPath(prefix, str(place.order.selection.get("path", "")) or "*"))
    fixed = pattern.split("*", 1)[0].rpartition("/")[0]
    try:
        found = [each for page in _store(place).list(fixed or None) for each in page]
    except OSError as error:
        raise SourceAway(f"the bucket cannot be listed: {error}") from error
    matching = [each for each in found if PurePosixPath(each["path"]).match(pattern)]
    wanted = sorted(matching, key=lambda each: str(each["path"]))
    if not wanted:
        raise SourceFault(f"no object of the bucket is at {pattern}")
    if len(wanted) > MAX_FILES:
        raise SourceFault(f"{pattern} means more than {MAX_FILES} objects")
    return wanted


def _copied(place: Place) -> Iterator[Path]:
    store = _store(place)
    for number, each in enumerate(_objects(place)):
        path = place.folder / f"object-{number}{PurePosixPath(each['path']).suffix}"
        try:
            with path.open("wb") as file:
                for piece in store.get(each["path"]).stream(min_chunk_size=CHUNK_BYTES):
                    file.write(piece)
        except OSError as error:
            raise SourceAway(f"{each['path']} cannot be read: {error}") from error
        yield path
