"""What the rules take for a statement, and what not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precedent.knowledge.model import Finding, Kind
from precedent.processors.verification.extract import is_said
from precedent.processors.verification.rules import CANDIDATE, FOUND, candidates, findings
from precedent.processors.verification.rules.segments import sentences
from precedent.processors.verification.turns import Turn

BEFORE = "I ran npm install and pushed to main. The berths table holds one row per berth. Should I run the tests?"


def turn(text: str, *, before: str = BEFORE) -> Turn:
    return Turn(line=3, byte_offset=120, id="t", at=7, text=text, before=before, answered=bool(before))


def found(text: str, *, before: str = BEFORE) -> list[Finding]:
    return findings(turn(text, before=before))


CORRECTIONS = """\
that's the wrong file, the config for prod lives in infra/prod.tf
you're using the old client, we moved to httpx last year
nope. the cron runs on UTC, not local time
we don't have a staging environment, everything goes straight to prod behind a flag
the id isn't unique across tenants, you need the tenant too
it's not a bug, the empty row is there so that the export has a header
hmm no, user_id there is the billing account, not the person
the API returns cents, not dollars
MRR excludes one-time fees
that method is deprecated, use fetch_all instead
you forgot that orgs can be nested
wrong, the default is 30 seconds
actually the queue is FIFO per customer, not global
the legacy table is read-only since the migration
the frontend team owns that package so don't touch it
churned users are the ones with no invoice for two months
the limit is 100 per page, not 1000
btw we switched from yarn to pnpm
No, I want you to keep backwards compatibility, we have customers on v1
feature flags are defined in flags.yaml and nowhere else
that's not how it works: the worker pulls, nobody pushes to it
you misunderstood, the webhook is called by stripe not by us
no, we use pnpm in this repo, not npm
That's wrong: the berths table has one row per berth and day.
nope. the staging database is read only for everyone
actually the cron runs in UTC, not local time
we moved from yarn to pnpm last year
the retry limit is 5, not 3
that's not how we do releases. tags are cut from release branches only
Not quite - invoices are immutable once they are sent, we create a credit note instead
wait, the billing service owns that table, the catalogue only reads it
you're mixing up tenants and workspaces: a tenant has many workspaces
it's deliberate that the endpoint returns 200 for unknown users
no we dropped support for python 3.9 already
I meant the european warehouse, prices there are stored in cents
but the migration runs before the deploy, so the column must be nullable
that is incorrect, the api key is rotated every 30 days
hm no, timestamps are microseconds since epoch everywhere in our store
wrong, the port is 8443
no - feature flags live in the config service, not in the database
""".splitlines()

DEFINITIONS = """\
we use conventional commits here
don't mock the database, we always test against a real postgres
"stale" means not touched for 90 days
all new endpoints must have an OpenAPI entry
please never commit to main directly
we only support python 3.11 and up
we name branches after the ticket, e.g. ABC-123-short-title
we keep secrets in vault, never in env files
active means logged in within 30 days
for us a lead is only qualified once sales has spoken to them
in this codebase errors are returned, not raised
timestamps are always stored in UTC
we never use inheritance for models here
in our data an active user means someone with a session in the last 28 days
We never call external services from request handlers, everything goes through the queue.
always run make lint before you commit
Please never edit generated files under gen/, they are overwritten by the build
by 'churn' we mean customers without an order for 90 days
FYI our API versions are dates, e.g. 2024-06-01
for context, the legacy importer is owned by the data team and may not be changed by us
All public functions must have a docstring with units.
In this repo we don't use mocks, tests run against a real postgres
SLA stands for service level agreement and ours is 99.9 percent per month
from now on use conventional commits, our release notes are generated from them
we only deploy on tuesdays
GMV is gross merchandise value before refunds
migrations must be reversible because we roll back by downgrade
ok let's write it down but make sure that bots always ask before they start the load test
""".splitlines()

NOTHING = """\
HEAD is now at 1a2b3c4 Merge the quay branch
Your branch is always ahead of origin
can you also add a test for that
looks good, commit and push
why does it fail on ci?
now run the migration
i think we should maybe use redis here, what do you think?
the test is failing with a timeout
undo that
it still doesn't work
let's go with option 2
no, do the other one first
don't commit yet
no, just explain it to me
use a bigger font
that's great, thanks
i don't see the button anymore
the page is blank after login
no need for that
wait, stop
always show me the diff before you commit please
is the limit 100 or 1000?
make the header blue and move the logo to the left
continue
remove the comments you added
I ran it again and got the same error
not now, later
i want a dark mode toggle on the settings page
actually, let's skip that
no, put it back
the second one is better
we need to fix the login bug today
update the readme
can we use httpx instead of requests?
ok but first clean up the branch
what does the worker do?
is this safe to merge?
add a retry with exponential backoff
no that broke the build
hmm the colors are off
should be the same size as the other one
yes
ok go on
can you add a test for this?
fix the lint errors and push
no, leave it
no thanks, stop here
I see an error when I run it
why is the table empty?
let's use postgres for now
I'd prefer tabs here
rename foo to bar in src/a.py
the test still fails
it doesn't work, same error
hmm maybe we should use redis?
great job, it totally works now, not
what does our retry policy look like?
please run the tests again but only for the api
looks good, commit it
I don't know, what do you think?
if we used kafka we would always have ordering
Actually, let me check first
wait, don't commit yet
no, try again with verbose output
should we not use uv here?
I think the bug is in the parser
no I mean the second option
the build is red again
add a column total to the table and show it in the UI
You are a senior engineer. Always answer in JSON.
we have a meeting in 10 minutes, please be quick
it's still slow, can we make it faster?
don't forget to add tests
the button is too big, make it smaller
can we never show this dialog?
that's not what I asked for
yeah right, because that worked so well last time
but she saw no error on her side
oh. the problem is the parser, not the importer, I guess.
Reply with exactly the word: never
""".splitlines()


@pytest.mark.parametrize("text", CORRECTIONS)
def test_a_correction_is_found(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize("text", DEFINITIONS)
def test_a_definition_is_found_although_nothing_was_said_before(text: str) -> None:
    [first, *_] = found(text, before="")
    assert first.kind is Kind.DEFINITION


@pytest.mark.parametrize("text", NOTHING)
def test_what_holds_for_the_moment_only_is_not_taken(text: str) -> None:
    assert found(text) == []


def test_nothing_is_corrected_where_no_agent_has_spoken() -> None:
    assert found("the retry limit is 5, not 3", before="") == []


@pytest.mark.parametrize(
    "text",
    ["Yes, that's correct, the harbour service owns the berths table", "exactly, that's right", "that's correct"],
)
def test_a_confirmation_keeps_what_the_agent_stated(text: str) -> None:
    before = "The harbour service owns the berths table."
    [one] = found(text, before=before)
    assert (one.kind, one.content) == (Kind.CONFIRMATION, before)
    assert one.quote == text and one.context == before


def test_a_confirmation_in_other_words_keeps_the_agents_own_beside_them() -> None:
    before = "I read the schema. The harbour service owns the berths table."
    [one] = found("Yes, that's correct, berths are written by the harbour service only", before=before)
    assert one.content == "Berths are written by the harbour service only."
    assert one.context == "The harbour service owns the berths table."


def test_quotes_and_dashes_of_a_telephone_change_nothing() -> None:
    typed = "no — we don’t use “npm” in this repo – only pnpm"  # noqa: RUF001
    [one], [plain] = found(typed), found('no - we don\'t use "npm" in this repo - only pnpm')
    assert (one.kind, one.score, one.quote) == (plain.kind, plain.score, typed)


@pytest.mark.parametrize(
    "text", ["yes", "yes, add it", "yes please do that", "ok", "sure, go on", "yes, that should be it?"]
)
def test_a_yes_that_lets_the_agent_go_on_confirms_nothing(text: str) -> None:
    assert found(text, before="The berths table holds one row per berth. Should I change it?") == []


def test_a_statement_stands_by_itself() -> None:
    [one] = found("no, we use `pnpm` in this repo, not npm")
    assert one.content == "We use `pnpm` in this repo, not npm."
    assert one.title == "We use `pnpm` in this repo, not npm"
    assert "pnpm" in one.entities
    assert one.quote == "no, we use `pnpm` in this repo, not npm"


def test_a_turn_with_many_rules_does_not_fill_the_queue() -> None:
    assert len(found("\n".join(f"We never deploy service {number} on Fridays." for number in range(30)))) == 3


def test_what_stands_in_brackets_is_said_once() -> None:
    [one] = found("does that hold? (we keep tides in the gateway everywhere so that no key is needed)")
    assert one.content == "We keep tides in the gateway everywhere so that no key is needed."


PASTED = [
    "```\nwe always deploy on fridays\n```",
    "> no, we use pnpm here, not npm",
    "<doc>In our data a berth means a desk.</doc>",
    "12:01:02 we never call the registry, everything goes through the queue",
    "+ we always use utc in the store",
    "ERROR: the column must be nullable in every table",
]


@pytest.mark.parametrize("text", PASTED)
def test_what_is_pasted_is_nobodys_statement(text: str) -> None:
    assert found(f"what is this\n{text}") == []


def test_a_candidate_is_less_than_a_finding() -> None:
    assert candidates(turn("ok go on")) < CANDIDATE < FOUND <= candidates(turn("we only deploy on tuesdays"))


PIECES = st.sampled_from([*CORRECTIONS, *DEFINITIONS, *NOTHING, *PASTED, "\n", "  ", "…", "\u2028", "a\u0301", "```"])


@given(st.lists(st.one_of(PIECES, st.text(max_size=40)), max_size=8).map(" ".join), st.text(max_size=60))
def test_every_quote_stands_in_its_turn_where_it_is_said_to_stand(text: str, before: str) -> None:
    there = turn(text, before=before)
    for each in findings(there):
        assert is_said(each, there)
        assert text[each.place.start : each.place.end] == each.quote
        assert 0 <= each.score <= 1000 and each.title and each.content


@given(st.text(max_size=300))
def test_sentences_are_parts_of_the_turn_in_order(text: str) -> None:
    cut = sentences(text)
    assert all(text[each.start : each.end] == each.text for each in cut)
    assert [each.start for each in cut if not each.aside] == sorted(each.start for each in cut if not each.aside)
