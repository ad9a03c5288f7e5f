"""Prose, code and logs made from word lists of our own; knows nothing of transcripts."""

import math
from random import Random
from statistics import NormalDist

SUBJECTS = (
    "the parser,the queue,our cache,the retry loop,this migration,the export job,the login form,the nightly build,"
    "the price table,the search index,the worker,the second replica,the feature flag,the upload handler,the scheduler,"
    "the fixture,the settings page,the billing report,the audit trail,the webhook,the rate limiter,the tokenizer"
).split(",")
VERBS = (
    "drops,repeats,rounds,skips,locks,returns,stores,rebuilds,ignores,reads,writes,merges,splits,delays,counts,"
    "validates,logs,escapes,closes,refreshes,sorts,truncates"
).split(",")
OBJECTS = (
    "the last row,an empty list,every second event,the stale token,a null column,the whole batch,the old schema,"
    "the first page,a partial line,the user's zone,the lock file,the checksum,two invoices,the retry counter,"
    "the open cursor,a duplicate key,the response header,the trailing newline,the staging bucket,a naïve datetime"
).split(",")
TAILS = (
    "when the disk is full,after a restart,on the first Monday,before the commit,under load,in the staging region,"
    "unless the flag is set,for accounts without a plan,because the test mocks it,whenever two workers start at once,"
    "as the ticket says,which is what we want,so the totals no longer match,and nobody noticed,if it has a “quote”"
).split(",")
OPENERS = "Now ,Next: ,I see that ,It looks like ,Let me check why ,As I read it, ,Note that ,Also, ,".split(",")
NAMES = (
    "account batch bucket cache client column config cursor entry event filter handler header index invoice job key "
    "ledger limit line lock message offset order owner page parser payload plan price queue record region report "
    "request result retry row schema session shard snapshot source state stream table target task token total user "
    "value window worker zone"
).split()
ACTIONS = "apply build check close collect count fetch find flush load merge open parse read render save send".split()
TYPES = "int str bytes float bool Path datetime Decimal".split()
FOLDERS = "api billing core export jobs search store sync users web".split()
LEVELS = "DEBUG INFO INFO INFO WARN ERROR".split()


def sizes(count: int, *, median: float, sigma: float, low: int, high: int) -> list[int]:
    """Return the quantiles of a log-normal distribution in rising order: the same shape for every seed."""
    normal, mu = NormalDist(), math.log(median)
    return [min(high, max(low, round(math.exp(mu + sigma * normal.inv_cdf((i + 0.5) / count))))) for i in range(count)]


class Words:
    """Makes text of wanted lengths; everything it returns follows from the seed."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._sentences = [self._sentence() for _ in range(1200)]
        self._functions = [self._function() for _ in range(600)]
        self._log = "\n".join(self._log_line() for _ in range(4500))

    def prose(self, length: int) -> str:
        """Return sentences of about `length` characters, at least one; long ones have paragraphs and lists."""
        pieces: list[str] = []
        total = 0
        while total < length or not pieces:
            piece = self._rng.choice(self._sentences)
            if total > 400 and self._rng.random() < 0.2:
                piece = self._rng.choice(("\n\n", "\n- ", "\n\n## ", "\n```\n")) + piece
            pieces.append(piece)
            total += len(piece) + 1
        return " ".join(pieces)[: max(length, 12)].rstrip()

    def log(self, length: int) -> str:
        """Return whole lines of tool output of about `length` characters."""
        start = self._log.index("\n", self._rng.randrange(max(1, len(self._log) - length - 400))) + 1
        end = self._log.find("\n", start + length)
        return self._log[start : end if end >= 0 else None]

    def code(self, length: int) -> list[str]:
        """Return the lines of a source file of about `length` characters."""
        lines = ['"""' + self._rng.choice(self._sentences) + '"""', "", "import json", "import logging", ""]
        total = sum(map(len, lines)) + len(lines)
        while total < length:
            block = self._rng.choice(self._functions)
            lines += block
            total += sum(map(len, block)) + len(block)
        return lines

    def path(self) -> str:
        """Return a relative path of a source file."""
        pick = self._rng.choice
        return f"src/{pick(FOLDERS)}/{pick(NAMES)}_{pick(NAMES)}.{pick(('py', 'py', 'ts', 'md'))}"

    def name(self) -> str:
        """Return an identifier."""
        return f"{self._rng.choice(ACTIONS)}_{self._rng.choice(NAMES)}"

    def command(self) -> str:
        """Return a shell command."""
        pick = self._rng.choice
        return pick(
            (
                f"pytest tests/{pick(FOLDERS)} -q -k {self.name()} 2>&1 | tail -{self._rng.randrange(5, 60)}",
                f'git add -A && git commit -m "{pick(ACTIONS).title()} {pick(NAMES)} {pick(TAILS)}"',
                f'grep -rn "{self.name()}" src/{pick(FOLDERS)} | head -{self._rng.randrange(5, 60)}',
                f"git diff --stat HEAD~{self._rng.randrange(1, 9)} -- src/{pick(FOLDERS)} && git log --oneline | head",
                f"python -m app.{pick(FOLDERS)} --{pick(NAMES)}={self._rng.randrange(99)} && cat {pick(NAMES)}.json",
            )
        )

    def _sentence(self) -> str:
        pick = self._rng.choice
        core = f"{pick(SUBJECTS)} {pick(VERBS)} {pick(OBJECTS)} {pick(TAILS)}"
        if self._rng.random() < 0.25:
            core += f" (see `{self.name()}` in {self.path()})"
        text = pick(OPENERS) + core
        return text[0].upper() + text[1:] + pick((".", ".", ".", "…", "?"))

    def _log_line(self) -> str:
        pick, number = self._rng.choice, self._rng.randrange
        return pick(
            (
                f"{self.path()}:{number(1, 900)}:    {self.name()}({pick(NAMES)}, {pick(NAMES)}={number(999)})",
                f"[{pick(LEVELS)}] {pick(FOLDERS)}.{pick(NAMES)}: {pick(SUBJECTS)} {pick(VERBS)} {pick(OBJECTS)}",
                f"tests/{pick(FOLDERS)}/test_{pick(NAMES)}.py::test_{self.name()} PASSED   [{number(100):3d}%] ✓",
                f" src/{pick(FOLDERS)}/{pick(NAMES)}.py | {number(1, 90)} {'+' * number(1, 20)}{'-' * number(9)}",
                f'{{"{pick(NAMES)}": {number(10**6)}, "{pick(NAMES)}": "{pick(NAMES)}", "ok": true}}',
            )
        )

    def _function(self) -> list[str]:
        pick, number = self._rng.choice, self._rng.randrange
        a, b, c = self._rng.sample(NAMES, 3)
        lines = ["", f"def {self.name()}({a}: {pick(TYPES)}, {b}: {pick(TYPES)} | None = None) -> {pick(TYPES)}:"]
        lines.append(f'    """{self._rng.choice(self._sentences)}"""')
        for _ in range(number(3, 14)):
            lines.append(
                pick(
                    (
                        f"    {c} = {self.name()}({a}, {pick(NAMES)}={number(999)})",
                        f'    if {a} == "{pick(NAMES)}" and {b} is not None:',
                        f"        return {self.name()}({b})",
                        f'    logging.info("%s {pick(VERBS)} %d {pick(NAMES)}\\n", {a}, {number(99)})',
                        f"    for {pick(NAMES)} in range({number(999)}):",
                        f"    # {pick(SUBJECTS)} {pick(VERBS)} {pick(OBJECTS)} {pick(TAILS)}",
                        "",
                    )
                )
            )
        return [*lines, f"    return {c}"]
