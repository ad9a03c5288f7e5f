"""People's notes for their agents, and what of them may be knowledge.

`places` finds notes in a home, `keeping` stores them, `cutting` cuts statements out of one, `reading` brings the items
in line with what a person's notes say, and `gathering` does all of it for everybody.
"""
