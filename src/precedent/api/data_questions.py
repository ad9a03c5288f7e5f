"""What callers of the routes of data tables may send."""

from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from precedent.tables.asking import MAX_ROWS, MAX_SQL
from precedent.tables.model import Kind, Mode, Source, TableSpec

MAX_NAMES = 1_000
Name = Annotated[str, Field(max_length=63)]
Short = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
Amount = Annotated[int, Field(ge=0, le=2**53)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SourceGiven(_Given):
    """Where tables are read from."""

    name: Name
    kind: Kind
    place: Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00]*$", description="A URL, or a path of files.")]
    secret: Annotated[str, Field(max_length=63, description="Name of the secret that opens it.")] = ""
    options: dict[str, Any] = {}

    def source(self) -> Source:
        """Return it as the service takes it."""
        return Source(**self.model_dump())


class TableGiven(_Given):
    """A table that is to be kept fresh."""

    name: Name
    source: Name
    selection: Annotated[dict[str, Any], Field(description="What is read; it depends on the kind of the source.")]
    mode: Mode = Mode.FULL
    cursor_column: Short = ""
    key_columns: Annotated[list[Short], Field(max_length=20)] = []
    schedule: Short = "every 1h"
    teams: Annotated[list[Short], Field(max_length=100, description="Whom it is for; empty: everybody.")] = []
    max_rows: Amount = 0
    max_bytes: Amount = 0
    timeout_s: Annotated[int, Field(ge=0, le=86_400)] = 600

    def spec(self) -> TableSpec:
        """Return it as the service takes it."""
        return TableSpec(**self.model_dump())


class Named(_Given):
    """The tables to read."""

    tables: Annotated[list[Name], Field(min_length=1, max_length=MAX_NAMES)]


class Triggered(pydantic.RootModel[Named | list[Name] | None]):
    """Nothing for all that are due, a list of names, or `{"tables": [...]}`."""

    root: Named | Annotated[list[Name], Field(min_length=1, max_length=MAX_NAMES)] | None = None

    def names(self) -> list[str] | None:
        """Return the tables that are named; None for all that are due."""
        return self.root.tables if isinstance(self.root, Named) else self.root


class PauseGiven(_Given):
    """Why a table is paused."""

    reason: Annotated[str, Field(min_length=1, max_length=200)] = "paused by hand"


class SqlGiven(_Given):
    """A question."""

    sql: Annotated[str, Field(min_length=1, max_length=MAX_SQL, description="One SELECT, in DuckDB's SQL.")]
    max_rows: Annotated[int, Field(ge=1, le=MAX_ROWS, description="Rows at most.")] = MAX_ROWS
