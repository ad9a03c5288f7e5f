"""What is said of scripts and their runs, and what passes between the worker and a supervisor. Plain data."""

from enum import StrEnum

import msgspec

Value = str | int | float | bool
"""Of a parameter."""

MAX_SOURCE_BYTES = 1 << 20
HEAD_BYTES, TAIL_BYTES = 64 << 10, 192 << 10
"""Of what a run prints so much is kept from its beginning and from its end."""

LONGEST_TIMEOUT_S = 6 * 3600
SCHEDULE = "schedule"
"""Asks for what is due."""

FIRST_UID = 64_100
"""Scripts run as this user and those after it, one for each that runs at a time, where the server is root."""


class Outcome(StrEnum):
    """How a run of a script ended."""

    DONE = "done"
    """With exit code 0."""
    FAILED = "failed"
    """With another one, or it could not be started."""
    TIMEOUT = "timeout"
    """It took too long and was ended."""
    KILLED = "killed"
    """It took too much and was ended, or something else killed it."""
    LOST = "lost"
    """Whoever ran it is gone."""
    SKIPPED = "skipped"
    """It was due while it ran, or while it was paused."""


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A script as it is deployed.

    Attributes:
        name: small letters, digits, - and _, at most 63.
        source: Python text, at most `MAX_SOURCE_BYTES`.
        schedule: in the grammar of schedules; empty: it runs when somebody asks.
        parameters: by name; the script finds each as `PARAM_<NAME>`, and all in `parameters.json`.
        secrets: names of secrets by the environment variable in which the script finds the value.
        timeout_s: seconds after which it is ended; at most `LONGEST_TIMEOUT_S`.
        network: it may use the network.
    """

    name: str
    source: str
    schedule: str = ""
    parameters: dict[str, Value] = {}
    secrets: dict[str, str] = {}
    timeout_s: int = 300
    network: bool = False


class Order(msgspec.Struct, kw_only=True):
    """What a supervisor is told to run.

    Attributes:
        command: program and arguments.
        python: the interpreter among them.
        folder: empty folder in which it runs and that is its home.
        environment: all that it sees.
        hidden: folders that it must not see.
        memory_bytes: of all its processes together.
        disk_bytes: of its folder, and of files that have no name any more.
        files: in its folder.
        processes: at a time.
        uid: user id to run as when the supervisor is root.
    """

    command: list[str]
    python: str
    folder: str
    environment: dict[str, str]
    hidden: list[str]
    network: bool
    timeout_s: int
    memory_bytes: int = 1 << 30
    disk_bytes: int = 256 << 20
    files: int = 20_000
    processes: int = 32
    uid: int = FIRST_UID


class Printed(msgspec.Struct, tag="printed", kw_only=True):
    """What a script has printed up to now; what is no UTF-8 is replaced, what is between head and tail dropped."""

    head: str
    tail: str
    output_bytes: int
    dropped_bytes: int


class Ended(msgspec.Struct, tag="ended", kw_only=True):
    """How it ended."""

    outcome: Outcome
    exit_code: int | None
    reason: str
    isolation: str
