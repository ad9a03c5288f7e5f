"""The sample sessions of Claude Code: two people at work on Harbourbook, an invented booking service for marinas."""

from benchmarks import incidents

from ._sample_teller import (
    Teller,
    bash,
    edit,
    grep,
    mcp,
    read,
    rejected,
    skill,
    todos,
    web_search,
    write,
)

OPUS, SONNET, HAIKU = "claude-opus-4-6", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001"
FIT = '''"""Decides which berth a boat fits into."""

from harbourbook.berths.model import Berth, Boat

CLEARANCE = 0.5


def in_metres(centimetres: int) -> float:
    return round(centimetres / 100, 1)


def fits(boat: Boat, berth: Berth) -> bool:
    """Tell whether a boat fits, clearance included."""
    needed = in_metres(boat.length) + CLEARANCE
    return needed <= in_metres(berth.length)
'''
FIT_TEST = """def test_boat_with_clearance_fits():
    assert in_metres(995) == 9.9
    assert fits(Boat(length=945), Berth(length=1000))
"""
EXPORT = '''"""Writes the nightly export of bookings, one file per harbour."""

from pathlib import Path

from harbourbook.bookings import store


def export(harbour: str, folder: Path) -> Path:
    target = folder / f"{harbour}.csv"
    with target.open("w") as out:
        for booking in store.of_harbour(harbour.lower()):
            out.write(booking.as_csv() + "\\n")
    return target
'''
REPORT = '''"""Counts what the monthly report of a harbour shows."""


def no_shows(bookings):
    return [b for b in bookings if b.arrived_at is None]


def occupancy(bookings, berths, nights):
    return sum(b.nights for b in bookings) / (len(berths) * nights)
'''
FORM = """<label for="length">Length over all, in metres</label>
<input id="length" name="length" inputmode="decimal" value="{{ boat.length | metres }}">
"""


def berth_length() -> Teller:
    """A bug with a sub-agent's help, a correction, and a rule about checks."""
    told = Teller.session(
        "ada", folder="harbourbook", branch="fix/berth-length", model=OPUS, start="2026-09-14T08:12:05"
    )
    told.opens("Boats too long for their berths")
    told.says(
        "Two skippers write that they were given a 10 m berth for a boat of 9.54 m, although we ask for half a metre "
        "of clearance. Can you find out why?"
    )
    told.delegates(
        "Explore",
        "Find every place that compares the length of a boat with that of a berth. Say file, line and unit.",
        [
            grep(
                "length",
                "fit.py:14: needed = in_metres(boat.length) + CLEARANCE\nsrc/web/form.py:31",
            ),
            read("src/berths/fit.py", FIT),
        ],
        "Only src/berths/fit.py compares lengths (line 14). It turns centimetres into metres with one decimal, so "
        "954 becomes 9.5, and 9.5 + 0.5 still fits into 10.0. src/web/form.py only formats.",
    )
    told.answers(
        "fit.py rounds both lengths to one decimal of a metre before it compares them, so a boat of 9.54 m counts as "
        "9.5 m and gets in. I suggest to keep metres, but with two decimals. Shall I?",
        think="954 rounds to 9.5: the helper is right.",
    )
    told.says(
        "No. Lengths are whole centimetres everywhere in Harbourbook, metres exist only in templates. Take the "
        "conversion out of fit.py instead of adding decimals.",
        after_s=95,
    )
    new = "    needed = boat.length + CLEARANCE_CM\n    return needed <= berth.length"
    old = "    needed = in_metres(boat.length) + CLEARANCE\n    return needed <= in_metres(berth.length)"
    told.does(edit("src/berths/fit.py", FIT, old, new))
    failed = "E   NameError: name 'CLEARANCE_CM' is not defined\n1 failed, 14 passed in 0.61s"
    told.does(bash("pytest tests/berths -q", "Run the berth tests", failed, code=1))
    told.does(
        edit("src/berths/fit.py", FIT.replace(old, new), "CLEARANCE = 0.5\n", "CLEARANCE_CM = 50\n"),
        edit("tests/berths/test_fit.py", FIT_TEST, "    assert in_metres(995) == 9.9\n", ""),
        text="The constant still has its old name, and a test holds the old rounding.",
    )
    told.does(bash("pytest tests/berths -q", "Run the berth tests again", "14 passed in 0.58s"))
    told.answers("Done: fit.py compares whole centimetres, with a clearance of 50. The berth tests pass.")
    told.says(
        "Always run `make check` before you call something done: pytest alone skips the template tests.",
        after_s=60,
    )
    told.does(bash("make check", "Run all checks", "templates: 31 passed\nunit: 212 passed\nlint: clean", seconds=21.0))
    told.answers("`make check` passes: 31 template tests, 212 unit tests, lint clean.")
    return told


def form_wording(source: Teller) -> Teller:
    """A fork of the session before, taken after its first answer, that tries another idea."""
    told = Teller.session(
        "ada", folder="harbourbook", branch="fix/berth-length", model=OPUS, start="2026-09-15T13:02:40"
    )
    first_answer = next(i for i, line in enumerate(source.chain.lines, 1) if b'"turn_duration"' in line)
    told.copies(source, first_answer, start="2026-09-15T13:02:40")
    told.says("Let me try something else from here: could the form round the length up before it is sent?")
    told.does(read("src/web/templates/berth.html", FORM))
    told.answers(
        "It could, but the skipper would see another number than the one they typed, and the check in fit.py would "
        "still compare rounded values. I would not."
    )
    told.says("Agreed, the form sends exactly what the skipper typed. Leave it as it is.", after_s=30)
    told.answers("Nothing changed. The form keeps sending what was typed.")
    return told


def release_notes() -> Teller:
    """A slash command, an issue tracker over MCP, a web search and a skill."""
    told = Teller.session("ada", folder="harbourbook", branch="release/1.4", model=SONNET, start="2026-10-06T09:30:11")
    told.opens("Release 1.4")
    incidents.command(
        told.chain, "/review", arguments="the tide import before 1.4", body="Read the diff. Name faults by weight."
    )
    stat = " src/tides/importer.py | 41 +++++++++++++++++++------\n 1 file changed, 30 insertions(+), 11 deletions(-)"
    told.does(bash("git diff --stat main", "See what 1.4 changes", stat))
    told.answers("One fault of weight: the importer takes local time for UTC when a harbour has no zone set.")
    told.says("Is that the thing from issue HB-212? And does the tide service promise UTC at all? Look both up.")
    told.does(
        mcp(
            "tracker",
            "get_issue",
            {"key": "HB-212"},
            "HB-212 (open): Tide table of Port Ellis is one hour late in summer. Reported by the harbour master.",
        ),
        web_search(
            "tide prediction data format time zone UTC offset",
            [{"title": "Reading tide tables", "url": "https://tides.example.org/reading"}],
            "Predictions are usually given in the standard time of the station, without summer time; the offset stands "
            "in the header of the file.",
        ),
    )
    told.answers("Yes, it is HB-212. The service gives the station's standard time; the offset is in the header.")
    told.says(
        "Then this is the rule: tide times are stored in UTC and converted once, in the importer. Write the notes "
        "and put it in.",
        after_s=70,
    )
    told.does(skill("release-notes"))
    body = '"Base directory for this skill: .claude/skills/release-notes\\n\\nShort sentences, for harbour masters."'
    told.chain.prompt(body.encode(), fields=b',"isMeta":true', fresh=False)
    notes = "# 1.4\n\n- Tide times are right in summer (HB-212): they are stored in UTC.\n"
    told.does(write("docs/releases/1.4.md", notes))
    told.answers("The notes are in docs/releases/1.4.md, with the rule about tide times.")
    return told


def empty_export() -> Teller:
    """An error of a tool, one of the service, a refused command with its reason, and an interruption."""
    told = Teller.session("grace", folder="harbourbook", branch="main", model=OPUS, start="2026-11-03T07:45:52")
    told.opens("Empty nightly export")
    told.says("The nightly export wrote an empty file for Port Ellis. Why?")
    missing = "ls: cannot access 'exports/': No such file or directory"
    told.does(bash("ls -l exports/", "Look at the export", missing, code=2), read("src/exports/nightly.py", EXPORT))
    live = bash("harbourbook export port-ellis --env production", "Run the export once more", "")
    told.does(
        rejected(
            live,
            "Never run anything against production from a session. Use the staging copy, it is refreshed every night.",
        ),
        text="I will run the export once to see what it writes.",
    )
    incidents.fail(told.chain, gives_up=True)
    told.says("go on", after_s=130)
    told.does(bash("harbourbook export 'Port Ellis' --env staging | wc -l", "Run it on staging", "0"))
    told.does(text="I could now rewrite the export so that it reads the harbours from a list, and")
    incidents.interrupt(told.chain)
    told.says("Keep the fix small, we release today. Just make the names match.", after_s=20)
    told.does(
        edit("src/exports/nightly.py", EXPORT, "harbour.lower()", "harbour"),
        think="The store keeps names as they are written; lower() never matches a name with capitals.",
    )
    told.does(bash("make check", "Run all checks", "templates: 31 passed\nunit: 214 passed\nlint: clean", seconds=20.0))
    told.answers("The export lowered the harbour's name, the store does not. One line changed; `make check` passes.")
    return told


def no_shows() -> Teller:
    """Two definitions, a to-do list, a prompt typed while the agent works, and a confirmation."""
    told = Teller.session(
        "grace", folder="harbourbook-reports", branch="main", model=HAIKU, start="2026-11-17T14:20:33"
    )
    told.opens("No-shows in the monthly report")
    told.says(
        "The monthly report needs a count of no-shows. A no-show is a booking where nobody arrived by 20:00 local "
        "harbour time of the first night. A cancelled booking is never a no-show."
    )
    told.does(
        todos(("Read the report", "in_progress"), ("Count no-shows", "pending"), ("Test both rules", "pending")),
        read("src/report.py", REPORT),
        think="no_shows() ignores cancellations and the hour.",
    )
    incidents.queue(told.chain, b"\"and the zone is the harbour's, not the server's\"")
    old = "    return [b for b in bookings if b.arrived_at is None]"
    new = "    return [b for b in bookings if not b.cancelled and b.missed(hour=20, zone=b.harbour.zone)]"
    told.does(edit("src/report.py", REPORT, old, new), text="Understood, the harbour's own zone.")
    told.does(bash("make check", "Run all checks", "unit: 58 passed\nlint: clean", seconds=6.0))
    told.answers(
        "A booking counts as a no-show if it was not cancelled and nobody arrived by 20:00 in the harbour's zone "
        "on the first night. Is occupancy still to count no-shows as occupied?"
    )
    told.says("Yes, exactly: a no-show stays occupied, because the berth was held.", after_s=45)
    told.answers("Then occupancy stays as it is.")
    return told
