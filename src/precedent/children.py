"""What our child processes have in common: what they see of our environment, and where their answers go."""

import os
from typing import BinaryIO

from .lifeline import end_with_parent

PASSED_ENVIRONMENT = (
    "HOME", "LANG", "LC_ALL", "PATH", "PRECEDENT_FAULT", "PYTHONPATH", "SYSTEMROOT", "TMPDIR", "TZ", "VIRTUAL_ENV",
)  # fmt: skip
"""All that every child may see of our environment: no database URL, no token."""


def environment(*more: str) -> dict[str, str]:
    """Return what a child is given of our environment.

    Args:
        more: names of further variables that this kind of child needs.
    """
    return {name: os.environ[name] for name in (*PASSED_ENVIRONMENT, *more) if name in os.environ}


def answers() -> BinaryIO:
    """Begin a child: return where it answers, and have it end with the process that started it.

    What a library prints goes to standard error from here on, so that it never gets between the answers.
    """
    end_with_parent()
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output
