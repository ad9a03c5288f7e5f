"""What callers of the routes of knowledge may send."""

from typing import Annotated

import msgspec
from pydantic import BaseModel, Field

from precedent.http.questions import Paged, Question, Values
from precedent.knowledge.drafts import Draft
from precedent.knowledge.listing import Filter
from precedent.knowledge.model import MAX_CONTENT, MAX_QUESTION, MAX_TITLE, Status
from precedent.knowledge.review import MAX_BATCH
from precedent.knowledge.statuses import Action

from .runs import LAST_INSTANT

MAX_REASON = 1000


class Counted(BaseModel):
    """Which items."""

    status: Annotated[list[Status], Field(description="Only of this status; may be repeated.")] = []
    domain: Values = Field([], description="Only of this domain; may be repeated.")
    tag: Values = Field([], description="Only with this tag; may be repeated.")
    flag: Values = Field([], description="Only with this flag of the scan; may be repeated.")
    person: Values = Field([], description="Only what this person said; others' words are for reviewers.")
    session: Values = Field([], description="Only what was said in this session; may be repeated.")
    text: Annotated[str, Field(max_length=200, description="Only with this text in title or content.")] = ""

    @property
    def filter(self) -> Filter:
        """As the service takes it."""
        return Filter(
            statuses=tuple(self.status), domains=tuple(self.domain), tags=tuple(self.tag), flags=tuple(self.flag),
            persons=tuple(self.person), sessions=tuple(self.session), text=self.text,
        )  # fmt: skip


class ItemsQuery(Counted, Paged):
    """Which items, and which part of the list."""


class TurnsQuery(Question):
    """Words, and how many answers."""

    q: Annotated[str, Field(min_length=1, max_length=MAX_QUESTION, description="Words, in any order.")]
    limit: Annotated[int, Field(ge=1, le=100, description="Rows at most.")] = 20


class SearchQuery(Counted, TurnsQuery):
    """Words, and which items."""


class Wording(BaseModel):
    """What of an item is set; what is left out stays as it is."""

    title: Annotated[str | None, Field(max_length=MAX_TITLE, description="In short.")] = None
    content: Annotated[str | None, Field(max_length=MAX_CONTENT, description="In full.")] = None
    category: Annotated[str | None, Field(max_length=60, description="What sort of statement it is.")] = None
    domains: Annotated[list[str] | None, Field(max_length=12, description="Fields of knowledge.")] = None
    tags: Annotated[list[str] | None, Field(max_length=12, description="Free labels.")] = None
    entities: Annotated[list[str] | None, Field(max_length=12, description="Names of things in it.")] = None
    teams: Annotated[list[int] | None, Field(max_length=50, description="Teams it is for; empty for all.")] = None
    valid_from: Annotated[int | None, Field(ge=0, le=LAST_INSTANT, description="UTC microseconds.")] = None
    valid_until: Annotated[int | None, Field(ge=0, le=LAST_INSTANT, description="UTC microseconds.")] = None

    def draft(self) -> Draft:
        """As the service takes it: what was sent, a null date included."""
        dates = {"valid_from", "valid_until"}
        sent = {
            name: tuple(value) if isinstance(value, list) else value
            for name in self.model_fields_set & set(Wording.model_fields)
            if (value := getattr(self, name)) is not None or name in dates
        }
        return msgspec.convert(sent, Draft)


class Proposal(Wording):
    """A proposal; it needs title and content."""

    personal: Annotated[bool, Field(description="For the caller's agents alone.")] = False


class Judgement(BaseModel):
    """What somebody decides."""

    content_hash: Annotated[str | None, Field(max_length=64, description="Of the item as they saw it.")] = None
    reason: Annotated[str, Field(max_length=MAX_REASON, description="Why, for the history.")] = ""


class Approval(Judgement):
    """An approval."""

    flags_seen: Annotated[list[str], Field(max_length=30, description="Flags that were seen.")] = []


class Edit(Wording, Judgement):
    """An edit."""


class Judged(BaseModel):
    """One item of a batch."""

    id: int
    content_hash: Annotated[str, Field(max_length=64, description="Of the item as the judge saw it.")]


class Batch(BaseModel):
    """Several items, judged alike."""

    action: Annotated[Action, Field(description="`approve` or `reject`.")]
    items: Annotated[list[Judged], Field(max_length=MAX_BATCH, description="Each with the hash that was seen.")]
    reason: Annotated[str, Field(max_length=MAX_REASON, description="Why, for the history.")] = ""


class Withdrawal(BaseModel):
    """Everything of a person or a session."""

    person: Annotated[str, Field(max_length=200, description="Key of the person.")] = ""
    session: Annotated[str, Field(max_length=200, description="Native id of the session.")] = ""
    since: Annotated[int, Field(ge=0, le=LAST_INSTANT, description="UTC microseconds; 0 for ever.")] = 0
    reason: Annotated[str, Field(max_length=MAX_REASON, description="Why, for the history.")] = ""
    dry_run: Annotated[bool, Field(description="Only tell what it would be.")] = False


class Vote(BaseModel):
    """Whether an item helped."""

    value: Annotated[int, Field(ge=-1, le=1, description="1, -1, or 0 for neither.")]


class DomainDescription(BaseModel):
    """What a domain is about."""

    description: Annotated[str, Field(max_length=500, description="For people.")] = ""
