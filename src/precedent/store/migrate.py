"""Brings a database to the schema that this version of the program needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from precedent.errors import Misconfigured

from .engine import Store

SCRIPTS = Path(__file__).parent / "migrations"


def revisions() -> list[str]:
    """Return every schema revision, oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def upgrade(store: Store, *, to: str = "head") -> None:
    """Apply the migrations that the database lacks, all or none.

    Raises:
        Misconfigured: the database was written by a newer version of the program.
    """
    current = store.revision()
    if current and current not in revisions():
        store.close()  # whoever opened it does not get it
        raise Misconfigured(
            f"the database has schema {current}, which this version does not know; "
            f"install the version of Precedent that wrote it, or a newer one"
        )
    with store.write() as tx:
        if not store.is_sqlite:
            # Two processes may start at once; the second waits here and then finds nothing to do.
            tx.exec_driver_sql("SELECT pg_advisory_xact_lock(7723646)")
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, to)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config
