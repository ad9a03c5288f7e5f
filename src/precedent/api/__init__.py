"""The HTTP interface for programs: parses a request, calls one service, renders its answer."""

from .modules import add
from .openapi import Described

__all__ = ["Described", "add"]
