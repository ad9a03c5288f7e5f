"""Puts the interface for programs and the pages into one web application, and serves it."""

from .application import create

__all__ = ["create"]
