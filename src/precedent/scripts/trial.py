"""Tries what the system lets a script be kept apart by, and prints it as bytes: `python -m precedent.scripts.trial`."""

import os

from . import isolation
from .model import Order


def main() -> None:
    """Try it, in this process, which ends then."""
    order = Order(command=[], python="", folder="/", environment={}, hidden=[], network=False, timeout_s=1)
    os.write(1, bytes(map(int, isolation.shut_in(order))))


if __name__ == "__main__":
    main()
