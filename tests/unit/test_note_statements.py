"""Which sentences of a note are cut out as statements, and what they are called."""

import pytest

from precedent.knowledge.model import MAX_TITLE, plain
from precedent.knowledge.notes.cutting import MAX_CHARS, cut


def said(text: str) -> list[str]:
    return [each.content for each in cut(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Use `uv` for all installs.",
        "Never rebase a branch that others have pulled.",
        "Money is stored in whole cents.",
        "The berth planner runs as a separate service.",
        "Tide: height of the water above chart datum, in centimetres.",
        "All timestamps are UTC.",
        "Migrations must be reversible.",
        "Tests that need a database belong in `tests/db`.",
        "No default exports in TypeScript files.",
        "Releases are cut from `main` on Tuesdays.",
    ],
)
def test_a_fact_or_a_convention_is_a_statement(sentence: str) -> None:
    assert said(f"- {sentence}\n") == [sentence]
    assert said(f"{sentence}\n") == [sentence]


@pytest.mark.parametrize(
    "sentence",
    [
        "Ask before you change the schema.",
        "Always explain what you are about to do.",
        "When something is unclear, stop and ask.",
        "If two readings are possible, present both of them.",
        "Run the linter after each change.",
        "Features that were not requested are not wanted: it was not asked for.",
        "I prefer short answers with examples.",
        "Please keep answers short and clear.",
        "TODO: the planner needs an index.",
        "- [ ] the planner needs an index",
        "The planner is broken right now.",
        "The checkout is in /home/ada/harbour on this machine.",
        "The scratch folder is ~/scratch/harbour these days.",
        "It is slower than the other one.",
        "Does the planner need an index?",
        "Claude is a careful engineer with much experience.",
        "Short note only",
        "See [the guide](https://example.org/guide) for more on this.",
    ],
)
def test_orders_tasks_wishes_and_what_holds_on_one_machine_are_none(sentence: str) -> None:
    assert said(f"- {sentence}\n") == []


@pytest.mark.parametrize(
    "heading",
    [
        "TODO",
        "Current work",
        "My preferences",
        "Tone",
        "Instructions for the agent",
        "Behavioral guidelines",
        "Changelog",
    ],
)
def test_below_some_headings_nothing_is_looked_for(heading: str) -> None:
    assert said(f"## {heading}\n\n- Money is stored in whole cents.\n\n### More\n\n- All timestamps are UTC.\n") == []
    assert said(f"## {heading}\n\n## Facts\n\n- Money is stored in whole cents.\n") == [
        "Money is stored in whole cents."
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        "```\n- Money is stored in whole cents.\n```\n",
        "~~~~ text\n- Money is stored in whole cents.\n~~~\n~~~~\n",
        "<!-- - Money is stored in whole cents. -->\n",
        "<!-- never closed\n- Money is stored in whole cents.\n",
        "---\nrule: Money is stored in whole cents.\n---\n",
        "| what | how |\n|---|---|\n| Money | is stored in whole cents |\n",
        "> Money is stored in whole cents.\n",
        "@docs/money-is-stored.md\n",
    ],
)
def test_code_comments_front_matter_tables_and_quotations_are_no_statements(hidden: str) -> None:
    assert said(hidden) == []


def test_a_statement_says_what_it_is_about() -> None:
    text = """# Harbour

## Ports

- Web listens on 3000 in every environment.

The services are:

- `planner`: assigns berths
- `pilot`: books pilots

## Conventions

- All timestamps are UTC.
"""
    assert said(text) == [
        "Ports: Web listens on 3000 in every environment.",
        "The services are: `planner`: assigns berths",
        "The services are: `pilot`: books pilots",
        "All timestamps are UTC.",
    ]


def test_each_quote_stands_in_the_note_where_it_is_said_to_stand() -> None:
    text = "# Harbour\n\nMoney is stored in\n  whole cents. Tides are **stored** in metres.\n\n"
    text += "* All timestamps\n  are UTC.\n"
    found = cut(text)
    assert [(each.line, each.content) for each in found] == [
        (3, "Money is stored in whole cents."),
        (4, "Tides are stored in metres."),
        (6, "All timestamps are UTC."),
    ]
    for each in found:
        assert plain(text[each.start : each.end]) == each.quote


def test_a_statement_is_cut_once_and_never_longer_than_is_stored() -> None:
    words = "Berths are numbered " + "and numbered again " * 60
    assert said(f"- {words}\n") == []
    assert said("- All timestamps are UTC.\n" * 3) == ["All timestamps are UTC."]
    long = "Berths are numbered " + "x" * (MAX_CHARS - 30) + "."
    assert [len(each.title) <= MAX_TITLE for each in cut(f"- {long}\n")] == [True]


@pytest.mark.parametrize(
    "text", ["", "\n", "-", "# ", "- ", "```", "<!--", "---\n", "\x00", "- " * 5000, "[" * 5000, "**" * 5000]
)
def test_no_text_is_too_odd(text: str) -> None:
    assert cut(text) == []
