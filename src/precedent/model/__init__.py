"""Frozen types that cross package borders; imports nothing of ours."""

from ._tokens import Tokens

__all__ = ["Tokens"]
