"""What a request costs at a vendor's list price: a dated table that ships offline and can be replaced by a file."""

from ._format import ModelPrice, Peak, Period, Rates, Tier
from ._table import PriceTable

__all__ = ["ModelPrice", "Peak", "Period", "PriceTable", "Rates", "Tier"]
