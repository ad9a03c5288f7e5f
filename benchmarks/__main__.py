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
    marketplaces,
    pages,
    redact,
    runs,
    scripts_attack,
    search,
    stores,
    tables,
    tick,
    upload,
    usage_cold,
)

for benchmark in (
    collect, usage_cold, growth, tick, huge, stores, upload, runs, idle, lateness, redact, detection, search, bundle,
    api_reads, pages, scripts_attack, marketplaces, tables,
):  # fmt: skip
    benchmark.main()
    print()
