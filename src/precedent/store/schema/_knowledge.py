"""What people corrected, confirmed or defined, the evidence for it, and what reviewers made of it."""

import sqlalchemy as sa

from ._base import Big, Id, count, metadata

knowledge_item = sa.Table(
    "knowledge_item",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False, server_default=""),
    sa.Column("domains", sa.Text, nullable=False, server_default="[]"),
    sa.Column("tags", sa.Text, nullable=False, server_default="[]"),
    sa.Column("entities", sa.Text, nullable=False, server_default="[]"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("mandatory", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("owner_id", sa.ForeignKey("user_account.id")),
    sa.Column("valid_from", Big),
    sa.Column("valid_until", Big),
    sa.Column("superseded_by", sa.ForeignKey("knowledge_item.id")),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("words_hash", sa.Text, nullable=False),
    sa.Column("approved_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("approved_by", sa.Text, nullable=False, server_default=""),
    sa.Column("approved_at", Big),
    sa.Column("edited_by", sa.Text, nullable=False, server_default=""),
    sa.Column("flags", sa.Text, nullable=False, server_default="[]"),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("updated_at", Big, nullable=False),
    count("version"),
    sa.Index(None, "status", "updated_at"),
    sa.Index(None, "status", "mandatory", "approved_at", "id"),
    sa.Index(None, "content_hash"),
    sa.Index(None, "words_hash"),
    sa.Index(None, "owner_id"),
    sa.Index(None, "superseded_by"),
)
"""One statement. `owner_id` is the person of a personal item; `edited_by` whoever last worded it by hand; domains,
tags, entities and flags are JSON lists of texts."""

knowledge_audience = sa.Table(
    "knowledge_audience",
    metadata,
    sa.Column("item_id", sa.ForeignKey("knowledge_item.id"), primary_key=True, autoincrement=False),
    sa.Column("team_id", sa.ForeignKey("team.id"), primary_key=True, autoincrement=False),
    sa.Index(None, "team_id"),
)
"""The teams that an item is for; one without any is for everybody."""

knowledge_evidence = sa.Table(
    "knowledge_evidence",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("item_id", sa.ForeignKey("knowledge_item.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("quote", sa.Text, nullable=False),
    sa.Column("context", sa.Text, nullable=False, server_default=""),
    sa.Column("user_id", sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("session", sa.Text, nullable=False),
    sa.Column("transcript_id", sa.ForeignKey("transcript.id")),
    sa.Column("note_id", sa.ForeignKey("knowledge_note.id")),
    count("generation"),
    count("line"),
    count("byte_offset"),
    sa.Column("turn", sa.Text, nullable=False, server_default=""),
    count("start"),
    count("end"),
    sa.Column("said_at", Big),
    sa.Column("detector", sa.Text, nullable=False),
    count("score"),
    sa.Column("recorded_at", Big, nullable=False),
    sa.Column("words_hash", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("item_id", "user_id", "session"),
    sa.Index(None, "transcript_id"),
    sa.Index(None, "note_id"),
    sa.Index(None, "words_hash"),
    sa.Index(None, "user_id", "said_at"),
)
"""Where somebody said it: `start` and `end` are character offsets of the quote in the text of the turn that stands on
`line` at `byte_offset` of the archived transcript. `score` is in thousandths. `words_hash` is that of the statement as
it was found, whatever the item was worded like later."""

knowledge_version = sa.Table(
    "knowledge_version",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("item_id", Big, nullable=False),
    sa.Column("number", Big, nullable=False),
    sa.Column("at", Big, nullable=False),
    sa.Column("until", Big),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.UniqueConstraint("item_id", "number"),
    sa.Index(None, "at"),
    sqlite_autoincrement=True,
)
"""Every state that an item was in, from `at` until `until`; `state` is the item as JSON. `id` is the revision that
bundles name, so it never comes twice. An erased item keeps rows without a state: laptops must still drop it."""

knowledge_pair = sa.Table(
    "knowledge_pair",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("item_a", sa.ForeignKey("knowledge_item.id"), nullable=False),
    sa.Column("item_b", sa.ForeignKey("knowledge_item.id"), nullable=False),
    sa.Column("relation", sa.Text, nullable=False),
    sa.Column("differences", sa.Text, nullable=False, server_default="[]"),
    count("score"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("proposed", sa.Text, nullable=False, server_default=""),
    sa.Column("proposed_by", sa.Text, nullable=False, server_default=""),
    sa.Column("proposed_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("resolution", sa.Text, nullable=False, server_default=""),
    sa.Column("resolved_by", sa.Text, nullable=False, server_default=""),
    sa.Column("resolved_at", Big),
    sa.Column("result_id", Big),
    sa.Column("created_at", Big, nullable=False),
    sa.UniqueConstraint("item_a", "item_b"),
    sa.Index(None, "status", "relation"),
    sa.Index(None, "item_b"),
)
"""Two items, the older one first, that may say the same (`duplicate`) or the opposite (`contradiction`)."""

knowledge_term = sa.Table(
    "knowledge_term",
    metadata,
    sa.Column("item_id", sa.ForeignKey("knowledge_item.id"), primary_key=True, autoincrement=False),
    sa.Column("term", sa.Text, primary_key=True),
    sa.Index(None, "term", "item_id"),
)
"""The words that tell what an item is about; others that share some are compared with it."""

knowledge_domain = sa.Table(
    "knowledge_domain",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Big, nullable=False),
)
"""Fields of knowledge that items are sorted into; admins keep the list."""

knowledge_vote = sa.Table(
    "knowledge_vote",
    metadata,
    sa.Column("item_id", sa.ForeignKey("knowledge_item.id"), primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.ForeignKey("user_account.id"), primary_key=True, autoincrement=False),
    sa.Column("value", Big, nullable=False),
    sa.Column("at", Big, nullable=False),
)
"""Who found an item helpful (1) or not (-1)."""

knowledge_note = sa.Table(
    "knowledge_note",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("folder", sa.Text, nullable=False, server_default=""),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("seen_at", Big, nullable=False),
    sa.Column("changed_at", Big, nullable=False),
    sa.Column("removed_at", Big),
    sa.Column("processed_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("detector", sa.Text, nullable=False, server_default=""),
    count("attempts"),
    count("next_attempt_at"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("asked_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("asked_by", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("user_id", "source", "path"),
)
"""A person's note for their agents, scrubbed; `path` is as the person knows it, with `~` for their home. `source` tells
their homes and devices apart; `folder` is the working folder that the note is about, empty for all of them;
`asked_hash` is the text that a model was asked about, `asked_by` prompt and model."""

knowledge_turn = sa.Table(
    "knowledge_turn",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("transcript_id", sa.ForeignKey("transcript.id"), nullable=False),
    sa.Column("line", Big, nullable=False),
    sa.Column("byte_offset", Big, nullable=False),
    sa.Column("said_at", Big),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("transcript_id", "byte_offset", "line"),
)
"""What people typed, for search; `before` is the end of what the agent had said."""

knowledge_reading = sa.Table(
    "knowledge_reading",
    metadata,
    sa.Column("transcript_id", sa.ForeignKey("transcript.id"), primary_key=True, autoincrement=False),
    sa.Column("detector", sa.Text, nullable=False),
    count("turns"),
    count("candidates"),
    count("findings"),
    count("dropped"),
    count("windows"),
    count("calls"),
    count("cached_calls"),
    count("input_tokens"),
    count("output_tokens"),
    sa.Column("user_id", Big, nullable=False, server_default="0"),
    sa.Column("started_at", Big),
    sa.Index(None, "user_id", "started_at"),
)
"""What reading a transcript for knowledge came to; `dropped` findings quoted what nobody had said. `started_at` is when
its person first typed something: null when nobody typed or nobody knows when. It stands here, beside the person's
number, so that one index counts sessions before and after an instant."""

knowledge_call = sa.Table(
    "knowledge_call",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("transcript_id", sa.ForeignKey("transcript.id")),
    sa.Column("note_id", sa.ForeignKey("knowledge_note.id", name="fk_knowledge_call_note_id", ondelete="CASCADE")),
    sa.Column("prompt", Big, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    count("input_tokens"),
    count("output_tokens"),
    sa.Column("at", Big, nullable=False),
    sa.Index(None, "at"),
    sa.Index(None, "transcript_id"),
    sa.Index(None, "note_id"),
)
"""What a model answered about a transcript or note, by what it was asked: prompt, model and content. It is written
before anything is made of it, so nothing is paid for twice."""

knowledge_asked = sa.Table(
    "knowledge_asked",
    metadata,
    sa.Column("transcript_id", sa.ForeignKey("transcript.id"), primary_key=True, autoincrement=False),
    count("generation"),
    count("byte_offset"),
    count("line"),
    sa.Column("prompt", Big, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
)
"""Up to which turn a model was asked about a transcript, by the turn's place."""

knowledge_delivered = sa.Table(
    "knowledge_delivered",
    metadata,
    sa.Column("item_id", Big, primary_key=True, autoincrement=False),
    sa.Column("user_id", Big, primary_key=True, autoincrement=False),
    sa.Column("first_at", Big, nullable=False),
    sa.Column("last_at", Big, nullable=False),
)
"""Which items reached whom with a bundle, first and last; `user_id` 0 is whoever asked without an account."""


def _vectors(of: sa.Table) -> sa.Table:
    return sa.Table(
        f"{of.name}_vector",
        metadata,
        sa.Column("id", Id, primary_key=True),
        sa.Column("of_id", sa.ForeignKey(of.c.id, ondelete="CASCADE"), nullable=False, unique=True),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )


knowledge_item_vector = _vectors(knowledge_item)
"""Embeddings of items, as little-endian 16-bit floats. `words` is the hash of what was embedded, `model` that of the
model; an id is never used twice, so what is new is what has a larger one."""

knowledge_turn_vector = _vectors(knowledge_turn)
"""Embeddings of what people typed; see `knowledge_item_vector`."""
