"""Readers of other systems, one for each kind of source. A further kind is a further line here."""

from precedent.tables.model import Kind

from .contract import Place, SourceAway, SourceFault, SourceReader
from .databases import Database, SQLite
from .files import Files
from .postgresql import PostgreSQL
from .rest import Rest

READERS: dict[Kind, SourceReader] = {
    Kind.POSTGRESQL: PostgreSQL(),
    Kind.SQL: Database(),
    Kind.SQLITE: SQLite(),
    Kind.REST: Rest(),
    Kind.FILES: Files(),
}

__all__ = ["READERS", "Place", "SourceAway", "SourceFault", "SourceReader"]
