"""One typed settings object: command line over environment over a TOML or YAML file.

Environment variables are ``SECENCODER_<SECTION>__<NAME>``, e.g. ``SECENCODER_KAFKA__BOOTSTRAP_SERVERS``;
``SECENCODER_CONFIG`` names the file. An unknown key anywhere is an error that names the nearest known one.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from connectors.kafka import KafkaSettings
from connectors.redis import RedisSettings
from connectors.store import RetentionSettings
from stream_processors.detector import DetectionSettings

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

PREFIX = "SECENCODER_"
CONFIG_VARIABLE = "SECENCODER_CONFIG"
IGNORED_PREFIXES = (CONFIG_VARIABLE, "SECENCODER_TEST_")


class SettingsError(ValueError):
    """A setting is unknown or has a wrong value; the message is one line that names it."""


class EncoderSettings(BaseModel):
    """The model and how much it may use."""

    model_config = ConfigDict(extra="forbid")

    bundle: Path | None = Field(None, description="Model bundle folder; the shipped one when unset")
    max_tokens: int = Field(128, ge=3, le=48_000, description="Tokens of a line that the encoder reads")
    batch_tokens: int = Field(4_096, ge=1, description="Tokens of one run of the graph, padding included")
    threads: int = Field(0, ge=0, description="Threads of one run; 0 for one a core")
    cache_mb: int = Field(64, ge=0, description="Megabytes of vectors kept between batches")


class StreamSettings(BaseModel):
    """What is consumed and how."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.dead_letter_topic in self.topics:
            raise ValueError(f"stream.dead_letter_topic: {self.dead_letter_topic} is also in stream.topics")
        return self

    topics: list[str] = Field(["logs"], min_length=1, description="Topics with log lines; each is a source")
    group: str = Field("secencoder", min_length=1, description="Consumer group")
    dead_letter_topic: str = Field("secencoder.dead-letter", min_length=1, description="For lines that fail")
    batch_lines: int = Field(500, ge=1, le=10_000, description="Most lines of one partition batch")
    queued_batches: int = Field(8, ge=1, description="Batches fetched ahead: the back-pressure bound")
    snapshot_lines: int = Field(2_000, ge=1, description="Lines between snapshots of a partition's memory")
    start: str = Field("earliest", pattern="^(earliest|latest)$", description="Where a new group begins")
    startup_seconds: float = Field(300, gt=0, description="How long to wait for Kafka and Redis at the start")
    session_timeout_seconds: float = Field(30, ge=1, description="Silence until a worker counts as dead")


class Settings(BaseModel):
    """All settings."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)  # a rejected value may be a secret

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    encoder: EncoderSettings = Field(default_factory=EncoderSettings)
    detection: DetectionSettings = Field(default_factory=DetectionSettings)
    stream: StreamSettings = Field(default_factory=StreamSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)


def load_settings(
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from file, environment and overrides, the later ones winning.

    overrides: dotted names to values, e.g. ``{"kafka.bootstrap_servers": "broker:9092"}``. Raises SettingsError.
    """
    environ = os.environ if environ is None else environ
    if config is None and environ.get(CONFIG_VARIABLE):
        config = Path(environ[CONFIG_VARIABLE])
    values = read_config(config) if config else {}
    for name, value in environ.items():
        if name.startswith(PREFIX) and not name.startswith(IGNORED_PREFIXES):
            assign(values, name.removeprefix(PREFIX).lower().split("__"), value, origin=name)
    for dotted, value in (overrides or {}).items():
        if value is not None:
            assign(values, dotted.split("."), value, origin=dotted)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(describe(error)) from error


def read_config(path: Path) -> dict[str, Any]:
    """The settings file's tables; TOML unless its name ends in .yaml or .yml."""
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.safe_load(text) if path.suffix in (".yaml", ".yml") else tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from error
    except yaml.YAMLError as error:  # its text quotes the file, which may hold a secret
        mark = getattr(error, "problem_mark", None)
        place = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise SettingsError(f"{path}: is not YAML{place}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: expected tables such as [kafka], got {type(values).__name__}")
    return values


def assign(values: dict[str, Any], path: list[str], value: Any, *, origin: str) -> None:
    """Puts ``value`` at ``path``; text for a list setting is split at commas."""
    dotted = ".".join(path)
    if len(path) != 2 or dotted not in known_names():
        raise SettingsError(unknown(origin, dotted))
    field = section_fields(path[0])[path[1]]
    if isinstance(value, str) and str(field.annotation).startswith(("list", "tuple")):
        value = [item.strip() for item in value.split(",") if item.strip()]
    section = values.setdefault(path[0], {})
    if not isinstance(section, dict):
        raise SettingsError(f"{path[0]}: expected a table of settings, got {type(section).__name__}")
    section[path[1]] = value


def section_fields(section: str) -> dict[str, Any]:
    """The fields of a section by name."""
    model = Settings.model_fields[section].annotation
    return model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}


def known_names() -> list[str]:
    """Every setting's dotted name."""
    return [f"{section}.{name}" for section in Settings.model_fields for name in section_fields(section)]


def unknown(origin: str, dotted: str) -> str:
    """The message for a setting that does not exist."""
    near = difflib.get_close_matches(dotted, [*known_names(), *Settings.model_fields], n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"unknown setting {origin}{hint}"


def describe(error: ValidationError) -> str:
    """The first of pydantic's errors as one line that names the setting, without its value."""
    first = error.errors(include_url=False, include_input=False)[0]
    dotted = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return unknown(dotted, dotted)
    message = first["msg"].removeprefix("Value error, ")
    return (
        f"{dotted}: {message}" if dotted and not message.startswith(f"{dotted.split('.')[0]}.") else message
    )
