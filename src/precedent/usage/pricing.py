"""Prices a request by its own date and keeps the sums in step."""

from collections.abc import Callable
from functools import cache

from precedent.model import Tokens

from .observation import RequestSeen
from .prices import PriceTable
from .rollups import Owner, Rollups


class Pricing:
    """What a change of a request does to the sums; see `usage.shared.Effect`.

    Args:
        prices: the table.
        rollups: the sums.
        name_of: returns the name that an id stands for.
        version_id: name id of the table's version, stored beside every cost.
    """

    def __init__(self, prices: PriceTable, rollups: Rollups, *, name_of: Callable[[int], str], version_id: int) -> None:
        self._prices, self._rollups, self._version_id = prices, rollups, version_id
        self._name_of = cache(name_of)

    def add(self, row: RequestSeen, owner: Owner) -> tuple[int | None, int]:
        """Price a request, count it, and return its cost with the table's version."""
        cost = self.cost(row)
        self._rollups.request(row, cost, owner, sign=1)
        return cost, self._version_id

    def take_away(self, row: RequestSeen, stored: tuple[int | None, int], owner: Owner) -> None:
        """Uncount a request at the cost it was counted with."""
        self._rollups.request(row, stored[0], owner, sign=-1)

    def cost(self, row: RequestSeen) -> int | None:
        """Return the cost in micro-dollars; None when the table does not know the model at that date."""
        return self._prices.cost_micros(
            self._name_of(row.model_id),
            at=row.at,
            tokens=Tokens(
                row.input_tokens,
                row.output_tokens,
                row.cache_write_5m_tokens,
                row.cache_write_1h_tokens,
                row.cache_read_tokens,
            ),
            web_searches=row.web_searches or row.result_searches,
            modifiers=self._name_of(row.modifiers_id),
        )
