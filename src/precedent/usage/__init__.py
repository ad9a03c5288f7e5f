"""Services behind the usage processor: prices, roll-ups, export."""
