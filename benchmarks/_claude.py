"""Plans the files of a generated home of Claude Code and writes them."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from ._expected import Expected
from ._pieces import Pieces, build
from ._story import Session
from ._words import FOLDERS, NAMES, sizes
from .claude_lines import NEW, OLD, Place, dump, uuid

MODELS = (
    ("claude-opus-4-6",) * 5 + ("claude-sonnet-4-5-20250929",) * 3 + ("claude-haiku-4-5-20251001", "claude-opus-4-8")
)
PROJECTS = tuple(f"{a}-{b}" for a in FOLDERS[:5] for b in NAMES[::5])
SIGMA = 1.7
"""Spread of file sizes, set so that the quartiles stand to each other as those of the real files."""
FIRST_DAY_MS = 1_767_600_000_000  # 2026-01-05, a Monday
SPAN_DAYS = 300
PARENT_BYTES = 1 << 20  # only a session up to this size is kept in memory to be forked


@dataclass(slots=True)
class Task:
    """One session to be written: its size, those of its sub-agents, and whether it begins as a fork."""

    size: int
    helpers: list[int] = field(default_factory=list)
    fork: bool = False


def plan(rng: Random, *, files: int, mean_bytes: int) -> list[Task]:
    """Spread a total of `files * mean_bytes` over files; sub-agents and forks are files too."""
    shape = sizes(files, median=1_000_000, sigma=SIGMA, low=1, high=1 << 60)
    mean = sum(shape) / files
    capped = [min(16.0, each / mean) for each in shape]
    scale = files * mean_bytes / sum(capped)
    wanted = [max(8_000, round(each * scale)) for each in capped]
    some = files >= 4
    middle = range(files // 10, files * 8 // 10)
    helpers = set(rng.sample(middle, -(-files * 14 // 100) if some else 0))
    tasks = [Task(size) for i, size in enumerate(wanted) if i not in helpers]
    hosts = tasks[len(tasks) // 2 :]
    for i in sorted(helpers):
        rng.choice(hosts).helpers.append(wanted[i])
    first = tasks[0]
    rng.shuffle(tasks)
    if some:
        forks = rng.sample([task for task in tasks[1:] if not task.helpers and task is not first], -(-files // 30))
        for task in forks:
            task.fork = True
    return tasks


def write(home: Path, *, files: int, seed: int, mean_bytes: int) -> Expected:
    """Write the transcripts of one home and return what they hold."""
    pieces, expected = build(seed), Expected()
    rng = Random(f"claude {seed}")
    before: Session | None = None  # the latest session small enough to be forked
    debt = 0  # bytes written beyond the plan: the next session is the smaller for it
    for task in plan(rng, files=files, mean_bytes=mean_bytes):
        source = before if task.fork else None
        session = _begin(rng, pieces, expected, source, room=task.size)
        session.tasks += task.helpers
        while session.chain.size < task.size - debt or not session.ends:
            session.turn(room=task.size - debt - session.chain.size)
        session.finish()
        debt += _save(home, session, expected) - task.size - sum(task.helpers)
        if not task.fork and session.chain.size <= PARENT_BYTES:
            before = session
    return expected


def _begin(rng: Random, pieces: Pieces, expected: Expected, source: Session | None, *, room: int) -> Session:
    project = rng.choice(PROJECTS)
    cwd = f"/home/dev/code/{project}".encode()
    version = rng.choice(rng.choice((OLD, NEW)))
    slug = "-".join(rng.sample(NAMES, 3)).encode()
    place = Place(uuid(rng), cwd, b"main", version, slug)
    if source:
        place = replace(source.chain.place, session=place.session)
    day = rng.randrange(SPAN_DAYS)
    at_ms = FIRST_DAY_MS + (day - max(0, day % 7 - 4)) * 86_400_000 + rng.randrange(25_200_000, 64_800_000)
    session = Session(Random(rng.getrandbits(64)), pieces, expected, place, model=rng.choice(MODELS), at_ms=at_ms)
    if source:
        fits = [end for end in source.ends if sum(map(len, source.chain.lines[: end.lines])) < room * 0.6]
        session.resume(source, rng.choice(fits) if fits else source.ends[0])
    else:
        session.open()
    return session


def _save(home: Path, session: Session, expected: Expected) -> int:
    """Write a session and its sub-agents; return the bytes of their transcripts."""
    chain = session.chain
    folder = home / ".claude" / "projects" / chain.place.cwd.decode().replace("/", "-")
    name = chain.place.session.decode()
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / f"{name}.jsonl": chain.lines}
    for child in session.children:
        below = folder / name / "subagents"
        below.mkdir(parents=True, exist_ok=True)
        agent = child.chain.place.agent.decode()
        written[below / f"agent-{agent}.jsonl"] = child.chain.lines
        meta = {"agentType": child.kind.decode(), "description": "Look into it"}
        (below / f"agent-{agent}.meta.json").write_bytes(dump(meta))
    total = 0
    for path, lines in written.items():
        data = b"".join(lines)
        path.write_bytes(data)
        expected.file(lines=len(lines), size_bytes=len(data))
        total += len(data)
    return total
