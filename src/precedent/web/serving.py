"""Puts the pages and the files that they load into an application."""

from typing import Annotated

from fastapi import FastAPI, Path, Request, Response

from precedent.http.access import PUBLIC, PageRoutes

from .assets import PREFIX, Assets
from .faults import error_page
from .registry import REGISTRY
from .rendering import Renderer

FOR_EVER = "public, max-age=31536000, immutable"
files = PageRoutes()


@files.add("GET", PREFIX + "/{digest}/{name:path}", PUBLIC)
def asset(
    request: Request, digest: Annotated[str, Path(max_length=64)], name: Annotated[str, Path(max_length=200)]
) -> Response:
    """Give a file that pages load; one that is asked for under an old address is given and not kept."""
    assets: Assets = request.app.state.assets
    found = assets.get(name)
    headers = {
        "cache-control": FOR_EVER if digest == assets.digest else "no-cache",
        "vary": "accept-encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, media_type=found.kind, headers=headers | {"content-encoding": "gzip"})
    return Response(found.plain, media_type=found.kind, headers=headers)


def add(server: FastAPI) -> None:
    """Add the pages."""
    assets = Assets()
    entries = [entry for pages in REGISTRY for entry in pages.entries]
    server.state.assets = assets
    server.state.renderer = Renderer(assets, entries)
    server.state.error_page = error_page
    server.include_router(files)
    for pages in REGISTRY:
        server.include_router(pages.routes)
