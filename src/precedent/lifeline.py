"""Ties a process to the one that started it: when that one is gone, however it ended, the child stops too.

For a child that stops in order the parent holds one end of a pipe and never writes. When the other end says that the
pipe is closed, the parent has ended: the system closes it even for one that was killed.
"""

import os
import signal
import threading
import time
from collections.abc import Mapping

VARIABLE = "PRECEDENT_LIFELINE_FD"
"""Tells a child which of its descriptors is the pipe."""

LOOK_S = 0.5

STOP_S = 4.5
"""A child that has not ended by then ends at once."""


def hold(environment: Mapping[str, str] = os.environ) -> None:
    """Stop this process, as SIGTERM does, when the one that started it ends; do nothing when it was started alone."""
    number = environment.get(VARIABLE, "")
    if not number.isdecimal():
        return
    descriptor = int(number)
    os.set_inheritable(descriptor, False)

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_S)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def end_with_parent() -> None:
    """End this process at once, whatever it is doing, when the one that started it is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
