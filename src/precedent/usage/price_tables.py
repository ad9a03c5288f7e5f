"""Which price table is in force: the one that was installed in the database, else the shipped one."""

from pathlib import Path

import sqlalchemy as sa

from precedent.store.schema import usage_price_table

from .prices import PriceTable


class PriceTables:
    """Gives the table in force; parses each version once."""

    def __init__(self) -> None:
        self._parsed: dict[str, PriceTable] = {}
        self._shipped: PriceTable | None = None

    def current(self, tx: sa.Connection) -> PriceTable:
        """Return the table in force in this transaction."""
        version = tx.scalar(sa.select(usage_price_table.c.version))
        if version is None:
            self._shipped = self._shipped or PriceTable.shipped()
            return self._shipped
        if version not in self._parsed:
            content = tx.execute(sa.select(usage_price_table.c.content)).scalar_one()
            self._parsed[version] = PriceTable.parse(content.encode(), where=f"installed table {version}")
        return self._parsed[version]


def install(tx: sa.Connection, path: Path, *, now: int) -> PriceTable:
    """Put a table from a file in force; requests are priced by it from now on.

    Raises:
        BadInput: the file is no price table; the message names the model and the fault.
    """
    table = PriceTable.load(path)
    tx.execute(usage_price_table.delete())
    content = path.read_text("utf-8")
    tx.execute(usage_price_table.insert().values(version=table.version, content=content, installed_at=now))
    return table


def uninstall(tx: sa.Connection) -> bool:
    """Put the shipped table in force again; false when it is already."""
    return bool(tx.execute(usage_price_table.delete()).rowcount)
