"""All agents that the kit can write, whether or not their readers are registered."""

from precedent.testing import AGENTS

READERS = {agent: f"precedent.transcripts.{agent.replace('-', '_')}:READER" for agent in AGENTS}
