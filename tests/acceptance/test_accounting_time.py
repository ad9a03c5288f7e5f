"""Days in zones, active time and five-hour blocks (R32 to R34), worked out by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from accounting_builders import (
    DAY,
    Ledger,
    Line,
    agent_file,
    append,
    claude,
    codex,
    context,
    count,
    home,
    main_file,
    meta,
    packed,
    prompt,
    reply,
    rollout,
    sid,
    side,
    typed,
    usage,
    vector,
    write,
)

A, B = sid(1), sid(2)
SECOND = 1_000_000


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "data")


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    return home(tmp_path, "ada")


# R32: zones -----------------------------------------------------------------------------------------------------------

BORDERS = [
    # The first instant of a local day, and the day; offsets by hand.
    ("Asia/Kathmandu", "2026-02-10T18:15:00", "2026-02-11"),  # +5:45
    ("America/St_Johns", "2026-02-10T03:30:00", "2026-02-10"),  # -3:30
    ("America/St_Johns", "2026-07-01T02:30:00", "2026-07-01"),  # -2:30 in summer
    ("Pacific/Chatham", "2026-02-10T10:15:00", "2026-02-11"),  # +13:45 in summer
    ("Australia/Eucla", "2026-02-10T15:15:00", "2026-02-11"),  # +8:45
    ("Pacific/Marquesas", "2026-02-10T09:30:00", "2026-02-10"),  # -9:30
    ("Europe/Berlin", "2026-03-28T23:00:00", "2026-03-29"),  # a day of 23 hours begins at +1
    ("Europe/Berlin", "2026-03-29T22:00:00", "2026-03-30"),  # and ends at +2
    ("Europe/Berlin", "2026-10-24T22:00:00", "2026-10-25"),  # a day of 25 hours begins at +2
    ("Europe/Berlin", "2026-10-25T23:00:00", "2026-10-26"),  # and ends at +1
    ("America/St_Johns", "2026-03-08T03:30:00", "2026-03-08"),
    ("America/St_Johns", "2026-03-09T02:30:00", "2026-03-09"),
    ("Australia/Lord_Howe", "2026-04-04T13:00:00", "2026-04-05"),  # half an hour of summer time ends
    ("Australia/Lord_Howe", "2026-04-05T13:30:00", "2026-04-06"),
    ("UTC", "2026-02-10T00:00:00", "2026-02-10"),
]


def before(instant: str) -> str:
    """Return the last millisecond before a full quarter of an hour."""
    day, time = instant.split("T")
    hour, minute = int(time[:2]), int(time[3:5])
    minutes = hour * 60 + minute - 1
    if minutes < 0:
        return f"{day[:8]}{int(day[8:]) - 1:02}T23:59:59.999Z"
    return f"{day}T{minutes // 60:02}:{minutes % 60:02}:59.999Z"


@pytest.fixture(scope="module")
def borders(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """One millisecond before each border a request of 1 token, at the border one of 100; a project for each."""
    folder = tmp_path_factory.mktemp("borders")
    base = home(folder, "ada")
    for number, (_, instant, _) in enumerate(BORDERS):
        session, cwd = sid(number), f"/code/{number}"
        lines = [
            reply(f"before-{number}", session, before(instant), usage(1), cwd=cwd),
            reply(f"at-{number}", session, f"{instant}.000Z", usage(100), cwd=cwd),
        ]
        write(main_file(base, session), lines)
    return Ledger(folder / "data").take(base)


@pytest.mark.parametrize("number", range(len(BORDERS)), ids=[f"{zone} {day}" for zone, _, day in BORDERS])
def test_r32_local_day_begins_at_its_own_instant(borders: Ledger, number: int) -> None:
    zone, _, day = BORDERS[number]
    rows = borders.ask("usage", "daily", "--zone", zone, "--session", sid(number))
    found = [(row["date"], row["input_tokens"]) for row in rows if row["requests"]]
    assert [tokens for _, tokens in found] == [1, 100]
    assert found[1][0] == day and found[0][0] < day
    args = ("--zone", zone, "--session", sid(number))
    assert borders.counted("--since", day, *args)[1] == 100
    assert borders.counted("--until", found[0][0], *args)[1] == 1


def test_r32_zone_only_regroups(borders: Ledger) -> None:
    for zone in {zone for zone, _, _ in BORDERS}:
        for period in ("daily", "weekly", "monthly"):
            rows = borders.ask("usage", period, "--zone", zone)
            assert sum(row["input_tokens"] for row in rows) == 101 * len(BORDERS)


def test_r32_weeks_begin_on_monday_and_months_on_the_first_in_the_zone(ledger: Ledger, ada: Path) -> None:
    lines = [
        reply("w1", A, "2026-02-08T18:14:59.000Z", usage(1)),  # Sunday in Kathmandu
        reply("w2", A, "2026-02-08T18:15:00.000Z", usage(10)),  # Monday
        reply("m1", A, "2026-02-28T18:14:59.000Z", usage(100)),  # the last of February
        reply("m2", A, "2026-02-28T18:15:00.000Z", usage(1000)),  # the first of March
    ]
    write(main_file(ada, A), lines)
    ledger.take(ada)
    weeks = ledger.ask("usage", "weekly", "--zone", "Asia/Kathmandu")
    months = ledger.ask("usage", "monthly", "--zone", "Asia/Kathmandu")
    tokens = {row["date"]: row["input_tokens"] for row in weeks if row["requests"]}
    assert tokens == {"2026-02-02": 1, "2026-02-09": 10, "2026-02-23": 1100}
    assert {row["date"]: row["input_tokens"] for row in months} == {"2026-02-01": 111, "2026-03-01": 1000}


def test_r32_offset_in_a_line_is_the_same_instant(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [reply("m", A, "2026-02-10T01:00:00.000+05:45", usage(1))])
    (row,) = ledger.take(ada).ask("usage", "requests")
    assert row["at"] == "2026-02-09T19:15:00Z"


# R33: time ------------------------------------------------------------------------------------------------------------


def events(session: str, *times: str, **fields: object) -> list[Line]:
    """Prompts at some times of the day."""
    return [prompt(f"Look {time}.", session, time, uuid=f"{session}-{time}", **fields) for time in times]


def turn_end(session: str, time: str, milliseconds: object) -> Line:
    return claude("system", session, time, subtype="turn_duration", durationMs=milliseconds)


def build_gaps(base: Path) -> None:
    write(main_file(base, A), events(A, "10:00:00", "10:01:00", "10:20:00"))


def build_edge(base: Path) -> None:
    write(main_file(base, A), events(A, "10:00:00", "10:05:00", "10:10:01"))


def build_disorder(base: Path) -> None:
    write(main_file(base, A), events(A, "10:02:00", "10:00:00", "10:01:00"))


def build_parallel(base: Path) -> None:
    write(main_file(base, A), events(A, "10:00:00", "10:04:00"))
    write(main_file(base, B), events(B, "10:02:00", "10:06:00"))


def build_nested(base: Path) -> None:
    write(main_file(base, A), events(A, "10:00:00", "10:04:00", "10:08:00"))
    write(main_file(base, B), events(B, "10:02:00", "10:03:00"))


def build_agents(base: Path) -> None:
    write(main_file(base, A), events(A, "10:00:00", "10:02:00", "10:04:00"))
    for agent in ("x1", "x2"):
        lines = [side(line, agent) for line in events(A, "10:01:00", "10:03:00")]
        write(agent_file(base, A, agent), lines)


def build_turn(base: Path) -> None:
    write(main_file(base, A), [*events(A, "10:00:00", "10:10:00"), turn_end(A, "10:10:00", 600_000)])


def build_odd_turn(base: Path) -> None:
    ends = [turn_end(A, "10:10:00", odd) for odd in (None, -1, "long", 2**70)]
    write(main_file(base, A), [*events(A, "10:00:00", "10:10:00"), *ends])


def build_one(base: Path) -> None:
    write(main_file(base, A), events(A, "10:00:00"))


def build_codex(base: Path) -> None:
    total = vector(10, 0, 1)
    lines = [
        meta(A, "10:00:00"),
        context("10:00:00"),
        typed("Look.", "10:00:00"),
        count("10:02:00", total, total),
        typed("Again.", "10:30:00"),
    ]
    write(rollout(base, A), lines)


CASES: dict[str, tuple[Callable[[Path], None], tuple[int, int, int | None]]] = {
    # user, agents, wall in seconds
    "a gap counts at most 300 s": (build_gaps, (360, 360, 1200)),
    "a gap of exactly 300 s counts whole": (build_edge, (600, 600, 601)),
    "order in the file has no say": (build_disorder, (120, 120, 120)),
    "two sessions at once are active once": (build_parallel, (360, 480, None)),
    "a session within another adds nothing to the user": (build_nested, (480, 540, None)),
    "parallel sub-agents add up for agents only": (build_agents, (240, 480, 240)),
    "a turn with a recorded length counts whole": (build_turn, (600, 600, 600)),
    "an odd turn length is none": (build_odd_turn, (300, 300, 600)),
    "a single event takes no time": (build_one, (0, 0, 0)),
    "codex": (build_codex, (420, 420, 1800)),
}


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, ...]]:
    """User-active, agents' and wall time in seconds; each case in a ledger's home of its own person.

    Sessions of people differ by their ids, so that nothing is a copy of anything.
    """
    folder = tmp_path_factory.mktemp("times")
    ledger = Ledger(folder / "data")
    for number, (build, _) in enumerate(CASES.values()):
        base = home(folder, f"p{number}")
        build(base)
        for path in sorted(base.rglob("*.jsonl"), reverse=True):
            own = {each: each.replace("0000-4000", f"{number + 1:04d}-4000") for each in (A, B)}
            data, name = path.read_text(), str(path)
            for old, new in own.items():
                data, name = data.replace(old, new), name.replace(old, new)
            path.unlink()
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(data)
        ledger.collect(base)
    ledger.run()
    rows = {row["person"]: row for row in ledger.ask("usage", "time")}
    found = {}
    for number, name in enumerate(CASES):
        row = rows.get(f"p{number}", {"user_active_us": 0, "agent_us": 0, "wall_us": 0})
        found[name] = tuple(row[each] / SECOND for each in ("user_active_us", "agent_us", "wall_us"))
    return found


@pytest.mark.parametrize("name", CASES)
def test_r33_three_figures_of_time(times: dict[str, tuple[int, ...]], name: str) -> None:
    user, agents, wall = CASES[name][1]
    assert times[name][:2] == (user, agents)
    if wall is not None:
        assert times[name][2] == wall


def seconds(ledger: Ledger, *args: str) -> dict[str, tuple[float, ...]]:
    rows = ledger.ask("usage", "time", *args)
    return {row["date"]: (row["user_active_us"] / SECOND, row["agent_us"] / SECOND) for row in rows}


def test_r33_time_over_midnight_is_split_between_the_days_of_the_zone(ledger: Ledger, ada: Path) -> None:
    lines = [
        *events(A, "2026-02-10T18:13:00.000Z", "2026-02-10T18:17:30.000Z"),
        *events(A, "2026-02-10T23:58:00.000Z", "2026-02-11T00:02:30.000Z"),
    ]
    write(main_file(ada, A), lines)
    ledger.take(ada)
    rest = 300  # the gap from 18:17:30 on
    assert seconds(ledger) == {DAY: (270 + rest + 120, 270 + rest + 120), "2026-02-11": (150, 150)}
    assert seconds(ledger, "--zone", "Asia/Kathmandu") == {
        DAY: (120, 120),
        "2026-02-11": (150 + rest + 270, 150 + rest + 270),
    }


def test_r33_time_does_not_depend_on_the_order_of_arrival(tmp_path: Path, ada: Path) -> None:
    lines = [*events(A, "10:00:00", "10:09:00", "10:10:00", "10:30:00"), turn_end(A, "10:30:00", 900_000)]
    path = write(main_file(ada, A), lines)
    other = write(main_file(ada, B), events(B, "10:05:00", "10:08:00"))
    whole = Ledger(tmp_path / "whole").take(ada).call("usage", "time", "--json")
    slow = Ledger(tmp_path / "slow").take(ada)
    path.unlink()
    other.unlink()
    slow = Ledger(tmp_path / "slow-2")
    write(main_file(ada, B), events(B, "10:05:00", "10:08:00"))
    slow.take(ada)
    path.write_bytes(b"")
    for line in lines:
        path.write_bytes(path.read_bytes() + packed(line))
        slow.take(ada)
    assert slow.call("usage", "time", "--json") == whole


def test_r33_reading_again_adds_no_time(ledger: Ledger, ada: Path) -> None:
    path = write(main_file(ada, A), events(A, "10:00:00", "10:01:00"))
    before_it = ledger.take(ada).call("usage", "time", "--json")
    write(path, events(A, "10:00:00"))
    assert ledger.take(ada).call("usage", "time", "--json") == before_it
    append(path, events(A, "10:01:00"))
    assert ledger.take(ada).call("usage", "time", "--json") == before_it


# R34: blocks ----------------------------------------------------------------------------------------------------------


def blocks(ledger: Ledger, base: Path, *times: str) -> list[tuple[str, str, int]]:
    """Write a request a time, return start, end and requests of the blocks of the day."""
    write(main_file(base, A), [reply(f"m{n}", A, time, usage(10, n)) for n, time in enumerate(times)])
    rows = ledger.take(base).ask("usage", "blocks")
    assert all(row["estimate"] is True and row["person"] == "ada" for row in rows)
    assert sum(row["tokens"] for row in rows) == sum(10 + n for n in range(len(times)))
    assert sum(row["cost_usd_micros"] for row in rows) == sum(30 + 15 * n for n in range(len(times)))
    return [(row["start"][:16], row["end"][:16], row["requests"]) for row in rows]


def test_r34_block_begins_at_the_full_utc_hour_and_lasts_five(ledger: Ledger, ada: Path) -> None:
    assert blocks(ledger, ada, "10:37:00", "12:00:00", "14:59:59") == [(f"{DAY}T10:00", f"{DAY}T15:00", 3)]


def test_r34_request_after_five_hours_from_the_start_opens_the_next(ledger: Ledger, ada: Path) -> None:
    found = blocks(ledger, ada, "10:37:00", "14:59:59", "15:20:00", "19:59:00", "20:01:00")
    assert found == [
        (f"{DAY}T10:00", f"{DAY}T15:00", 2),
        (f"{DAY}T15:00", f"{DAY}T20:00", 2),
        (f"{DAY}T20:00", "2026-02-11T01:00", 1),
    ]


def test_r34_request_at_the_end_of_a_block_opens_the_next(ledger: Ledger, ada: Path) -> None:
    found = blocks(ledger, ada, "10:00:00", "15:00:00")
    assert found == [(f"{DAY}T10:00", f"{DAY}T15:00", 1), (f"{DAY}T15:00", f"{DAY}T20:00", 1)]


def test_r34_request_after_five_idle_hours_opens_the_next_at_its_own_hour(ledger: Ledger, ada: Path) -> None:
    found = blocks(ledger, ada, "03:10:00", "04:00:00", "13:45:00")
    assert found == [(f"{DAY}T03:00", f"{DAY}T08:00", 2), (f"{DAY}T13:00", f"{DAY}T18:00", 1)]


def test_r34_block_over_midnight_is_one(ledger: Ledger, ada: Path) -> None:
    found = blocks(ledger, ada, "22:30:00", "2026-02-11T02:59:00.000Z", "2026-02-11T03:01:00.000Z")
    assert found == [
        (f"{DAY}T22:00", "2026-02-11T03:00", 2),
        ("2026-02-11T03:00", "2026-02-11T08:00", 1),
    ]


def test_r34_request_that_arrives_later_moves_the_blocks(ledger: Ledger, ada: Path) -> None:
    write(main_file(ada, A), [reply("m1", A, "12:30:00", usage(10)), reply("m2", A, "16:30:00", usage(10))])
    ledger.take(ada)
    write(main_file(ada, B), [reply("m0", B, "09:10:00", usage(10))])
    rows = ledger.take(ada).ask("usage", "blocks")
    assert [(row["start"][11:16], row["requests"]) for row in rows] == [("09:00", 2), ("16:00", 1)]


def test_r34_blocks_of_people_and_agents_are_their_own(ledger: Ledger, tmp_path: Path) -> None:
    ada, grace = home(tmp_path, "ada"), home(tmp_path, "grace")
    write(main_file(ada, A), [reply("m1", A, "10:30:00", usage(10))])
    write(main_file(grace, B), [reply("m2", B, "11:30:00", usage(10))])
    total = vector(10, 0, 1)
    write(rollout(ada, sid(3)), [meta(sid(3)), context("12:00:00"), count("12:30:00", total, total)])
    rows = ledger.take(ada, grace).ask("usage", "blocks")
    found = {(row["person"], row["agent"]): row["start"][11:16] for row in rows}
    assert found == {("ada", "claude-code"): "10:00", ("grace", "claude-code"): "11:00", ("ada", "codex"): "12:00"}


def test_r34_blocks_say_that_they_are_an_estimate(ledger: Ledger, ada: Path) -> None:
    blocks(ledger, ada, "10:00:00")
    assert "estimate" in ledger.say("usage", "blocks").lower()


def test_r25_windows_are_no_official_figures_without_captured_rate_limits(ledger: Ledger, ada: Path) -> None:
    limits = {"primary": {"used_percent": 12.0, "window_minutes": 300, "resets_in_seconds": 60}, "plan_type": "pro"}
    total = vector(10, 0, 1)
    info = {"total_token_usage": total, "last_token_usage": total}
    counted = codex("event_msg", "10:00:30", type="token_count", info=info, rate_limits=limits)
    write(rollout(ada, A), [meta(A), context("10:00:00"), counted])
    (row,) = ledger.take(ada).ask("usage", "blocks")
    assert row["estimate"] is True
