"""Reads REST servers by dlt, in the terms of its declarative configuration: paging, authentication, retries.

Of dlt only the reading is used; what it yields goes the way of all rows. It comes with the extra `data`.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from precedent.tables import sql
from precedent.tables.rows import RowFile

from .contract import Place, SourceAway, SourceFault

if TYPE_CHECKING:
    from dlt.sources.rest_api.typing import RESTAPIConfig

SECRET, CURSOR = "{secret}", "{cursor}"
"""Stand in options and selection for the secret's value, and for the largest value of the cursor column."""

PASSING_STATUS = frozenset({408, 425, 429})
TIMEOUT_S, ATTEMPTS, LONGEST_REST_S = 30, 3, 10


class Rest:
    """See `contract.SourceReader`."""

    def fingerprint(self, place: Place) -> str:
        """Nothing is known of a REST server before it is read."""
        return ""

    def select(self, place: Place) -> str:
        """See `contract.SourceReader`."""
        endpoint = place.order.selection.get("endpoint")
        if not isinstance(endpoint, dict):
            raise SourceFault('a table of a REST server needs {"endpoint": {"path": …}} as its selection')
        place.egress.check(place.order.place)
        client = _filled(place.order.options.get("client", {}), SECRET, place.order.secret)
        wanted = {
            "client": client | {"base_url": place.order.place},
            "resources": [{"name": "rows", "endpoint": _filled(endpoint, CURSOR, place.since)}],
        }
        found = RowFile(place.folder / "rows.ndjson")
        found.write(_limited(_rows(wanted), place.order.max_rows + 1))
        if place.since:
            column = sql.name(place.order.cursor_column)
            return f"SELECT * FROM ({found.select()}) WHERE {column} >= {sql.text(place.since)}"
        return found.select()


def _filled(given: Any, mark: str, value: str) -> Any:
    """Return a configuration in which a value stands for each mark."""
    if isinstance(given, dict):
        return {name: _filled(each, mark, value) for name, each in given.items()}
    if isinstance(given, list):
        return [_filled(each, mark, value) for each in given]
    return given.replace(mark, value) if isinstance(given, str) else given


def _limited(rows: Iterator[dict[str, Any]], most: int) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows):
        if number == most:
            return
        yield row


def _rows(wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    # What dlt does besides reading is turned off before it is loaded.
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "RUNTIME__REQUEST_TIMEOUT": str(TIMEOUT_S),
        "RUNTIME__REQUEST_MAX_ATTEMPTS": str(ATTEMPTS),
        "RUNTIME__REQUEST_MAX_RETRY_DELAY": str(LONGEST_REST_S),
    }
    try:
        from dlt.sources.rest_api import rest_api_resources  # noqa: PLC0415  # an extra, and heavy
    except ImportError as error:
        raise SourceFault("REST servers need the extra `data`: pip install 'precedent[data]'") from error
    try:
        for row in rest_api_resources(cast("RESTAPIConfig", wanted))[0]:
            yield row if isinstance(row, dict) else {"value": row}
    except (SourceFault, SourceAway):
        raise
    except Exception as error:
        raise _told(error) from error


def _told(error: BaseException) -> SourceAway | SourceFault | BaseException:
    """Return an error of dlt as ours: does it pass?"""
    import requests  # noqa: PLC0415  # comes with dlt

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, requests.HTTPError) and cause.response is not None:
            status = cause.response.status_code
            said = f"the server answers {status} for {cause.response.url.partition('?')[0]}"
            return (SourceAway if status in PASSING_STATUS or status >= 500 else SourceFault)(said)
        if isinstance(cause, requests.ConnectionError | requests.Timeout):
            return SourceAway(f"the server cannot be reached: {type(cause).__name__}")
        if isinstance(cause, SourceFault | SourceAway) or type(cause).__module__ == "precedent.errors":
            return cause
        innermost, cause = cause, cause.__cause__ or cause.__context__
    return SourceFault(f"the endpoint cannot be read as it is configured: {innermost}")
