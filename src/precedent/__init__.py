"""Precedent: exact usage figures and evidence-backed team knowledge from the transcripts of coding agents."""
