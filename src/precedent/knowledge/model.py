"""What knowledge is made of; imports no database library, so that extraction may use it."""

import hashlib
import unicodedata
from enum import StrEnum

import msgspec

MAX_TITLE = 120
MAX_CONTENT = 2_000
MAX_QUOTE = 1_000
MAX_QUESTION = 400
"""Of a search."""
"""Characters."""


class Kind(StrEnum):
    """How somebody came to say it."""

    CORRECTION = "correction"
    """A person put the agent right."""
    DEFINITION = "definition"
    """A person said, unasked, what something means or how it is done here."""
    CONFIRMATION = "confirmation"
    """A person confirmed what the agent had stated."""
    NOTE = "note"
    """It stands in a person's notes for their agents."""
    PROPOSAL = "proposal"
    """A person proposed it on purpose."""


class Status(StrEnum):
    """Where an item is in its review; `statuses` says which follows which."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    REVOKED = "revoked"
    EXPIRED = "expired"
    MERGED = "merged"
    """Another item took its place; `superseded_by` names it."""


class Origin(StrEnum):
    """What made an item."""

    SESSION = "session"
    NOTE = "note"
    PROPOSAL = "proposal"
    MERGE = "merge"


class Place(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where a human turn stands, and what of it is quoted.

    Attributes:
        line: of the archived transcript, from 1.
        byte_offset: where that line starts.
        turn: the event's own id; empty if it has none.
        start: where the quote starts, in characters of the turn's text.
        end: where it ends.
        said_at: UTC microseconds, if the transcript says.
    """

    line: int
    byte_offset: int
    turn: str
    start: int
    end: int
    said_at: int | None


class Finding(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a detector found: a statement with the words it rests on. It says nothing of confidence.

    Attributes:
        quote: stands word for word in one human turn, white space aside.
        context: what the agent had said before; of a confirmation, the statement that is confirmed.
        detector: which detector in which version, with model and prompt version where there is a model.
        score: how clear a case it is to the detector, in thousandths; orders the queue, nothing else.
        suspicious: something in the whole turn that it was cut from was flagged, see `scanning`.
    """

    kind: Kind
    title: str
    content: str
    quote: str
    place: Place
    detector: str
    context: str = ""
    category: str = ""
    domains: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    score: int = 0
    suspicious: bool = False


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One statement, as it is stored; columns of the same names.

    Attributes:
        mandatory: it is in every bundle; only of approved ones.
        owner: user id of the person whose personal item it is; None of team knowledge.
        teams: ids of the teams it is for; empty for everybody.
        valid_from: UTC microseconds; None for ever before.
        valid_until: UTC microseconds, from which on it does not hold; None for ever after.
        superseded_by: the item that took its place.
        approved_hash: the `content_hash` that was approved; what differs from it is not approved.
        edited_by: who last worded it by hand.
        flags: names of what the scan found suspicious, see `scanning`.
        version: counts its changes.
    """

    id: int
    title: str
    content: str
    category: str = ""
    domains: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    status: Status = Status.PENDING
    mandatory: bool = False
    owner: int | None = None
    teams: tuple[int, ...] = ()
    valid_from: int | None = None
    valid_until: int | None = None
    superseded_by: int | None = None
    origin: Origin = Origin.SESSION
    content_hash: str = ""
    approved_hash: str = ""
    approved_by: str = ""
    approved_at: int | None = None
    edited_by: str = ""
    flags: tuple[str, ...] = ()
    created_at: int = 0
    updated_at: int = 0
    version: int = 0

    def is_valid(self, now: int) -> bool:
        """Tell whether it holds at an instant by its dates."""
        return (self.valid_from or 0) <= now and (self.valid_until is None or now < self.valid_until)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One showing of an item; columns of the same names.

    Attributes:
        person: key of the person.
        session: native id of the session, or what a note or proposal is told by.
        session_file: the transcript; empty without one.
        detector: as in `Finding`.
    """

    id: int
    item_id: int
    kind: Kind
    quote: str
    context: str
    user_id: int
    person: str
    session: str
    session_file: str
    line: int
    byte_offset: int
    turn: str
    start: int
    end: int
    said_at: int | None
    detector: str
    score: int
    recorded_at: int


def content_hash(title: str, content: str) -> str:
    """Return the fingerprint of a statement's exact bytes; approval pins it."""
    return hashlib.sha256(f"{title}\0{content}".encode("utf-8", "replace")).hexdigest()


def plain(text: str) -> str:
    """Return text with white space runs as one blank, as quotes are compared; other characters stay as they are."""
    return " ".join(text.split())


def same_words(text: str) -> str:
    """Return what two statements have in common that differ in case, white space and final punctuation only."""
    return plain(unicodedata.normalize("NFKC", text)).casefold().rstrip(" .!…")
