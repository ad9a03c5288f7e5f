"""Runs every benchmark: `make bench`."""

from . import (
    api_reads,
    bundle,
    collect,
    detection,
    growth,
    huge,
    idle,
    lateness,
    redact,
    runs,
    scripts_attack,
    search,
    stores,
    tick,
    upload,
    usage_cold,
)

for benchmark in (
    collect, usage_cold, growth, tick, huge, stores, upload, runs, idle, lateness, redact, detection, search, bundle,
    api_reads, scripts_attack,
):  # fmt: skip
    benchmark.main()
    print()
