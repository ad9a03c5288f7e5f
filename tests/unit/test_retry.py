"""When a failed transcript is tried again."""

import pytest

from precedent.pipeline.retry import FIRST_DELAY_S, MAX_ATTEMPTS, MAX_DELAY_S, judge


@pytest.mark.parametrize(
    ("kind", "attempts"),
    [("terminal", 1), ("contract", 1), ("rejected", 1), ("unclassified", 5), ("memory", 5), ("transient", 20)],
)
def test_each_class_of_error_has_its_attempts_before_the_dead_letter(kind: str, attempts: int) -> None:
    verdicts = [judge(kind, attempts=number, random=lambda: 0.5).dead for number in range(1, attempts + 1)]
    assert verdicts == [False] * (attempts - 1) + [True]


def test_every_class_is_covered() -> None:
    assert set(MAX_ATTEMPTS) == {"terminal", "contract", "rejected", "unclassified", "memory", "transient"}


def test_delays_double_up_to_a_limit_and_are_spread() -> None:
    longest = [judge("transient", attempts=number, random=lambda: 1.0).delay_s for number in range(1, 20)]
    shortest = [judge("transient", attempts=number, random=lambda: 0.0).delay_s for number in range(1, 20)]
    assert longest[:4] == [FIRST_DELAY_S * factor for factor in (1, 2, 4, 8)]
    assert longest[-1] == MAX_DELAY_S
    assert shortest == [delay / 2 for delay in longest]


def test_a_delay_that_was_asked_for_is_kept() -> None:
    assert judge("transient", attempts=1, random=lambda: 0.0, after_s=7200).delay_s == 7200
    assert judge("transient", attempts=1, random=lambda: 1.0, after_s=1).delay_s == FIRST_DELAY_S
