"""`/livez`, `/readyz`, `/api/health` and `/api/health/detailed`."""

from typing import Literal

import pydantic

from precedent.http.access import PUBLIC, Program, Routes, allow
from precedent.security.principals import Role
from precedent.telemetry.health import worst

routes = Routes(tags=["health"])


class Alive(pydantic.BaseModel):
    """The answer of a process that lives."""

    status: Literal["ok"] = "ok"


class Condition(pydantic.BaseModel):
    """How the server is.

    `degraded`: it works, and something needs a look.
    """

    status: Literal["ok", "degraded"]


class CheckShown(pydantic.BaseModel):
    """One check."""

    name: str
    result: Literal["ok", "warning", "fault"]
    detail: str


class Details(Condition):
    """How the server is, check by check; `at` is when it was looked at, UTC microseconds."""

    checks: list[CheckShown]
    at: int


@routes.add("GET", "/livez", PUBLIC)
async def livez() -> Alive:
    """Tell that the process lives."""
    return Alive()


@routes.add("GET", "/readyz", PUBLIC)
def readyz(program: Program) -> Alive:
    """Tell that the database answers."""
    program.store.revision()
    return Alive()


@routes.add("GET", "/api/health", PUBLIC)
def health(program: Program) -> Condition:
    """Tell whether the server is well, without details."""
    return Condition(status="ok" if worst(program.health.checks()) == "ok" else "degraded")


@routes.add("GET", "/api/health/detailed", allow(Role.MEMBER))
def detailed(program: Program) -> Details:
    """Tell how the server is, check by check."""
    found = program.health.checks()
    shown = [CheckShown.model_validate(each, from_attributes=True) for each in found]
    return Details(status="ok" if worst(found) == "ok" else "degraded", checks=shown, at=program.health.figures().at)
