"""The sample sessions of Codex: a plain one of Ada's, and one of Grace's with a sub-agent."""

from random import Random

from benchmarks.claude_lines import dump, uuid
from benchmarks.codex_lines import Meta, Rollout, Totals

from ._sample_teller import milliseconds

MODEL, VERSION = "gpt-5.4", b"0.147.0"


class CodexTeller:
    """One rollout of a sample home."""

    def __init__(self, home: str, *, at_ms: int, parent: "CodexTeller | None" = None) -> None:
        self.home = home
        self._rng, self._cwd = Random(f"codex {home} {at_ms}"), f"/home/{home}/harbourbook"
        self._context: int = parent._context if parent else 11_800
        self._spawned = (b"", "")  # the call that started a sub-agent, and the sub-agent's id
        says = dump("You are a coding agent in a terminal. Be brief.")
        meta = Meta.fresh(self._rng, at_ms=at_ms, cwd=self._cwd.encode(), version=VERSION, instructions=says)
        self.rollout = Rollout(meta, at_ms)
        self.rollout.open(parent=parent.rollout if parent else None, spawned=parent is not None)
        place = f"<environment_context>\n  <cwd>{self._cwd}</cwd>\n  <shell>bash</shell>\n</environment_context>"
        rules = dump("<permissions instructions>Write inside the working folder only.</permissions instructions>")
        self._preface: tuple[tuple[bytes, bytes], ...] = ((b"developer", rules), (b"user", dump(place)))

    def says(self, text: str, *, after_s: float = 35) -> None:
        """A person types a prompt; for a spawned rollout it is the parent's task."""
        self.rollout.wait(after_s)
        self.rollout.begin(uuid(self._rng), model=MODEL, prompt=dump(text), preface=self._preface)
        self._preface = ()

    def runs(self, command: str, output: str, *, twice: bool = False) -> None:
        """The agent runs a shell command; `twice` repeats the counters, as Codex now and then does."""
        call_id = self._call("exec_command", {"cmd": command, "workdir": self._cwd}, twice=twice)
        self.rollout.wait(0.4)
        self.rollout.returned(call_id, dump(output))
        self._context += len(output) // 4

    def spawns(self, task: str) -> "CodexTeller":
        """The agent starts a sub-agent, whose rollout begins with a copy of this one."""
        call_id = self._call("spawn_agent", {"message": task})
        helper = CodexTeller(self.home, at_ms=self.rollout.at_ms + 900, parent=self)
        helper.says(task, after_s=0.2)
        self._spawned = (call_id, helper.rollout.meta.id.decode())
        return helper

    def joins(self, helper: "CodexTeller") -> None:
        """The agent hears from the sub-agent that it started last."""
        call_id, agent = self._spawned
        self.rollout.at_ms = helper.rollout.at_ms + 50
        self.rollout.returned(call_id, dump(f'{{"agent_id":"{agent}","status":"completed"}}'))

    def answers(self, text: str) -> None:
        """The agent ends its turn."""
        self.rollout.wait(3.1)
        self.rollout.answer(dump(text), self._bill(len(text)))

    def _call(self, name: str, arguments: dict[str, object], *, twice: bool = False) -> bytes:
        call_id = b"call_%012x" % self._rng.getrandbits(48)
        self.rollout.wait(2.6)
        self.rollout.call(name.encode(), arguments, call_id)
        self.rollout.bill(self._bill(len(str(arguments))), twice=twice)
        return call_id

    def _bill(self, size: int) -> Totals:
        given, output = self._context + 260, 40 + size // 3
        cached = self._context - self._context % 128
        self._context = given + output
        return Totals(given, cached, output, output // 3)


def tide_index() -> CodexTeller:
    """A slow query and the rule how indexes are added."""
    told = CodexTeller("ada", at_ms=milliseconds("2026-10-20T10:05:18"))
    told.says("The tide page takes four seconds for a year of Port Ellis. Find the slow query.")
    told.runs("harbourbook explain tides --harbour 'Port Ellis' --year 2026", "SCAN tides\n3,914 ms", twice=True)
    told.runs("sed -n 1,4p src/tides/query.py", "SELECT at_utc, height_cm FROM tides WHERE harbour = ? ORDER BY 1")
    told.answers("The table is read whole: there is no index on (harbour, at_utc). I can add one with CREATE INDEX.")
    told.says("Yes, but through a migration: we never change the schema by hand. `make migration` writes the frame.")
    told.runs("make migration name=tide_index", "written: migrations/0031_tide_index.sql")
    patch = "*** Update File: migrations/0031_tide_index.sql\n+CREATE INDEX tides_by_time ON tides (harbour, at_utc);"
    told.runs(f"apply_patch <<'EOF'\n*** Begin Patch\n{patch}\n*** End Patch\nEOF", "Success. Updated 1 file")
    told.runs("make check", "templates: 31 passed\nunit: 213 passed\nlint: clean")
    told.answers("Migration 0031 adds the index; the query now takes 12 ms, and `make check` passes.")
    return told


def invoice_rounding() -> tuple[CodexTeller, CodexTeller]:
    """A question about money, and the sub-agent that looks for its answer."""
    told = CodexTeller("grace", at_ms=milliseconds("2026-11-10T16:40:02"))
    told.says("A skipper was billed 41.98 instead of 42.00 for three nights. Where do we lose the cents?")
    told.runs(
        "grep -rn 'per_night' src/billing", "src/billing/invoice.py:22:    per_night = round(total * share / nights)"
    )
    told.answers("invoice.py rounds the price of each night and sums the rounded prices: line 22.")
    told.says(
        "Prices are integer cents, and only the sum of an invoice is ever rounded. Change it wherever we do that."
    )
    helper = told.spawns("List every place in src/billing that rounds before it sums.")
    helper.runs("grep -rn 'round(' src/billing", "src/billing/invoice.py:22\nsrc/billing/deposit.py:9")
    helper.answers("Two: invoice.py line 22, and deposit.py line 9, which rounds each night's deposit.")
    told.joins(helper)
    told.runs("make check", "templates: 31 passed\nunit: 217 passed\nlint: clean")
    told.answers("invoice.py and deposit.py now sum integer cents and round once, at the end.")
    return told, helper
