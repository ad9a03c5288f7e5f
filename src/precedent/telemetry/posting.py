"""Posts a message to a URL that the operator set, within bounds."""

from collections.abc import Mapping

import httpx

TIMEOUT_S = 5.0


def post(url: str, message: Mapping[str, object]) -> str:
    """Post JSON; return why it was not taken, without the URL, which may be secret; empty when it was."""
    try:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client:
            with client.stream("POST", url, json=message) as answer:  # the body is not read, however long it is
                return "" if answer.is_success else f"status {answer.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return type(error).__name__
