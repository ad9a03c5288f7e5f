"""Runs of jobs: the ledger that keeps two from doing the same, and the engine that executes them."""
