"""The HTTP interface: parses a request, calls one service, renders its answer."""

from .application import create

__all__ = ["create"]
