"""Jobs: their records, the ledger and queue of runs, the worker that does them."""
