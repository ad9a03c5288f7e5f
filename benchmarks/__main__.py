"""Runs every benchmark: `make bench`."""

from . import idle, redact, tick, usage_cold

for benchmark in (usage_cold, tick, idle, redact):
    benchmark.main()
    print()
