"""What a transcript says: one reader per agent, one event model.

This module imports nothing: the extraction child loads only the reader it needs.
"""
