"""What an agent calls at the end of a turn or session: notes that there is something to send, and returns at once.

Run as a file, `python -I -S hook.py AGENT`, so that not even this package is imported: an agent's person must not feel
it. It prints nothing, never fails its caller, and leaves the sending to a process of its own.
"""

import os
import select
import sys

SPOOL = ".precedent/push/spool"
CONFIG = ".precedent/config.toml"
MAX_INPUT_BYTES = 64 << 10
INPUT_S = 0.1
"""How long what the agent tells on standard input is waited for."""
PUSH = ("-m", "precedent.cli", "push", "--quiet", "--linger")


def spool(home: str, agent: str, told: bytes) -> None:
    """Append one line to the spool, in one write; it survives the death of whoever would have sent it.

    Args:
        home: the person's home.
        agent: whose hook it is.
        told: what the agent told, a JSON object; anything else is left out by who reads it.

    Raises:
        OSError: it cannot be written.
    """
    path = os.path.join(home, SPOOL)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    plain = "".join(each for each in agent if each.isalnum() or each in "-_")[:100]
    line = b'{"agent":"%s","told":%s}\n' % (plain.encode(), told.replace(b"\n", b" ").strip() or b"null")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def start(arguments: tuple[str, ...] = PUSH) -> None:
    """Start a process that sends what is spooled, apart from this one and from the agent.

    Raises:
        OSError: it cannot be started.
    """
    if os.name == "nt":
        # Only there, and not worth its loading elsewhere.
        import subprocess  # noqa: PLC0415

        flags = 0x00000008 | 0x00000200 | 0x08000000  # detached, a group of its own, without a window
        nothing = subprocess.DEVNULL
        subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, *arguments], stdin=nothing, stdout=nothing, stderr=nothing, creationflags=flags
        )
        return
    if os.fork():
        return
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)  # the agent waits until nobody holds its pipes
        os.closerange(3, 256)
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  # our own interpreter and module
    finally:
        os._exit(127)


def _told() -> bytes:
    """Return what the agent tells on standard input; nothing when it tells nothing at once."""
    found = b""
    if os.name == "nt" or os.isatty(0):
        return found
    while len(found) < MAX_INPUT_BYTES and select.select([0], [], [], INPUT_S)[0]:
        data = os.read(0, MAX_INPUT_BYTES)
        if not data:
            break
        found += data
    return found


def main() -> None:
    """Spool and start; whatever happens, the agent goes on."""
    try:
        home = os.path.expanduser("~")
        spool(home, sys.argv[1] if len(sys.argv) > 1 else "", _told())
        if os.path.exists(os.path.join(home, CONFIG)):
            start()
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    main()
