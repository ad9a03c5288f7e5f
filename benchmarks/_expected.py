"""What a generated home holds, known by construction; knows nothing of how lines are written."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from precedent.model import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Exact totals over all files of one run of a generator.

    Attributes:
        files: transcripts written; `.meta.json` files are not counted.
        lines: lines of all transcripts, copies in forks included.
        size_bytes: bytes of all transcripts, copies in forks included.
        requests: billed responses, each once however many lines or files show it.
        tokens: sum over the requests.
        tool_calls: tool calls, each once.
        prompts: what people typed as a turn of its own, each once; no slash commands, no queued prompts, nothing that
            an agent told a sub-agent.
        web_searches: searches to be billed.
        requests_by_model: `requests` by model name.
    """

    files: int
    lines: int
    size_bytes: int
    requests: int
    tokens: Tokens
    tool_calls: int
    prompts: int
    web_searches: int
    requests_by_model: Mapping[str, int]


@dataclass(slots=True)
class Expected:
    """Collects the totals while files are being written."""

    files: int = 0
    lines: int = 0
    size_bytes: int = 0
    tool_calls: int = 0
    prompts: int = 0
    web_searches: int = 0
    models: dict[str, int] = field(default_factory=dict)
    tokens: list[int] = field(default_factory=lambda: [0] * 5)

    def request(self, model: str, tokens: Tokens) -> None:
        """Count one billed response; call it once per response, never per line."""
        self.models[model] = self.models.get(model, 0) + 1
        counts = self.tokens
        counts[0] += tokens.input
        counts[1] += tokens.output
        counts[2] += tokens.cache_write_5m
        counts[3] += tokens.cache_write_1h
        counts[4] += tokens.cache_read

    def file(self, *, lines: int, size_bytes: int) -> None:
        """Count one written transcript."""
        self.files += 1
        self.lines += lines
        self.size_bytes += size_bytes

    def freeze(self) -> Generated:
        """Return the totals so far."""
        return Generated(
            files=self.files,
            lines=self.lines,
            size_bytes=self.size_bytes,
            requests=sum(self.models.values()),
            tokens=Tokens(*self.tokens),
            tool_calls=self.tool_calls,
            prompts=self.prompts,
            web_searches=self.web_searches,
            requests_by_model=dict(sorted(self.models.items())),
        )
