"""Plugin marketplaces: keeping them, trusting plugins, and git for agents; `/api/marketplaces`, `/git`."""

from typing import Annotated, Any

import msgspec
import pydantic
from fastapi import Depends, Path, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from precedent.app import App
from precedent.errors import BadInput, NotFound
from precedent.http.access import Acting, Caller, Program, Routes, allow
from precedent.http.bodies import read_body
from precedent.http.questions import Question, Text
from precedent.jobs.marketplaces import NAMES
from precedent.jobs.records import MARKETPLACES
from precedent.marketplaces import catalogue, contents
from precedent.marketplaces.catalogue import MarketplaceShown, PluginShown
from precedent.marketplaces.model import Marketplace, PluginState
from precedent.marketplaces.registry import one
from precedent.marketplaces.serving import MAX_BODY_BYTES, unpacked
from precedent.security.principals import Principal, Role, Scope

from .runs import ANSWERS, JOBS, AskedTerms, ask
from .structs import Removed, StructRoutes

routes = StructRoutes(prefix="/api/marketplaces", tags=["marketplaces"])
plain_routes = Routes(tags=["marketplaces"])
READER = allow(Role.VIEWER)
ADMIN, MANAGE = allow(Role.ADMIN), allow(Role.ADMIN, scope=Scope.WRITE)
Named = Annotated[str, Path(max_length=63)]
MAX_SHOWN_BYTES = 1 << 20


class MarketplaceGiven(pydantic.BaseModel):
    """A git repository with plugins."""

    model_config = pydantic.ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=63)]
    url: Annotated[str, Field(max_length=2_000)]
    ref: Annotated[str, Field(max_length=200, description="Branch or tag; empty: the repository's head.")] = ""
    pin: Annotated[str, Field(max_length=40, description="Full id of a commit, which is kept to.")] = ""
    secret: Annotated[str, Field(max_length=63, description="Name of the secret that opens it.")] = ""
    login: Annotated[str, Field(max_length=100, description="User name that goes with it.")] = ""
    teams: Annotated[list[Text], Field(max_length=100, description="Whom it is for; empty: everybody.")] = []
    enabled: bool = True

    def marketplace(self) -> Marketplace:
        """Return it as the service takes it."""
        return Marketplace(**self.model_dump())


class Trust(pydantic.BaseModel):
    """What was seen of a plugin."""

    content_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PluginsQuery(Question):
    """Which plugins."""

    marketplace: Text = Field("", description="Only of this marketplace.")
    text: Text = Field("", description="Only with this text in name, description or components.")
    state: PluginState | None = Field(None, description="Only in this state.")


class MarketplaceList(msgspec.Struct, kw_only=True):
    """Marketplaces, by name."""

    rows: list[MarketplaceShown]


class PluginList(msgspec.Struct, kw_only=True):
    """Plugins, by marketplace and name."""

    rows: list[PluginShown]


class FileShown(msgspec.Struct, kw_only=True):
    """A file of a plugin as text; `text` is null of one that is none, or too large to be shown."""

    path: str
    executable: bool
    size_bytes: int
    text: str | None


class FileList(msgspec.Struct, kw_only=True):
    """The files of a plugin, by path."""

    content_hash: str
    rows: list[FileShown]


@plain_routes.add("POST", "/api/marketplaces/sync-all", JOBS, responses=ANSWERS)
async def sync_all(request: Request, program: Program, caller: Caller, asked: AskedTerms) -> Response:
    """Sync every marketplace that is enabled."""
    return await ask(request, program, caller.name, MARKETPLACES, asked)


@plain_routes.add("POST", "/api/marketplaces/{name}/sync", MANAGE, responses=ANSWERS)
async def sync_one(request: Request, program: Program, caller: Caller, name: Named, asked: AskedTerms) -> Response:
    """Sync one marketplace."""

    def known() -> None:
        with program.store.read() as tx:
            one(tx, name)

    await run_in_threadpool(known)
    return await ask(request, program, caller.name, MARKETPLACES, asked, told={NAMES: [name]})


@routes.add("GET", "", ADMIN)
def list_marketplaces(program: Program) -> MarketplaceList:
    """List marketplaces with what became of them."""
    with program.store.read() as tx:
        return MarketplaceList(rows=catalogue.marketplaces(tx))


@routes.add("POST", "", MANAGE)
def add_marketplace(program: Program, by: Acting, given: MarketplaceGiven) -> MarketplaceShown:
    """Make a marketplace; the next sync reads it."""
    program.marketplaces.add(given.marketplace(), by=by)
    return _marketplace(program, given.name)


@routes.add("GET", "/plugins", READER)
def list_plugins(program: Program, caller: Caller, question: Annotated[PluginsQuery, Query()]) -> PluginList:
    """List plugins: for admins all, for others those that they are served."""
    with program.store.read() as tx:
        found = catalogue.plugins(tx, caller, of=question.marketplace, text=question.text, state=question.state)
    return PluginList(rows=found)


@routes.add("GET", "/{name}", ADMIN)
def show_marketplace(program: Program, name: Named) -> MarketplaceShown:
    """Show one marketplace."""
    return _marketplace(program, name)


@routes.add("PUT", "/{name}", MANAGE)
def change_marketplace(program: Program, by: Acting, name: Named, given: MarketplaceGiven) -> MarketplaceShown:
    """Replace what is said of a marketplace. Another host loses its secret."""
    program.marketplaces.change(name, given.marketplace(), by=by)
    return _marketplace(program, name)


@routes.add("DELETE", "/{name}", MANAGE)
def remove_marketplace(program: Program, by: Acting, name: Named) -> Removed:
    """Remove a marketplace with its plugins; they are served no longer."""
    program.marketplaces.remove(name, by=by)
    return Removed(removed=name)


@routes.add("GET", "/{name}/plugins/{plugin}", READER)
def show_plugin(program: Program, caller: Caller, name: Named, plugin: Named) -> PluginShown:
    """Show one plugin: what it brings, what it would run, what is suspicious."""
    return _plugin(program, name, plugin, caller)


@routes.add("GET", "/{name}/plugins/{plugin}/files", READER)
def show_plugin_files(program: Program, caller: Caller, name: Named, plugin: Named) -> FileList:
    """Show the files of a plugin as it is to be trusted; to others than admins as it is served."""
    found = _plugin(program, name, plugin, caller)
    rows = [
        FileShown(
            path=path, executable=executable, size_bytes=len(data), text=contents.text(data, most=MAX_SHOWN_BYTES)
        )
        for path, executable, data in contents.read(program.syncing.contents, found.content_hash)
    ]
    return FileList(content_hash=found.content_hash, rows=rows)


@routes.add("POST", "/{name}/plugins/{plugin}/trust", MANAGE)
def trust_plugin(program: Program, by: Acting, caller: Caller, name: Named, plugin: Named, given: Trust) -> PluginShown:
    """Serve a plugin as it was seen; when it is another by now, nothing is trusted."""
    program.marketplaces.trust(name, plugin, content_hash=given.content_hash, by=by)
    return _plugin(program, name, plugin, caller)


@routes.add("POST", "/{name}/plugins/{plugin}/block", MANAGE)
def block_plugin(program: Program, by: Acting, caller: Caller, name: Named, plugin: Named) -> PluginShown:
    """Serve a plugin no longer."""
    program.marketplaces.block(name, plugin, by=by)
    return _plugin(program, name, plugin, caller)


def _marketplace(program: App, name: str) -> MarketplaceShown:
    with program.store.read() as tx:
        return catalogue.marketplaces(tx, name=name)[0]


def _plugin(program: App, name: str, plugin: str, who: Principal) -> PluginShown:
    with program.store.read() as tx:
        return catalogue.plugin(tx, name, plugin, who)


# For git --------------------------------------------------------------------------------------------------------------

_GIT: dict[int | str, dict[str, Any]] = {
    200: {"description": "For a git client.", "content": {"application/x-git": {"schema": {"type": "string"}}}}
}
_FRESH = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}


@plain_routes.add("GET", "/git/marketplace.git/info/refs", READER, responses=_GIT, response_class=Response)
def git_refs(program: Program, caller: Caller, service: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Tell a git client what there is: one branch with all plugins that are for the caller."""
    if service != "git-upload-pack":
        raise NotFound("this repository is read with git-upload-pack; nothing can be pushed to it")
    body = program.serve_git(caller, body=None)
    return Response(body, media_type="application/x-git-upload-pack-advertisement", headers=_FRESH)


async def _body(request: Request) -> bytes:
    given = await read_body(request, limit=MAX_BODY_BYTES, what="the request")
    return unpacked(given, request.headers.get("content-encoding", "").strip().lower())


@plain_routes.add("POST", "/git/marketplace.git/git-upload-pack", READER, responses=_GIT, response_class=Response)
def git_upload_pack(program: Program, caller: Caller, body: Annotated[bytes, Depends(_body)]) -> Response:
    """Give a git client the commits that it has not."""
    if not body:
        raise BadInput("the request is empty; it is one of git-upload-pack")
    found = program.serve_git(caller, body=body)
    return Response(found, media_type="application/x-git-upload-pack-result", headers=_FRESH)
