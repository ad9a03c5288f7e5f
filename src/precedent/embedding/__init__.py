"""Texts as vectors, by a small model whose weights are on this machine: close vectors mean alike."""
