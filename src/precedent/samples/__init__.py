"""Sample transcripts of our own: what a first look shows on a machine that has none.

The files are written by `tools/build_samples.py`; nothing in them is real.
"""

from pathlib import Path

__all__ = ["homes"]


def homes() -> list[Path]:
    """Return the sample homes in alphabetical order, one a person, laid out as real homes are."""
    return sorted(path for path in Path(__file__).parent.iterdir() if path.is_dir() and path.name != "__pycache__")
