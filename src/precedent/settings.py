"""Settings, from the command line, else the environment, else `precedent.toml` in the data folder, else the default."""

import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from precedent.errors import Misconfigured

FILE = "precedent.toml"


class Settings(BaseSettings):
    """All settings. Each can be set as `PRECEDENT_<NAME>` unless it names another variable."""

    model_config = SettingsConfigDict(
        env_prefix="PRECEDENT_", frozen=True, extra="forbid", populate_by_name=True, env_ignore_empty=True
    )

    data_dir: Path = Field(default=Path("precedent-data"), description="Folder that holds everything.")
    database_url: str = Field(
        default="", description="PostgreSQL to use instead of the data folder's SQLite, as postgresql://…"
    )
    session_data_dir: Path | None = Field(
        default=None,
        validation_alias="SESSION_DATA_DIR",
        description="Folder of the archived transcripts; default: `sessions` in the data folder.",
    )
    private_folders: tuple[str, ...] = Field(
        default=(), description="Folders whose sessions are never archived, for everybody, as a JSON list."
    )
    extraction_processes: int = Field(
        default=0, ge=0, le=64, description="Extraction processes at a time; 0: one per processor core, at most 4."
    )
    extraction_time_s: float = Field(default=300.0, gt=0, description="Seconds that one transcript may take.")
    extraction_memory_mb: int = Field(
        default=1024, ge=0, description="Address space of an extraction process in MiB; 0: no limit."
    )
    run_transcripts: int = Field(default=100_000, gt=0, description="Transcripts that one run may process.")
    run_time_s: float = Field(default=240.0, gt=0, description="Seconds after which a run leaves the rest to the next.")
    collector_interval_s: int = Field(
        default=600,
        gt=0,
        validation_alias="SCHEDULER_SESSION_COLLECTOR_INTERVAL",
        description="Seconds between collections under `precedent serve`.",
    )
    usage_interval_s: int = Field(
        default=600,
        gt=0,
        validation_alias="SCHEDULER_USAGE_PROCESSOR_INTERVAL",
        description="Seconds between runs of the usage processor under `precedent serve`.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the call, then from the environment; the file is merged by `load`."""
        return init_settings, env_settings

    @property
    def archive_dir(self) -> Path:
        """Folder of the archived transcripts."""
        return self.session_data_dir or self.data_dir / "sessions"

    @property
    def processes(self) -> int:
        """Extraction processes at a time."""
        return self.extraction_processes or min(4, os.cpu_count() or 1)


class Origin(NamedTuple):
    """One setting with its value, ready for JSON, and where that came from."""

    name: str
    variable: str
    value: Any
    origin: str
    description: str


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"PRECEDENT_{name.upper()}"


def load(**given: Any) -> Settings:
    """Return the settings.

    Args:
        given: settings from the command line; None for those that were not given.

    Raises:
        Misconfigured: any setting is wrong; one message names them all.
    """
    given = {name: value for name, value in given.items() if value is not None}
    from_file = _from_file(Path(given.get("data_dir") or os.environ.get("PRECEDENT_DATA_DIR") or "precedent-data"))
    kept = {name: value for name, value in from_file.items() if not os.environ.get(variable_of(name))}
    try:
        return Settings(**{**kept, **given})
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0] if fault['loc'] else ''}: {fault['msg']}" for fault in error.errors())
        raise Misconfigured(f"settings are wrong: {faults}") from error
    except SettingsError as error:
        raise Misconfigured(
            f'settings are wrong: {error}; lists are written as JSON, for example ["/srv/x"]'
        ) from error


def _from_file(data_dir: Path) -> dict[str, Any]:
    path = data_dir / FILE
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} is no TOML: {error}") from error
    unknown = sorted(set(found) - set(Settings.model_fields))
    if unknown:
        raise Misconfigured(f"{path} has unknown settings: {', '.join(unknown)}")
    return found


def origins(settings: Settings, **given: Any) -> list[Origin]:
    """Return every setting with where its value came from."""
    from_file = _from_file(settings.data_dir)
    found = []
    for name, field in Settings.model_fields.items():
        if given.get(name) is not None:
            origin = "command line"
        elif os.environ.get(variable_of(name)):
            origin = "environment"
        elif name in from_file:
            origin = str(settings.data_dir / FILE)
        else:
            origin = "default"
        found.append(Origin(name, variable_of(name), _shown(getattr(settings, name)), origin, field.description or ""))
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
