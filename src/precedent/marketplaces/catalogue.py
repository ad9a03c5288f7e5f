"""What is told of marketplaces and plugins, and to whom: the one place that says who may have a plugin."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from precedent.errors import NotFound
from precedent.security.audiences import MARKETPLACES
from precedent.security.principals import Principal, Role
from precedent.store.schema import marketplace, marketplace_plugin
from precedent.usage.plugins import PluginUse, plugin_use

from .model import About, Offer, PluginState
from .registry import one, plugin_row


class MarketplaceShown(msgspec.Struct, kw_only=True):
    """A marketplace; times are UTC microseconds.

    Attributes:
        secret: its name.
        teams: whom it is for; empty for everybody.
        commit_id: that was read last.
        checked_at: when the repository was last looked at.
        synced_at: when something new was last read.
        error: why the last look failed; empty when it did not.
        error_kind: `transient` or `permanent`.
        defects: what was wrong with what was read, or left out.
        plugins: how many there are, by state.
    """

    name: str
    url: str
    ref: str
    pin: str
    secret: str
    login: str
    teams: list[str]
    enabled: bool
    commit_id: str
    checked_at: int | None
    synced_at: int | None
    failures: int
    error: str
    error_kind: str
    defects: list[str]
    plugins: dict[str, int]


class PluginShown(msgspec.Struct, kw_only=True):
    """A plugin; times are UTC microseconds.

    Attributes:
        content_hash: of what it is now: what is to be trusted.
        trusted_hash: of what is served; empty for nothing.
        served_as: name under which the caller is served it; empty when they are not.
        use: calls, people, sessions and errors in transcripts under that name, or its own.
        about: what it says of itself and is made of.
    """

    marketplace: str
    name: str
    state: PluginState
    content_hash: str
    trusted_hash: str
    trusted_by: str
    trusted_at: int | None
    gone: bool
    seen_at: int
    served_as: str
    use: PluginUse
    about: About


def marketplaces(tx: sa.Connection, *, name: str | None = None) -> list[MarketplaceShown]:
    """Return all marketplaces, or the one of a name, by name; for admins."""
    query = sa.select(marketplace).order_by(marketplace.c.name)
    if name is not None:
        query = query.where(marketplace.c.id == one(tx, name).id)
    teams = MARKETPLACES.names(tx)
    counts: dict[int, dict[str, int]] = {}
    for row in tx.execute(sa.select(marketplace_plugin).where(~marketplace_plugin.c.gone)):
        of = counts.setdefault(row.marketplace_id, {})
        of[state_of(row)] = of.get(state_of(row), 0) + 1
    return [
        MarketplaceShown(
            name=row.name, url=row.url, ref=row.ref, pin=row.pin, secret=row.secret, login=row.login,
            teams=teams.get(row.id, []), enabled=row.enabled, commit_id=row.commit_id, checked_at=row.checked_at,
            synced_at=row.synced_at, failures=row.failures, error=row.error, error_kind=row.error_kind,
            defects=msgspec.json.decode(row.defects), plugins=counts.get(row.id, {}),
        )
        for row in tx.execute(query)
    ]  # fmt: skip


def plugins(
    tx: sa.Connection,
    who: Principal,
    *,
    of: str = "",
    name: str = "",
    text: str = "",
    state: PluginState | None = None,
) -> list[PluginShown]:
    """Return the plugins that somebody may know of, by marketplace and name.

    Admins see all; others those that are trusted in marketplaces that are for them.

    Args:
        tx: the view to read.
        who: who asks.
        of: only of this marketplace.
        name: only of this name.
        text: only with this text in name, description or components.
        state: only in this state.
    """
    admin = who.role is Role.ADMIN
    query = sa.select(marketplace_plugin, marketplace.c.name.label("of")).join(marketplace)
    query = query.order_by(marketplace.c.name, marketplace_plugin.c.name)
    if not admin:
        query = query.where(
            MARKETPLACES.includes(who), marketplace.c.enabled, marketplace_plugin.c.trusted_hash != "",
            ~marketplace_plugin.c.gone,
        )  # fmt: skip
    if of:
        query = query.where(marketplace.c.name == of)
    if name:
        query = query.where(marketplace_plugin.c.name == name)
    served = {(row.of, row.name): as_name for row, as_name in _served(tx, who)}
    rows = [(row, served.get((row.of, row.name), "")) for row in tx.execute(query)]
    # Events are many: only those of the plugins that are shown are counted.
    asked = {as_name or row.name for row, as_name in rows}
    used = {each.plugin: each for each in plugin_use(tx, only=asked) if not each.kind}
    found = []
    for row, as_name in rows:
        use = used.get(as_name or row.name) or PluginUse(plugin=as_name or row.name)
        found.append(_plugin(row, as_name, use, admin=admin))
    wanted = text.lower()
    return [
        each for each in found if (state is None or each.state is state) and (not wanted or wanted in _words(each))
    ]  # fmt: skip


def plugin(tx: sa.Connection, name: str, plugin_name: str, who: Principal) -> PluginShown:
    """Return one plugin.

    Raises:
        NotFound: there is none, or it is not for them.
    """
    if who.role is Role.ADMIN:
        plugin_row(tx, name, plugin_name)
    # To others there is no difference between what is not there and what is not for them.
    if name.isprintable() and plugin_name.isprintable():
        for each in plugins(tx, who, of=name, name=plugin_name):
            return each
    raise NotFound(f"no plugin {plugin_name[:100]!r} in {name[:63]!r}; `precedent marketplaces plugins` names them")


def offers(tx: sa.Connection, who: Principal) -> list[Offer]:
    """Return what somebody is served, by the names under which it is."""
    found = []
    for row, name in _served(tx, who):
        about = msgspec.json.decode(row.trusted_about, type=About)
        offer = Offer(
            name=name, content_hash=row.trusted_hash, trusted_at=row.trusted_at or 0,
            description=about.description, version=about.version,
        )  # fmt: skip
        found.append(offer)
    return sorted(found, key=lambda each: each.name)


def state_of(row: Any) -> PluginState:
    """Return what becomes of a plugin."""
    if row.blocked:
        return PluginState.BLOCKED
    if not row.trusted_hash:
        return PluginState.NEW
    return PluginState.TRUSTED if row.trusted_hash == row.content_hash else PluginState.CHANGED


def _served(tx: sa.Connection, who: Principal) -> "list[tuple[sa.Row[Any], str]]":
    """Return the plugins that somebody is served, each with its name there.

    Two of one name are told apart by that of their marketplace before it, whoever came first.
    """
    query = (
        sa.select(marketplace_plugin, marketplace.c.name.label("of"))
        .join(marketplace)
        .where(
            MARKETPLACES.includes(who), marketplace.c.enabled, marketplace_plugin.c.trusted_hash != "",
            ~marketplace_plugin.c.blocked, ~marketplace_plugin.c.gone,
        )
        .order_by(marketplace.c.name, marketplace_plugin.c.name)
    )  # fmt: skip
    rows = tx.execute(query).all()
    names = [row.name for row in rows]
    taken: set[str] = {name for name in names if names.count(name) == 1}
    found = []
    for row in rows:
        name = row.name
        if names.count(name) > 1:
            name = base = f"{row.of}-{row.name}"
            number = 2
            while name in taken:
                name, number = f"{base}-{number}", number + 1
            taken.add(name)
        found.append((row, name))
    return found


def _plugin(row: "sa.Row[Any]", served_as: str, use: PluginUse, *, admin: bool) -> PluginShown:
    # Who is no admin is shown what is served, and not what waits for a look.
    hashed, about = (row.content_hash, row.about) if admin else (row.trusted_hash, row.trusted_about)
    return PluginShown(
        marketplace=row.of, name=row.name, state=state_of(row) if admin else PluginState.TRUSTED, content_hash=hashed,
        trusted_hash=row.trusted_hash, trusted_by=row.trusted_by, trusted_at=row.trusted_at, gone=row.gone,
        seen_at=row.seen_at, served_as=served_as, use=use, about=msgspec.json.decode(about, type=About),
    )  # fmt: skip


def _words(found: PluginShown) -> str:
    components: Sequence[str] = [f"{each.name} {each.description}" for each in found.about.components]
    return " ".join([found.name, found.about.description, *components]).lower()
