"""What is said of marketplaces and plugins, and what passes between us and the processes that read them. Plain data."""

from enum import StrEnum

import msgspec

from precedent.errors import Fault

LOGIN = "x-access-token"
"""User name beside a token, where none is given: most hosts of git take any."""

MAX_REPOSITORY_BYTES = 256 << 20
MAX_PLUGIN_BYTES = 16 << 20
MAX_FILE_BYTES = 4 << 20
MAX_ENTRIES = 20_000
MAX_PLUGINS = 500
MAX_MARKETPLACE_BYTES = 256 << 20
"""Of all its plugins together: the same files may be in several."""

MAX_MANIFEST_BYTES = 1 << 20
MAX_COMMAND_CHARS = 20_000
"""Of one command; what is longer is a finding."""

MAX_ABOUT_BYTES = 4 << 20
MAX_ABOUTS_BYTES = 32 << 20
"""Of what is told of one plugin, and of all together: lists of plugins are made of it."""

MAX_DEFECTS = 100


class PluginState(StrEnum):
    """What becomes of a plugin."""

    NEW = "new"
    """Nobody has looked at it; it is not served."""
    CHANGED = "changed"
    """It is another than the one that was trusted, which is served until somebody looks."""
    TRUSTED = "trusted"
    """It is served."""
    BLOCKED = "blocked"
    """Somebody does not want it; nothing of it is served."""


class Marketplace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A git repository with plugins.

    Attributes:
        name: small letters, digits and -, at most 63.
        url: over http or https, without user or password.
        ref: branch or tag; empty for what the repository calls its head.
        pin: full id of a commit, which is kept to.
        secret: name of the secret that opens it; empty for none.
        login: user name that goes with the secret; empty for `LOGIN`.
        teams: whom it is for; empty for everybody.
        enabled: it is synced and served.
    """

    name: str
    url: str
    ref: str = ""
    pin: str = ""
    secret: str = ""
    login: str = ""
    teams: list[str] = []
    enabled: bool = True


class PluginFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a plugin.

    Attributes:
        path: below the plugin's folder.
        executable: it may be run.
    """

    path: str
    size_bytes: int
    sha256: str
    executable: bool = False


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a plugin brings.

    Attributes:
        kind: `skill`, `agent`, `command`, `hook`, `mcp`, `inline` for what is run before a text is read, or `grant` for
            tools that are used without asking.
        name: as agents call it.
        description: as its head says.
        path: of the file that says so.
        command: of a hook, a server, `inline` or `grant`: what would be run, or what says so, word for word.
    """

    kind: str
    name: str
    description: str = ""
    path: str = ""
    command: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of an attack, or something that cannot be shown.

    Attributes:
        flag: as in the scan of knowledge; `unreadable`, `cut`, `unlisted`, `fetched`, `forced` and
            `unscanned` are ours.
        path: of the file.
    """

    flag: str
    path: str


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin says of itself, and what it is made of."""

    description: str = ""
    version: str = ""
    author: str = ""
    homepage: str = ""
    files: list[PluginFile] = []
    components: list[Component] = []
    findings: list[Finding] = []
    size_bytes: int = 0


class PluginFound(msgspec.Struct, kw_only=True):
    """A plugin in a repository.

    Attributes:
        content_hash: SHA-256 over the paths, kinds and bytes of all files.
        file: path of the file with its content, in the folder of the order.
    """

    name: str
    content_hash: str
    file: str
    about: About


class SyncOrder(msgspec.Struct, kw_only=True):
    """What a child process is told to read.

    Attributes:
        secret: its value; orders go through a pipe and are kept nowhere.
        commit_id: that was read last; empty to read in any case.
        folder: empty folder to write into.
    """

    url: str
    ref: str
    pin: str
    secret: str
    login: str
    commit_id: str
    folder: str
    egress_private: list[str]


class Synced(msgspec.Struct, tag="synced", kw_only=True):
    """What a child has read.

    Attributes:
        unchanged: the commit is the one of before; the other fields say nothing then.
        defects: what was wrong or left out, in words.
    """

    unchanged: bool = False
    commit_id: str = ""
    plugins: list[PluginFound] = []
    defects: list[str] = []


class NotSynced(msgspec.Struct, tag="refused", kw_only=True):
    """Why a child has read nothing."""

    kind: Fault
    error: str


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin as it is served.

    Attributes:
        name: under which it is served.
        content_hash: of what is served.
        trusted_at: UTC microseconds.
    """

    name: str
    content_hash: str
    trusted_at: int
    description: str = ""
    version: str = ""


class ServeOrder(msgspec.Struct, kw_only=True):
    """What a child process is told to serve.

    Attributes:
        repository: path of the person's repository.
        contents: folder of the contents of plugins.
        offers: what the person is given now, by name.
        body: the request, base64; None for the list of refs.
    """

    repository: str
    contents: str
    offers: list[Offer]
    body: bytes | None = None


class Served(msgspec.Struct, kw_only=True):
    """What a child answers: the body for the git client, or why there is none."""

    body: bytes = b""
    error: str = ""
