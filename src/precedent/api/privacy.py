"""Consent, erasing, receipts: `/api/me/consent`, `/api/people/…`, `/api/sessions/…`, `/api/receipts`."""

from typing import Annotated

import msgspec
import pydantic
import sqlalchemy as sa
from fastapi import Path, Query, Request

from precedent.app import App
from precedent.archive import erasing
from precedent.errors import BadInput, NotFound
from precedent.http.access import Caller, Program, Routes, allow
from precedent.model import Purpose
from precedent.security.principals import Principal, Role, Scope
from precedent.security.visibility import visible_users
from precedent.store.schema import user
from precedent.usage import sessions as service

from .sessions import Name, OneQuery

routes = Routes(tags=["privacy"])
ANYBODY = allow(Role.VIEWER)
OWN = allow(Role.VIEWER, scope=Scope.WRITE)
ADMIN = allow(Role.ADMIN)
ERASE = allow(Role.ADMIN, scope=Scope.LOGIN)

_Key = Annotated[str, Path(max_length=300, description="Key of a person.")]


class WishShown(pydantic.BaseModel):
    """One rule: what is allowed for a purpose, for a project or (empty) for everything."""

    purpose: Purpose
    project: str
    allowed: bool
    changed_at: int | None
    changed_by: str


class ConsentShown(pydantic.BaseModel):
    """A person's rules."""

    person: str
    rules: list[WishShown]


class WishGiven(pydantic.BaseModel):
    """A rule to set; `allowed` null takes it away."""

    purpose: Purpose
    project: Annotated[str, pydantic.Field(max_length=1000)] = ""
    allowed: bool | None


class ConsentChanged(ConsentShown):
    """A person's rules after a change, and what followed from it."""

    withheld: int
    pending: int


class Confirmed(pydantic.BaseModel):
    """Says again who is to be erased: nothing brings them back."""

    key: Annotated[str, pydantic.Field(max_length=300)]


class ReceiptShown(pydantic.BaseModel):
    """Proof that something was erased; `at` is UTC microseconds."""

    id: int
    at: int
    kind: str
    subject: str
    erased_by: str
    counts: dict[str, int]


class ReceiptList(pydantic.BaseModel):
    """Receipts, newest first; `next` is the `before` of the next page."""

    receipts: list[ReceiptShown]
    next: int | None


@routes.add("GET", "/api/me/consent", ANYBODY)
def my_consent(program: Program, caller: Caller) -> ConsentShown:
    """Show what the caller allows."""
    return _consent(program, _key_of(program, caller))


@routes.add("PUT", "/api/me/consent", OWN)
def set_my_consent(request: Request, program: Program, caller: Caller, wish: WishGiven) -> ConsentChanged:
    """Change what the caller allows; what was derived for a denied purpose is removed at once."""
    key = _key_of(program, caller)
    changed = program.wishes.set(
        key, wish.purpose, project=wish.project, allowed=wish.allowed, by=caller.name,
        request_id=request.state.request_id,
    )  # fmt: skip
    return ConsentChanged(**_consent(program, key).model_dump(), withheld=changed.withheld, pending=changed.pending)


@routes.add("GET", "/api/people/{key}/consent", ADMIN)
def consent_of(program: Program, key: _Key) -> ConsentShown:
    """Show what a person allows."""
    return _consent(program, key)


@routes.add("POST", "/api/people/{key}/erase", ERASE)
def erase_person(request: Request, program: Program, caller: Caller, key: _Key, confirmed: Confirmed) -> ReceiptShown:
    """Erase a person with everything of them; the body repeats whom."""
    if confirmed.key != key:
        raise BadInput("the body names somebody else than the address; nobody was erased")
    return _proof(program.erase_person(key, by=caller.name, request_id=request.state.request_id))


@routes.add("DELETE", "/api/sessions/{session}", allow(Role.MEMBER, scope=Scope.WRITE))
def erase_session(
    request: Request, program: Program, caller: Caller, session: Name, question: Annotated[OneQuery, Query()]
) -> ReceiptShown:
    """Erase a session of the caller's, of anybody's for admins, with everything derived from it."""
    with program.store.read() as tx:
        found = service.of_one(tx, session, person=question.person, visible=visible_users(caller))[0]
    number = request.state.request_id
    return _proof(program.erase_session(found.session_file, by=caller.name, owner=found.user_id, request_id=number))


@routes.add("GET", "/api/receipts", ADMIN)
def list_receipts(
    program: Program,
    before: Annotated[int | None, Query(ge=1, le=(1 << 63) - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ReceiptList:
    """List proofs of what was erased, newest first."""
    with program.store.read() as tx:
        found = erasing.receipts(tx, limit=limit, before=before)
    return ReceiptList(receipts=[_proof(each) for each in found], next=found[-1].id if len(found) == limit else None)


def _key_of(program: App, caller: Principal) -> str:
    with program.store.read() as tx:
        key = tx.scalar(sa.select(user.c.key).where(user.c.id == caller.user_id)) if caller.user_id else None
    if key is None:
        raise NotFound(f"{caller.name} is no person; whoever logs in with an account is")
    return str(key)


def _consent(program: App, key: str) -> ConsentShown:
    rules = [WishShown(**msgspec.to_builtins(each)) for each in program.wishes.of(key)]
    return ConsentShown(person=key, rules=rules)


def _proof(receipt: erasing.Receipt) -> ReceiptShown:
    return ReceiptShown(**msgspec.to_builtins(receipt))
