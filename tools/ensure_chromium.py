"""Makes sure that a browser is there for the tests of pages: Debian's `chromium`, installed when we may.

    python -m tools.ensure_chromium

A machine that has `chromium`, or names one in `PRECEDENT_CHROMIUM`, is left as it is. Without one, and without the
rights to install it, this fails: tests of pages are not passed over.
"""

import os
import shutil
import subprocess
import sys

VARIABLE = "PRECEDENT_CHROMIUM"
INSTALL = (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"])


def find() -> str:
    """Return the path of the browser; empty without one."""
    return shutil.which(os.environ.get(VARIABLE) or "chromium") or ""


def main() -> int:
    """Install the browser if it is missing; return the exit code."""
    if find():
        return 0
    if os.environ.get(VARIABLE):
        print(f"{VARIABLE} names {os.environ[VARIABLE]}, which is no program", file=sys.stderr)
        return 1
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(
            f"The tests of pages need Debian's chromium: install it, or set {VARIABLE} to the path of one.",
            file=sys.stderr,
        )
        return 1
    print("Installing chromium for the tests of pages.", file=sys.stderr)
    for command in INSTALL:
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )
    return 0 if find() else 1


if __name__ == "__main__":
    sys.exit(main())
