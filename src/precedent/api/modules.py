"""Puts every route of the interface into an application."""

from fastapi import FastAPI

from precedent import plugins

from . import (
    admin,
    audit,
    auth,
    data,
    export,
    findings,
    health,
    jobs,
    knowledge,
    knowledge_pairs,
    marketplaces,
    mcp,
    metrics,
    notes,
    people,
    privacy,
    runs,
    scripts,
    sessions,
    status,
    uploads,
    usage,
)

MODULES = (
    health,
    status,
    usage,
    sessions,
    findings,
    knowledge,
    knowledge_pairs,
    mcp,
    notes,
    data,
    marketplaces,
    scripts,
    export,
    uploads,
    jobs,
    runs,
    admin,
    audit,
    auth,
    people,
    privacy,
    metrics,
)


def add(server: FastAPI) -> None:
    """Add the routes, and what they keep between two requests."""
    server.state.agents = frozenset(each.name for each in plugins.installed(plugins.READERS))
    server.state.uploads = uploads.Places()
    server.state.exports = export.turns()
    # First those with a word where others have a name: the first path that fits says which methods there are.
    for each in (data, marketplaces, scripts):
        server.include_router(each.plain_routes)
    for module in MODULES:
        server.include_router(module.routes)
