"""What may happen beside the work in a generated session: each function adds the lines of one incident."""

from random import Random

from ._pieces import Pieces
from .claude_lines import Chain, dump, uuid

DETAIL = b'"level":"error","error":{"status":529},"retryInMs":600.25,"retryAttempt":1,"maxRetries":10,'
SYNTHETIC = (
    b'"type":"assistant","message":{"id":"%b","model":"<synthetic>","role":"assistant","stop_reason":"stop_sequence",'
    b'"stop_sequence":"","type":"message","usage":{"input_tokens":0,"output_tokens":0,"cache_creation_input_tokens":0,'
    b'"cache_read_input_tokens":0,"server_tool_use":{"web_search_requests":0,"web_fetch_requests":0},'
    b'"service_tier":null,"cache_creation":{"ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":0}},'
    b'"content":[{"type":"text","text":"API Error: 529 overloaded_error"}]},"isApiErrorMessage":true,'
)
HOOK = b'{"type":"hook_progress","hookEvent":"PostToolUse","hookName":"PostToolUse:Bash","command":"make"}'


def command(chain: Chain, name: str, *, arguments: str = "", body: str = "Do as the skill says.") -> None:
    """A slash command with the skill body that the harness adds."""
    text = f"<command-message>{name[1:]}</command-message>\n<command-name>{name}</command-name>"
    chain.prompt(dump(text + (f"\n<command-args>{arguments}</command-args>" if arguments else "")))
    body = f"Base directory for this skill: .claude/skills{name}\n\n{body}"
    chain.prompt(dump(body), fields=b',"isMeta":true', fresh=False)


def local_output(chain: Chain) -> None:
    """The answer to a command that never reaches the model."""
    chain.prompt(b'"<local-command-stdout>Set model</local-command-stdout>"', fields=b',"isMeta":true')


def interrupt(chain: Chain) -> None:
    """A person presses Esc."""
    chain.wait(2)
    chain.prompt(b'[{"type":"text","text":"[Request interrupted by user]"}]', fresh=False)


def compact(chain: Chain, *, text: bytes, tokens: int) -> None:
    """The context is full: a new root, and a summary that restates what was said."""
    chain.system(
        b"compact_boundary",
        b'"logicalParentUuid":%b,"content":"Conversation compacted","isMeta":false,"level":"info",'
        b'"compactMetadata":{"trigger":"auto","preTokens":%d},' % (chain.parent, tokens),
        root=True,
    )
    chain.prompt(
        b'"This session is being continued from a previous conversation that ran out of context.\\n%b"' % text[1:-1],
        fields=b',"isCompactSummary":true,"isVisibleInTranscriptOnly":true',
    )


def queue(chain: Chain, text: bytes) -> None:
    """A prompt is typed while the agent works: it never becomes a user line."""
    chain.queue(b"enqueue", text)
    chain.wait(1)
    chain.queue(b"remove")
    if chain.place.new:
        chain.attach(b'{"type":"queued_command","prompt":%b,"commandMode":"prompt"}' % text)


def fail(chain: Chain, *, gives_up: bool) -> None:
    """The model's service fails; the harness may give up on it and say so."""
    chain.wait(1)
    chain.system(b"api_error", DETAIL)
    if gives_up:
        chain.wait(1)
        chain.link(SYNTHETIC % uuid(chain.rng))


def running(chain: Chain, rng: Random, pieces: Pieces, call_id: bytes) -> None:
    """What an older version shows while a command runs."""
    if chain.place.new:
        return
    if rng.random() < 0.6:
        chain.progress(HOOK, call_id, call_id)
    if rng.random() < 0.16:
        for seconds in range(2, 2 + rng.randrange(1, 14)):
            text = rng.choice(pieces.outputs) if rng.random() < 0.1 else b'""'
            data = b'{"type":"bash_progress","output":%b,"fullOutput":%b,"elapsedTimeSeconds":%d,"totalLines":0}'
            chain.wait(1)
            chain.progress(data % (text, text, seconds), call_id, b"bash-progress-%d" % seconds)


def turn_end(chain: Chain, rng: Random, *, duration_ms: int, messages: int) -> None:
    """What the harness notes after a turn."""
    if rng.random() < 0.55:
        chain.system(
            b"stop_hook_summary",
            b'"hookCount":1,"hookInfos":[{"command":"make -s lint"}],"hookErrors":[],"preventedContinuation":false,'
            b'"stopReason":"","hasOutput":false,"level":"suggestion","toolUseID":"%b",' % uuid(rng),
        )
    if rng.random() < 0.45:
        count = b'"messageCount":%d,' % messages if chain.place.new else b""
        chain.system(b"turn_duration", b'"durationMs":%d,%b"isMeta":false,' % (duration_ms, count))
