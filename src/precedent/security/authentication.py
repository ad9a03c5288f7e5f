"""Tells who calls, by the proof they bring."""

import hmac

from precedent.clock import SECOND, Clock
from precedent.errors import Forbidden, Misconfigured, Unauthenticated
from precedent.settings import Settings
from precedent.store import Store

from . import tokens, web_sessions
from .last_use import LastUse
from .principals import LOCAL, METRICS, SCHEDULER, Principal
from .site import SAFE_METHODS, Presented, Site

MIN_SECRET = 32
"""Characters of the scheduler's secret; a shorter one lets nobody in."""

MAX_PROOF = 512


class Authenticator:
    """Knows every kind of proof: the scheduler's secrets, tokens, sessions, and local development mode.

    Nothing is remembered between two requests, so that what is revoked is dead at once.

    Args:
        settings: the scheduler's secrets, and how long sessions live.
        site: where the server stands.
        store: where tokens and sessions are.
        last_use: remembers when they were used.
        clock: time.
    """

    def __init__(self, settings: Settings, *, site: Site, store: Store, last_use: LastUse, clock: Clock) -> None:
        self._secrets = [
            each.encode()
            for each in (settings.scheduler_token, settings.scheduler_token_previous)
            if len(each) >= MIN_SECRET
        ]
        if 0 < len(settings.metrics_token) < MIN_SECRET:
            raise Misconfigured(f"PRECEDENT_METRICS_TOKEN is too short; it takes {MIN_SECRET} characters")
        self._metrics = settings.metrics_token.encode()
        self._idle = settings.session_idle_s * SECOND
        self._site, self._store, self._last_use, self._clock = site, store, last_use, clock

    def authenticate(self, presented: Presented) -> Principal | None:
        """Return who calls; None without any proof.

        Raises:
            Unauthenticated: there is a proof and it is wrong.
            Forbidden: another site's page makes a browser send its session.
        """
        if presented.authorization:
            return self._bearer(presented.authorization)
        cookie = presented.cookies.get(self._site.cookie(presented))
        if cookie:
            return self._session(cookie, presented)
        if not self._site.is_local(presented):
            return None
        if presented.method not in SAFE_METHODS and self._site.is_from_other_pages(presented):
            raise Forbidden("this request comes from a page of another site")
        return LOCAL

    def _bearer(self, header: str) -> Principal:
        scheme, _, given = header.partition(" ")
        if scheme.lower() != "bearer" or not given.isascii() or not given or len(given) > MAX_PROOF:
            raise Unauthenticated("the authorization header is no bearer token")
        if self._is_scheduler(given):
            return SCHEDULER
        if self._metrics and hmac.compare_digest(given.encode(), self._metrics):
            return METRICS
        now = self._clock.now()
        with self._store.read() as tx:
            found = tokens.known(tx, given, now=now)
        if found is None:
            raise Unauthenticated("this bearer token is not known, has expired or was revoked")
        self._last_use.note(found.id, before=found.last_used_at, now=now)
        return found.principal

    def _session(self, cookie: str, presented: Presented) -> Principal:
        now = self._clock.now()
        found = None
        if len(cookie) <= MAX_PROOF:
            with self._store.read() as tx:
                found = web_sessions.known(tx, cookie, now=now, idle=self._idle)
        if found is None:
            raise Unauthenticated("the session has ended; log in again")
        if presented.method not in SAFE_METHODS and not self._site.is_from_our_pages(presented):
            raise Forbidden("this request does not come from a page of this server")
        self._last_use.note(found.digest, before=found.last_seen_at, now=now)
        return found.principal

    def _is_scheduler(self, given: str) -> bool:
        found = False
        for secret in self._secrets:  # all of them, so that the time does not tell which fitted
            found |= hmac.compare_digest(given.encode(), secret)
        return found
