"""The processors that ship with Precedent, one package each; more arrive by entry point `precedent.processors`."""
