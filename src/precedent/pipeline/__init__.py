"""The pipeline: what a processor is, what is pending, and how a run extracts in child processes and stores once.

This module imports nothing: the extraction child starts through it and must stay light.
"""
