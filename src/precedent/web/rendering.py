"""Turns templates into answers: with the navigation of whoever asks, and the headers that keep a page to itself."""

import gzip
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from precedent.security.principals import Principal

from . import addresses, writing
from .assets import Assets
from .contract import Entry, Group

POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect", "font")),
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""A page loads what this server gives, runs no script that stands in it, and no style either."""
SMALLEST = 1_400
"""Bytes from which on compressing is worth it: less fits into one packet."""
THEME = "precedent-theme"
"""Cookie with the colours that somebody chose; without it the system's count. A script reads and writes it."""
THEMES = frozenset({"light", "dark"})


TOLD = "precedent-told"
"""Cookie with what the next page tells of what was done; that page takes it away."""
TOLD_S = 60
MOST_TOLD = 300


class Told(NamedTuple):
    """What was done, and how it went: `kind` is empty or `bad`."""

    text: str
    kind: str


class NavigationGroup(NamedTuple):
    """Lines of the navigation that stand together."""

    label: str
    entries: list[Entry]


class Renderer:
    """Renders templates.

    Args:
        assets: files that pages load.
        entries: of the navigation, in their order.
    """

    def __init__(self, assets: Assets, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._environment = Environment(
            loader=PackageLoader(__package__ or "precedent.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= writing.FILTERS
        self._environment.globals |= {
            "static": assets.url,
            "session_link": addresses.session,
        }

    def text(self, request: Request, template: str, values: Mapping[str, Any]) -> str:
        """Return a template filled in."""
        caller = getattr(request.state, "principal", None)
        me = caller if isinstance(caller, Principal) else None
        theme = request.cookies.get(THEME, "")
        shared = {
            "me": me,
            "path": request.url.path,
            "navigation": self._navigation(me),
            "current": self._current(request.url.path),
            "reach": lambda page, href="": self._reach(me, page, href),
            "theme": theme if theme in THEMES else "",
            "told": _told(request),
        }
        return self._environment.get_template(template).render(shared | dict(values))

    def _navigation(self, me: Principal | None) -> list[NavigationGroup]:
        if me is None:
            return []
        mine = [each for each in self._entries if me.may(roles=each.access.roles, scope=each.access.scope)]
        found = [NavigationGroup(group.value, [each for each in mine if each.group is group]) for group in Group]
        return [each for each in found if each.entries]

    def _reach(self, me: Principal | None, page: str, href: str) -> str:
        """Return an address on a page of the navigation or below it; empty for who may not go there."""
        there = any(each.path == page for group in self._navigation(me) for each in group.entries)
        return (href or page) if there else ""

    def _current(self, path: str) -> str:
        """Return the path of the line that is marked: the longest one that this page is or stands below."""
        above = [
            each.path for each in self._entries if path == each.path or path.startswith(each.path.rstrip("/") + "/")
        ]
        return max((each for each in above if each != "/" or path == "/"), key=len, default="")


def render(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Return a page.

    Args:
        request: what it answers.
        template: name of a file in `templates`.
        status: of the answer.
        headers: more of them.
        values: what the template names; one that it names and is not given fails the page.
    """
    renderer: Renderer = request.app.state.renderer
    body = renderer.text(request, template, values).encode("utf-8", "replace")
    given = {"content-security-policy": POLICY, "vary": "accept-encoding, cookie"} | dict(headers or {})
    if len(body) >= SMALLEST and "gzip" in request.headers.get("accept-encoding", ""):
        body, given["content-encoding"] = gzip.compress(body, 4), "gzip"
    answer = HTMLResponse(body, status_code=status, headers=given)
    if TOLD in request.cookies:
        answer.delete_cookie(TOLD, httponly=True, samesite="lax")
    return answer


def done(request: Request, to: str, text: str, *, bad: bool = False) -> RedirectResponse:
    """Return the answer to a form whose deed is done: it leads to a page of ours, which tells of it.

    Args:
        request: that sent the form.
        to: path of the page.
        text: what was done, one sentence.
        bad: it did not go well.
    """
    answer = RedirectResponse(to, 303)
    said = quote(f"{'bad' if bad else ''}:{text[:MOST_TOLD]}", safe=" ")
    secure = request.url.scheme == "https"
    answer.set_cookie(TOLD, said, max_age=TOLD_S, secure=secure, httponly=True, samesite="lax")
    return answer


def _told(request: Request) -> Told | None:
    kind, _, text = unquote(request.cookies.get(TOLD, "")).partition(":")
    return Told(text[:MOST_TOLD], "bad" if kind == "bad" else "") if text else None
