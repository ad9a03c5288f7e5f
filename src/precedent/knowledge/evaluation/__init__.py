"""How well the detection, comparison and search of knowledge do, measured on labelled examples."""

from .report import Report

__all__ = ["Report"]
