"""Who may do what, who did what, and what persons wish."""

import sqlalchemy as sa

from ._base import Big, Id, count, metadata

account = sa.Table(
    "account",
    metadata,
    sa.Column("user_id", sa.ForeignKey("user_account.id"), primary_key=True, autoincrement=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("password_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("password_changed_at", Big),
    sa.Column("oidc_issuer", sa.Text),
    sa.Column("oidc_subject", sa.Text),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("last_login_at", Big),
    sa.UniqueConstraint("oidc_issuer", "oidc_subject"),
)
"""A person who may log in; somebody whose transcripts are merely collected has none."""

token = sa.Table(
    "token",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", Big, nullable=False),
    sa.Column("last_used_at", Big),
    sa.Column("revoked_at", Big),
    sa.Index(None, "user_id"),
)
"""Bearer tokens; only a digest is kept."""

web_session = sa.Table(
    "web_session",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("last_seen_at", Big, nullable=False),
    sa.Column("expires_at", Big, nullable=False),
    sa.Index(None, "user_id"),
)

invitation = sa.Table(
    "invitation",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user_id", sa.ForeignKey("user_account.id"), nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", Big, nullable=False),
    sa.Column("expires_at", Big, nullable=False),
    sa.Column("used_at", Big),
    sa.Index(None, "user_id"),
)
"""Links that let a person set a password: an invitation or a reset."""

oidc_login = sa.Table(
    "oidc_login",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("return_to", sa.Text, nullable=False),
    sa.Column("expires_at", Big, nullable=False),
)
"""Logins that were sent to the OpenID Connect provider and are not back yet; each comes back once."""

login_failure = sa.Table(
    "login_failure",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    count("failures"),
    sa.Column("first_at", Big, nullable=False),
    sa.Column("locked_until", Big, nullable=False, server_default="0"),
)

team = sa.Table(
    "team",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", Big, nullable=False),
)
"""A group of persons."""

team_member = sa.Table(
    "team_member",
    metadata,
    sa.Column("team_id", sa.ForeignKey("team.id"), primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.ForeignKey("user_account.id"), primary_key=True, autoincrement=False),
    sa.Index(None, "user_id"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=False),
    sa.Column("at", Big, nullable=False),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("resource", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("duration_us", Big, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False, server_default=""),
    sa.Column("address", sa.Text, nullable=False, server_default=""),
    sa.Column("details", sa.Text, nullable=False, server_default="{}"),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index(None, "at"),
    sa.Index(None, "action", "id"),
)
"""What was done by whom; each row's hash covers the one before, ids have no gap."""

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("rows", Big, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
"""One row, `audit`: how many rows the log has and the hash of the last, so that cutting its end shows."""

consent = sa.Table(
    "consent",
    metadata,
    sa.Column("user_id", sa.ForeignKey("user_account.id"), primary_key=True, autoincrement=False),
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("changed_at", Big, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
)
"""What a person allows for a purpose, for a project or (empty) for all; without a row the purpose's default holds."""

receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", Big, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("erased_by", sa.Text, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
)
"""Proof that something was erased: which tables lost how many rows, no content."""

upload_day = sa.Table(
    "upload_day",
    metadata,
    sa.Column("user_id", sa.ForeignKey("user_account.id"), primary_key=True, autoincrement=False),
    sa.Column("day", Big, primary_key=True, autoincrement=False),
    count("bytes"),
    count("uploads"),
)
"""What a person uploaded on a UTC day (days since the epoch)."""

alert = sa.Table(
    "alert",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("message", sa.Text, nullable=False),
    count("value"),
    sa.Column("raised_at", Big, nullable=False),
    sa.Column("resolved_at", Big),
    sa.Column("sent_at", Big),
    sa.Column("delivered", sa.Text, nullable=False, server_default=""),
    count("attempts"),
    sa.Column("next_attempt_at", Big, nullable=False, server_default="0"),
)
"""Alerts that hold now or whose end has still to be told, and the row `` (empty name) of the last evaluation."""
