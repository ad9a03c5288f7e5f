"""A worker that is killed while it takes, ends or gives back a run: the run goes on in the next one, and once."""

import signal

import pytest

from places import LIMIT_S, Place, until

OF_WORKERS = ("run.opened", "run.claimed", "store.state", "store.committed", "run.closing", "run.closed")


def goes_on(place: Place, number: int) -> None:
    """Start the next worker and see that everything is done, once."""
    place.start()
    assert place.done(number).outcome == "done"
    assert place.items() == [f"item {each}" for each in range(4)]
    assert place.app.runs.latest()[0].id == number


@pytest.mark.parametrize("point", OF_WORKERS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_run_whose_worker_is_killed_goes_on_in_the_next_one(place: Place, point: str) -> None:
    place.write(*[f"item {number}" for number in range(4)])
    first = place.start(PRECEDENT_FAULT=point)
    number = place.ask()
    assert first.wait(LIMIT_S) == -signal.SIGKILL
    assert place.run(number).finished_at is None
    goes_on(place, number)
    assert place.run(number).attempt == 2


def test_a_run_that_was_given_back_is_there_although_the_worker_dies_at_once(place: Place) -> None:
    place.write(*[f"item {number}" for number in range(4)], *["extract: nap 0.2"] * 20)
    first = place.start(PRECEDENT_FAULT="run.put_back")
    number = place.ask()
    until((place.shared / "extract-calls").exists, what="the extraction began")
    first.send_signal(signal.SIGTERM)
    assert first.wait(LIMIT_S) == -signal.SIGKILL
    assert place.run(number).state == "queued"
    goes_on(place, number)
