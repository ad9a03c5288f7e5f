"""The database: engine, schema, migrations, bulk writes; SQLite and PostgreSQL, one text."""

from .engine import Store, serialize

__all__ = ["Store", "serialize"]
