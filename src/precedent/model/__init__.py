"""Frozen types that cross package borders; imports nothing of ours."""

from ._purposes import Purpose
from ._tokens import Tokens

__all__ = ["Purpose", "Tokens"]
