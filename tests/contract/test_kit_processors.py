"""Every installed processor keeps what the kit's contract asks of one."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from conftest import NewDatabase
from ledgers import USAGE, ledger
from precedent import plugins
from precedent.testing import Pipeline, ProcessorContract


def known(pipeline: Pipeline) -> dict[str, list[str]]:
    """Return every statement that somebody made with where they made it, and what each reading came to."""
    files = {row["id"]: row["session_file"] for row in pipeline.rows("transcript")}
    items = {row["id"]: (row["title"], row["content"]) for row in pipeline.rows("knowledge_item")}
    said = [
        repr(
            (*items[row["item_id"]], row["kind"], row["quote"], row["line"], row["start"], files[row["transcript_id"]])
        )
        for row in pipeline.rows("knowledge_evidence")
    ]
    readings = [
        repr(sorted((row | {"transcript_id": files[row["transcript_id"]]}).items()))
        for row in pipeline.rows("knowledge_reading")
    ]
    return {"said": sorted(said), "readings": sorted(readings)}


class TestSecrets(ProcessorContract):
    processor = "precedent.processors.secrets:PROCESSOR"


class TestFriction(ProcessorContract):
    processor = "precedent.processors.friction:PROCESSOR"


class TestUsage(ProcessorContract):
    processor = "precedent.processors.usage:PROCESSOR"
    forgets = False  # what was billed stays billed

    def outcome(self, pipeline: Pipeline) -> object:
        return ledger(pipeline.store, tables=USAGE)


class TestVerification(ProcessorContract):
    processor = "precedent.processors.verification:PROCESSOR"

    def outcome(self, pipeline: Pipeline) -> object:
        return known(pipeline)  # ids, versions and times of items depend on the order of work


class OnPostgres(ProcessorContract):
    """The same promises on the other database, with databases that are dropped after each test."""

    @pytest.fixture(autouse=True)
    def databases(self, postgres_url: NewDatabase) -> Iterator[None]:
        self._urls: list[str] = []
        self._new = postgres_url
        yield
        for url in self._urls:
            postgres_url.drop(url)

    def pipeline(self, *, children: bool = False) -> Pipeline:
        self._urls.append(self._new())
        return Pipeline(self.processor, children=children, database_url=self._urls[-1])


class TestUsageOnPostgres(OnPostgres):
    processor = TestUsage.processor
    forgets = False
    outcome = TestUsage.outcome  # numbers of names depend on the order of work


class TestVerificationOnPostgres(OnPostgres):
    processor = TestVerification.processor
    outcome = TestVerification.outcome


@pytest.mark.parametrize("plugin", plugins.installed(plugins.PROCESSORS), ids=lambda plugin: plugin.name)
def test_a_child_that_extracts_loads_no_database_library(plugin: plugins.Plugin) -> None:
    code = (
        "import importlib, sys; from precedent.pipeline.child import load; load(sys.argv[1]); "
        "importlib.import_module(sys.argv[1].partition(':')[0] + '.extract'); "
        "sys.exit(bool({'sqlalchemy', 'psycopg', 'precedent.archive', 'precedent.store'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code, plugin.path], check=True, timeout=60)


def test_every_installed_processor_has_its_suite() -> None:
    suites = [each for each in globals().values() if isinstance(each, type) and issubclass(each, ProcessorContract)]
    tried = {each.processor for each in suites if "processor" in vars(each)}
    assert {plugin.path for plugin in plugins.installed(plugins.PROCESSORS)} <= tried
