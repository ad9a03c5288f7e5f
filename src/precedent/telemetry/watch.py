"""The watch of a worker: a thread that does each minute what must not wait for, nor hold up, requests and runs."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa

from precedent.errors import PrecedentError

PERIOD_S = 60.0
FIRST_S = 2.0

log = logging.getLogger(__name__)


@contextmanager
def watching(duties: Mapping[str, Callable[[], object]], *, period_s: float = PERIOD_S) -> Iterator[None]:
    """Do some duties at once and each minute while the block runs; one that fails is told and done again."""
    ended = threading.Event()

    def body() -> None:
        wait = min(FIRST_S, period_s)
        while not ended.wait(wait):
            wait = period_s
            for name, duty in duties.items():
                try:
                    duty()
                except (sa.exc.SQLAlchemyError, PrecedentError, OSError) as error:
                    log.warning("%s failed: %s", name, error)

    thread = threading.Thread(target=body, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(0.5)  # whoever waits for a hanging webhook is left behind
