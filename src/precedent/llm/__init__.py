"""Asks language models for answers of a given shape; knows nothing of what is asked.

`contract` says what a question and an answer are, `asking` is the side of the program, `child` the process that speaks
to a model: it alone loads the clients of the vendors, and it alone has a network.
"""
