"""The documentation names everything that the program has, and nothing that it points to is missing."""

import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from precedent import errors, faults, testing
from precedent.app import App
from precedent.archive.backup import BackupStats
from precedent.archive.collect import CollectStats
from precedent.archive.erasing import Receipt
from precedent.cli import cli
from precedent.cli.auditing import AuditEntry, AuditVerdict
from precedent.client.pushing import PushStats
from precedent.http.access import routes_of
from precedent.http.errors import STATUS
from precedent.jobs.housekeeping import HousekeepingStats
from precedent.knowledge.notes.listing import NoteRow
from precedent.knowledge.notes.model import MemoryStats
from precedent.pipeline.backlog import Backlog, FailedTranscript
from precedent.pipeline.importing import ImportStats
from precedent.pipeline.retry import MAX_ATTEMPTS
from precedent.pipeline.stats import RunStats
from precedent.pipeline.wishes import Wish
from precedent.plugins import PROCESSORS, READERS, installed
from precedent.processors.friction.rows import MomentShown, SessionFriction, ToolFriction
from precedent.processors.secrets.rows import MarkedPlace, MarkTotals
from precedent.server import create
from precedent.settings import SETTINGS, load
from precedent.store.schema import REVISION, metadata
from precedent.telemetry.figures import Archived, Figures, JobFigures, ProcessorFigures
from precedent.telemetry.health import Check
from precedent.telemetry.metrics import Metrics, Scrape
from precedent.telemetry.totals import BUCKETS, Total
from precedent.usage.blocks import Block
from precedent.usage.facts import EVENT_KINDS
from precedent.usage.report import DIMENSIONS, CostMode, EventTotals, Totals
from precedent.usage.requests import TracedRequest
from precedent.usage.sessions import SessionSummary, TranscriptDetail
from precedent.usage.time_spent import TimeSpent

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
OURS = re.compile(r"/root/|/Users/[A-Za-z]+")
"""Folders of the people who write this, which mean nothing to anybody else."""


def read(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def section(page: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of any level; fail when there is no such heading."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found.group(1)


def named(text: str) -> set[str]:
    """Return every word that stands in code quotes, options without their values."""
    return {word.strip(",") for code in CODE.findall(text) for word in code.split()}


def first_cells(text: str) -> set[str]:
    """Return what the first column of the tables names in code quotes."""
    return {code for line in text.splitlines() if line.startswith("|") for code in CODE.findall(line.split("|")[1])}


def commands(command: Any, path: str = "precedent") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something with its full name."""
    inner = getattr(command, "commands", {})
    if not inner or path == "precedent":
        yield path, command
    for name, each in inner.items():
        yield from commands(each, f"{path} {name}")


COMMANDS = dict(commands(typer.main.get_command(cli)))
FIELDS = {
    "precedent collect": CollectStats,
    "precedent import-state": ImportStats,
    "precedent run": RunStats,
    "precedent push": PushStats,
    "precedent status": Backlog,
    "precedent usage tools": EventTotals,
    "precedent usage time": TimeSpent,
    "precedent usage blocks": Block,
    "precedent usage requests": TracedRequest,
    "precedent sessions list": SessionSummary,
    "precedent sessions show": TranscriptDetail,
    "precedent dead list": FailedTranscript,
    "precedent secrets list": MarkedPlace,
    "precedent secrets by": MarkTotals,
    "precedent friction list": SessionFriction,
    "precedent friction tools": ToolFriction,
    "precedent friction show": MomentShown,
    "precedent doctor": Check,
    "precedent housekeeping": HousekeepingStats,
    "precedent memory run": MemoryStats,
    "precedent memory list": NoteRow,
    "precedent backup": BackupStats,
    "precedent receipts list": Receipt,
    "precedent consent show": Wish,
    "precedent audit list": AuditEntry,
    "precedent audit verify": AuditVerdict,
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_documented_with_all_its_options(name: str) -> None:
    words = named(section(read("cli.md"), f"`{name}`"))
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "option":
            assert set(parameter.opts) & words, f"{name} {parameter.opts}"


def test_no_command_is_documented_that_does_not_exist() -> None:
    headings = [heading for heading in HEADING.findall(read("cli.md")) if heading.startswith("`precedent")]
    assert {heading.strip("`") for heading in headings} == set(COMMANDS)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_the_json_of_a_command_is_documented(name: str) -> None:
    wanted = set(FIELDS[name].__struct_fields__) - {"group"}
    assert wanted <= named(section(read("cli.md"), f"`{name}`"))


def test_every_sum_and_every_choice_of_a_report_is_documented() -> None:
    page = read("cli.md")
    assert set(Totals.__struct_fields__) - {"group"} == first_cells(section(page, "Sums"))
    assert {mode.value for mode in CostMode} <= named(section(page, "Filters"))
    assert set(DIMENSIONS) <= named(section(page, "`precedent usage by`"))
    assert set(EVENT_KINDS) <= named(section(page, "`precedent usage tools`"))


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_documented_with_variable_and_default(name: str) -> None:
    rows = [line for line in read("settings.md").splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    default = SETTINGS[name].default
    if default in {None, ""}:
        shown = "none"
    else:
        shown = "`[]`" if default == () else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    assert [cell.strip() for cell in rows[0].split("|")[2:4]] == [f"`{SETTINGS[name].variable}`", shown]


@pytest.mark.parametrize(
    "name",
    [name for name, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.PrecedentError)],
)
def test_an_error_is_documented(name: str) -> None:
    page = read("errors.md")
    assert name in first_cells(page)
    assert re.search(rf"\b{name}\b", FENCE.findall(page)[0]), "not in the tree"


def test_no_error_is_documented_that_does_not_exist() -> None:
    tree = FENCE.findall(read("errors.md"))[0]
    assert all(hasattr(errors, name) for name in re.findall(r"\b[A-Z][a-z]+[A-Za-z]*\b", tree))


def test_every_class_of_failures_is_documented_with_its_attempts() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", read("errors.md"), re.MULTILINE)
    assert {name: int(attempts) for name, attempts in rows} == MAX_ATTEMPTS


@pytest.mark.parametrize("name", metadata.tables)
def test_a_table_is_documented_column_by_column(name: str) -> None:
    text = section(read("database.md"), f"`{name}`")
    assert first_cells(text) == set(metadata.tables[name].columns.keys())


def test_no_table_is_documented_that_does_not_exist() -> None:
    headings = [heading.strip("`") for heading in HEADING.findall(read("database.md")) if heading.startswith("`")]
    assert set(headings) == set(metadata.tables)
    assert f"Schema revision: `{REVISION}`" in read("database.md")


@pytest.mark.parametrize(("name", "pages"), [("api.md", False), ("web.md", True)])
def test_every_route_is_documented_with_who_may_call_it(name: str, pages: bool, tmp_path: Path) -> None:
    app = App(load(data_dir=tmp_path))
    routes = routes_of(create(app))
    rows = [line.split("|") for line in read(name).splitlines() if line.startswith("| `") and "/" in line]
    told = {CODE.findall(row[1])[0]: row[2].strip() for row in rows if " /" in row[1]}
    wanted = {}
    for each in routes:
        if each.access is None or each.page is not pages:
            continue
        scope = each.access.scope.value if each.access.roles and each.access.scope else "read"
        who = ", ".join(sorted(each.access.roles)) or "everybody"
        wanted[f"{each.method} {each.path}"] = who if scope == "read" else f"{who}; {scope}"
    assert told == wanted


def test_every_status_of_an_error_is_documented() -> None:
    rows = [line.split("|") for line in section(read("api.md"), "Errors").splitlines() if line.startswith("| ")]
    told = {
        (int(status), code)
        for row in rows[1:]
        for status in re.findall("[0-9]+", row[1])
        for code in CODE.findall(row[2])
    }
    assert set(STATUS.values()) <= told


def test_every_fault_point_is_documented() -> None:
    assert first_cells(read("faults.md")) == set(faults.POINTS)


@pytest.mark.parametrize("plugin", [each.name for group in (READERS, PROCESSORS) for each in installed(group)])
def test_a_reader_or_processor_is_documented(plugin: str) -> None:
    assert plugin in named(section(read("cli.md"), "`precedent plugins`"))


def test_the_glossary_is_in_order_and_defines_each_word_once() -> None:
    words = re.findall(r"^\| ([^|]+) \| ", read("glossary.md"), re.MULTILINE)[1:]
    assert words == sorted(set(words), key=str.casefold)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if "://" in link:
            continue
        name, _, fragment = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if fragment:
            assert fragment in anchors(target), link


def anchors(page: Path) -> set[str]:
    """Return the names that headings have as the targets of links."""
    headings = HEADING.findall(FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_no_place_of_those_who_wrote_it(page: Path) -> None:
    assert OURS.findall(page.read_text("utf-8")) == []


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(index.read_text("utf-8"))}
    assert {page for page in PAGES if page.is_relative_to(index.parent) and page != index} <= linked


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert "make run" in text and "make test" in text
    makefile = (ROOT / "Makefile").read_text("utf-8")
    documented = set(re.findall(r"`make (\w+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
    assert set(re.findall(r"^(\w+):", makefile, re.MULTILINE)) == documented


def test_every_name_of_the_kit_is_documented() -> None:
    page = read("testing.md")
    told = set(re.findall(r"\w+", " ".join([*CODE.findall(page), *FENCE.findall(page)])))
    assert set(testing.__all__) <= told


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    wanted = [*project["dependencies"], *extras]
    names = {re.split(r"[=<>]", each)[0] for each in wanted}
    assert names == first_cells((ROOT / "docs" / "decisions" / "0003-dependencies.md").read_text("utf-8"))


def metrics() -> set[str]:
    """Return the name of every metric, as a scrape of a server that has done something shows it."""
    job = JobFigures("j", "", 0, 1, 1, 1, 1)
    processor = ProcessorFigures("p", 1, 0, 0, 0, 1, "", 1)
    totals = [Total("j", "done", 1, 1, 1, (1,) * len(BUCKETS))]
    figures = Figures(2, REVISION, {"j": job}, {"p": processor}, totals, 1, 1, 1, 1, 1, True)
    found = Metrics(lambda: Scrape(figures, Archived(1, 1, 1), 1, 0, {"posthog": 0}))
    found.request(route="/x", method="GET", status=200, seconds=0.1)
    kinds = re.findall(r"^# TYPE (\S+) (\w+)$", found.text().decode(), re.MULTILINE)
    return {name for name, _ in kinds}


def test_every_metric_is_documented_and_no_other() -> None:
    page = read("metrics.md")
    named_here = set(re.findall(r"`((?:precedent|process|python)_\w+)`", page))
    assert named_here == metrics()
    assert first_cells(page) == {name for name in metrics() if name.startswith("precedent_")}


def test_every_check_and_every_alert_is_documented() -> None:
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text("utf-8")
    for module in ("health", "alerts"):
        source = (ROOT / "src" / "precedent" / "telemetry" / f"{module}.py").read_text("utf-8")
        for name in re.findall(r'(?:Check|Raised)\(f?"([a-z- ]+)', source):
            assert re.search(rf"`{re.escape(name.strip())}[ :`]", page), name


def test_the_structures_compared_here_are_structures() -> None:
    assert all(issubclass(each, msgspec.Struct) for each in FIELDS.values())
