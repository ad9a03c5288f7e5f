"""The database: engine, schema, migrations, bulk writes; SQLite and PostgreSQL, one text."""

from .engine import Store, serialize, survive_power_loss, why

__all__ = ["Store", "serialize", "survive_power_loss", "why"]
