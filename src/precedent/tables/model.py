"""What is said of sources and tables, and what passes between us and the processes that read them. Plain data."""

from enum import StrEnum
from typing import Any

import msgspec

from precedent.errors import Fault


class Kind(StrEnum):
    """What a source is."""

    POSTGRESQL = "postgresql"
    SQL = "sql"
    SQLITE = "sqlite"
    REST = "rest"
    FILES = "files"


class Mode(StrEnum):
    """How a table is brought up to date."""

    FULL = "full"
    """Read whole each time."""
    APPEND = "append"
    """Only rows whose cursor column has risen are read, and added."""
    MERGE = "merge"
    """Rows whose cursor column has risen are read; each replaces the one of the same key."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where tables are read from.

    Attributes:
        name: as tables name it.
        kind: what it is.
        place: a URL without user or password; of `sqlite` and of local files a path below `data_files_dir`.
        secret: name of the secret that opens it; empty for none.
        options: what the kind needs besides, see docs/reference/data.md.
    """

    name: str
    kind: Kind
    place: str
    secret: str = ""
    options: dict[str, Any] = {}


class TableSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table that is to be kept fresh.

    Attributes:
        name: as questions name it: small letters, digits and _, at most 63.
        source: name of its source.
        selection: what is read: `table` or `query` of a database, `endpoint` of a REST server, `path` and `format` of
            files.
        mode: how it is brought up to date.
        cursor_column: column that rises with every change; of `append` and `merge`.
        key_columns: that tell rows apart; of `merge`.
        schedule: in the grammar of schedules.
        teams: whom it is for; empty for everybody.
        max_rows: more are a fault; 0 for the server's limit.
        max_bytes: of the Parquet files; more are a fault; 0 for the server's limit.
        timeout_s: seconds that one refresh may take.
    """

    name: str
    source: str
    selection: dict[str, Any]
    mode: Mode = Mode.FULL
    cursor_column: str = ""
    key_columns: list[str] = []
    schedule: str = "every 1h"
    teams: list[str] = []
    max_rows: int = 0
    max_bytes: int = 0
    timeout_s: int = 600


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column with its DuckDB type."""

    name: str
    type: str


class ColumnProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a column.

    Attributes:
        nulls: rows without a value.
        distinct: different values, estimated.
        min: smallest value as text; None where there is none.
        max: largest value as text.
    """

    name: str
    nulls: int
    distinct: int
    min: str | None
    max: str | None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A published Parquet file.

    Attributes:
        sha256: of its bytes; also its name.
    """

    sha256: str
    rows: int
    size_bytes: int


class Order(msgspec.Struct, kw_only=True):
    """What a child process is told to read.

    Attributes:
        secret: its value; orders go through a pipe and are kept nowhere.
        fingerprint: of the source when it was last read.
        cursor_value: the largest that was read, as text.
        parts: paths of the published files.
        columns: of the published files.
        folder: empty folder to write into.
        files_dir: below which local files may be read; empty for none.
        egress_private: see the setting.
        memory_mb: that the reading may take.
    """

    kind: Kind
    place: str
    options: dict[str, Any]
    secret: str
    selection: dict[str, Any]
    mode: Mode
    cursor_column: str
    key_columns: list[str]
    fingerprint: str
    cursor_value: str
    content: str
    parts: list[str]
    columns: list[Column]
    folder: str
    max_rows: int
    max_bytes: int
    files_dir: str = ""
    egress_private: list[str] = []
    memory_mb: int = 256


class Landed(msgspec.Struct, tag="landed", kw_only=True):
    """What a child has read.

    Attributes:
        unchanged: there is nothing new; the other fields but `fingerprint` say nothing then.
        file: path of the new Parquet file; empty when there is none.
        part: that file.
        keeps: the published files stay and the new one joins them.
        content: fingerprint of all rows, whatever their order.
        rows: of the whole table.
    """

    unchanged: bool = False
    fingerprint: str = ""
    file: str = ""
    part: Part | None = None
    keeps: bool = False
    cursor_value: str = ""
    content: str = ""
    columns: list[Column] = []
    profile: list[ColumnProfile] = []
    rows: int = 0


class Refused(msgspec.Struct, tag="refused", kw_only=True):
    """Why a child has read nothing."""

    kind: Fault
    error: str


_WHOSE = {"day": "DATE", "person": "VARCHAR", "agent": "VARCHAR", "model": "VARCHAR", "project": "VARCHAR"}
USAGE = _WHOSE | dict.fromkeys(
    (
        "requests", "input_tokens", "output_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
        "cache_read_tokens", "web_searches", "priced_requests",
    ),
    "BIGINT",
) | {"cost_usd": "DOUBLE"}  # fmt: skip
"""Columns of the table `usage` with their types."""

TOOLS = _WHOSE | {"kind": "VARCHAR", "name": "VARCHAR"} | dict.fromkeys(
    ("events", "errors", "rejected", "interrupted"), "BIGINT"
)  # fmt: skip
"""Columns of the table `usage_tools` with their types."""
