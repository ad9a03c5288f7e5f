"""The log of api, worker and scheduler: one line of JSON (or text) for each event, on standard error.

Every line has `time` (UTC, ISO 8601), `level`, `event`, `logger`, `process` and `pid`, and what is bound where it was
written: `request_id`, or `run_id` and `job`. The standard library's logging and uvicorn's go the same way.

Neither secrets nor text of transcripts get in. Values under names of secrets are dropped; the secrets among the
settings are blanked wherever they stand; of an exception only our own kinds tell their message, for the message of any
other may quote what it choked on.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog

from precedent.errors import PrecedentError
from precedent.settings import SETTINGS, Settings

from .context import current

MAX_TEXT = 2000
"""Characters of one value."""
MAX_FRAMES = 20
HIDDEN = "***"
MIN_SECRET = 6
"""Shorter values are no secrets, and blanking them would blank words."""

_SECRET_KEY = re.compile(
    r"authorization|cookie|password|passwd|secret|token(?!s)|(api|private)[_-]?key|credential|webhook", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]+(?=@)")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_Line = MutableMapping[str, Any]


def set_up(settings: Settings, *, process: str, stream: TextIO | None = None) -> None:
    """Send the log of this process to standard error in the format that the settings say.

    Args:
        settings: format and level, and the secrets that must not get in.
        process: `api`, `worker` or `scheduler`.
        stream: instead of standard error.
    """
    scrub = _Scrub(_secrets(settings))
    shared: list[structlog.typing.Processor] = [
        _Origin(process),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
    ]
    last = _as_json if settings.log_format == "json" else _as_text
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _exception, scrub, _cut, last],
        keep_exc_info=False,
        keep_stack_info=False,
    )
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
    # These tell every connection and URL, or every part of themselves, as information; URLs hold secrets.
    for name in ("httpx", "httpcore", "asyncio", "opentelemetry", "alembic.runtime.plugins"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )  # fmt: skip


def begin(settings: Settings, *, process: str) -> None:
    """Set up the log of a process, and tell that it starts; see `set_up`."""
    set_up(settings, process=process)
    logging.getLogger("precedent").info("%s starts", process)


def event(
    name: str, values: Mapping[str, str | int | float], *, logger: str = "precedent", level: int = logging.INFO
) -> None:
    """Write one line with values of its own."""
    structlog.stdlib.get_logger(logger).log(level, name, **values)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; one that cannot be written is lost, and nobody is hurt."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; exceptions among its values tell no more than they may."""
        if isinstance(record.args, tuple):
            record.args = tuple(_safe(each) if isinstance(each, BaseException) else each for each in record.args)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # the standard library's name
        """Do without the line: there is nowhere to say so."""


class _Origin:
    """Adds when, where and in whose name."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")

    def __call__(self, logger: Any, method: str, line: _Line) -> _Line:
        self._stamp(logger, method, line)
        line.update(process=self._process, pid=os.getpid())
        for key, value in current().items():
            line.setdefault(key, value)
        return line


class _Scrub:
    """Drops what is secret."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({each for each in secrets if len(each) >= MIN_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, _logger: Any, _method: str, line: _Line) -> _Line:
        return {key: self._value(key, value) for key, value in line.items()}

    def _value(self, key: str, value: Any) -> Any:
        if _SECRET_KEY.search(key):
            return HIDDEN
        if isinstance(value, dict):
            return {str(inner): self._value(str(inner), each) for inner, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(key, each) for each in value]
        if isinstance(value, bool | int | float) or value is None:
            return value
        text = str(value)
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return _BEARER.sub(rf"\1 {HIDDEN}", _CREDENTIALS.sub(rf"\1:{HIDDEN}", text))


def _secrets(settings: Settings) -> list[str]:
    found: list[str] = []
    for setting in SETTINGS.values():
        if setting.secret:
            value = getattr(settings, setting.name)
            found += value if isinstance(value, tuple) else [value]
    return found


def _exception(_logger: Any, _method: str, line: _Line) -> _Line:
    """Tell an exception by kind and place; its message only when we wrote it."""
    info = line.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        line["error_type"] = type(error).__name__
        if isinstance(error, PrecedentError):
            line["error"] = str(error)
        line["frames"] = _frames(error.__traceback__)
        if error.__cause__ is not None:
            line["cause_type"] = type(error.__cause__).__name__
    return line


def _safe(error: BaseException) -> str:
    """What an exception says, if it quotes nothing: ours, the system's, and those of a database that is away."""
    if isinstance(error, PrecedentError):
        return str(error)
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror}"
    if type(error).__name__ == "OperationalError":
        return f"OperationalError: {getattr(error, 'orig', error)}"
    return type(error).__name__


def _frames(trace: TracebackType | None) -> list[str]:
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found[-MAX_FRAMES:]


def _cut(_logger: Any, _method: str, line: _Line) -> _Line:
    return {key: value[:MAX_TEXT] if isinstance(value, str) else value for key, value in line.items()}


def _as_json(_logger: Any, _method: str, line: _Line) -> str:
    first = {key: line.pop(key) for key in ("time", "level", "event") if key in line}
    # ASCII: some other line ends than ours would otherwise cut a line in two for who reads it.
    return json.dumps(_plain(first | dict(line)), separators=(",", ":"), default=str)


def _plain(value: Any) -> Any:
    """Half a character (a lone surrogate) would break the line."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _as_text(_logger: Any, _method: str, line: _Line) -> str:
    time, level, event = (line.pop(key, "") for key in ("time", "level", "event"))
    more = " ".join(f"{key}={value}" for key, value in line.items())
    return _CONTROL.sub(" ", f"{time} {level:<7} {event} {more}".rstrip())
