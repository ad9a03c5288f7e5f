"""What people state is found with their words in place, and nothing else is, in the transcripts of every agent."""

from collections.abc import Iterator

import pytest

from precedent.processors.verification.turns import Listener
from precedent.testing import Pipeline, Session, Story, statements

CASES = [pytest.param(*case, id=f"{case[1].agent}-{case[0].name}") for case in statements()]


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    with Pipeline("precedent.processors.verification:PROCESSOR") as found:
        yield found


@pytest.mark.parametrize(("story", "session"), CASES)
def test_exactly_what_was_stated_is_found_with_its_words_in_place(
    pipeline: Pipeline, story: Story, session: Session
) -> None:
    file = pipeline.put(session)
    stats = pipeline.run()
    assert stats.errors == 0 and stats.processed == 1
    found = pipeline.rows("knowledge_evidence")
    assert [(row["kind"], row["quote"]) for row in found] == [(each.kind, each.quote) for each in story.stated]
    listener = Listener()
    turns = [turn for event in pipeline.transcript(file).read() if (turn := listener.hear(event)) is not None]
    for row in found:
        [turn] = [each for each in turns if (each.line, each.byte_offset) == (row["line"], row["byte_offset"])]
        assert turn.text[row["start"] : row["end"]] == row["quote"]
    assert "ghp_" not in str(pipeline.results())


def test_there_are_enough_transcripts_and_in_every_format() -> None:
    told = list(statements())
    assert len(told) >= 60
    assert len({session.agent for _, session in told}) == 6
