"""A scheduler for races: makes up every due instant of some jobs, until it is killed.

Usage: python race_driver.py URL TOKEN JOBS
"""

import asyncio
import sys

from precedent.jobs.records import CatchUp, Job, Overlap
from precedent.scheduler.loop import Scheduler
from precedent.scheduler.server import Server


def race_jobs(count: int) -> list[Job]:
    """Return jobs that are due every minute and of which everything that was missed is made up."""
    return [
        Job(
            name=f"race-{number}", schedule="every 1m", path=f"/api/admin/jobs/race-{number}/run", timeout_s=60,
            action="race", grace_s=120, catch_up=CatchUp.ALL, window_s=366 * 86_400, cap=10**6,
            overlap=Overlap.ALLOW, description="A job of a race.",
        )
        for number in range(count)
    ]  # fmt: skip


if __name__ == "__main__":
    asyncio.run(Scheduler(race_jobs(int(sys.argv[3])), Server(sys.argv[1], sys.argv[2]), tick_s=5).run())
