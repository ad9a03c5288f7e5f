"""Writes a migration for what changed in `store/schema`: `python tools/new_migration.py "what changes" 0002`."""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from precedent.store import Store
from precedent.store.migrate import SCRIPTS, upgrade


def main() -> None:
    """Compare the newest schema with the migrated one and write the difference."""
    message, revision = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        store = Store.in_folder(Path(folder))
        upgrade(store)
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        with store.write() as tx:
            config.attributes["connection"] = tx
            command.revision(config, message, autogenerate=True, rev_id=revision)


if __name__ == "__main__":
    main()
