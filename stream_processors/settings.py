"""One typed settings object: command line over environment over a TOML or YAML file.

Environment variables are ``SECENCODER_<SECTION>__<NAME>``, e.g. ``SECENCODER_KAFKA__BOOTSTRAP_SERVERS``;
``SECENCODER_CONFIG`` names the file. An unknown key anywhere is an error that names the nearest known one.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from connectors import config as tables
from connectors.config import SettingsError
from connectors.envelopes.settings import ReadingSettings
from connectors.kafka import KafkaSettings
from connectors.kafka.topics import topic_regex
from connectors.redis import RedisSettings, without_overridden
from connectors.sinks.settings import SinkSettings
from connectors.store import RetentionSettings
from stream_processors.detection.settings import DetectionSettings
from stream_processors.operations.health import HealthSettings
from stream_processors.operations.tracing import TelemetrySettings

__all__ = ["Settings", "SettingsError", "known_names", "load_settings", "section_fields"]

PREFIX = "SECENCODER_"
CONFIG_VARIABLE = "SECENCODER_CONFIG"
IGNORED_PREFIXES = (CONFIG_VARIABLE, "SECENCODER_TEST_")


class EncoderSettings(BaseModel):
    """The model and how much it may use."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tier == "static" and self.bundle is not None and self.static_bundle is None:
            raise ValueError(
                "encoder.bundle: has no effect with encoder.tier=static; its student is encoder.static_bundle"
            )
        return self

    tier: Literal["full", "static", "cascade"] = Field(
        "full",
        description="Encoder: full; static, a quick approximation; or cascade, full where it may matter only",
    )
    input: Literal["template", "line"] = Field(
        "template",
        description="What the encoder reads: a line's template, once for all its lines, or each distinct line",
    )
    bundle: Path | None = Field(None, description="Model bundle folder; the shipped one when unset")
    static_bundle: Path | None = Field(
        None, description="Bundle of the static encoder; the shipped one when unset"
    )
    cascade_similarity: float = Field(
        0.85,
        ge=-1,
        le=1,
        description="Cosine of static vectors from which a line is known by another that the full encoder read",
    )
    max_tokens: int = Field(128, ge=3, le=48_000, description="Tokens of a line that the encoder reads")
    batch_tokens: int = Field(1_024, ge=1, description="Tokens of one run of the graph, padding included")
    threads: int = Field(
        0, ge=0, description="Runs of the graph at a time, one thread each; 0 for one a core"
    )
    cache_mb: int = Field(8, ge=0, description="Megabytes of vectors kept between batches")


class TemplateSettings(BaseModel):
    """What a user knows of the templates of the lines."""

    model_config = ConfigDict(extra="forbid")

    masks: dict[str, str] = Field(
        {},
        description="Name to regular expression: what it matches is <NAME> in a template; in a settings file only",
    )
    seeds: list[str] = Field(
        [], description="Known templates, with placeholders such as <*>, or sample lines of them"
    )
    seeds_file: Path | None = Field(None, description="A file with more seeds, one a line")


class StreamSettings(ReadingSettings):
    """What is consumed and how."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.topic_pattern is not None:
            self._check_pattern(self.topic_pattern)
        elif not self.topics:
            raise ValueError("stream.topics: at least one is needed, or stream.topic_pattern")
        if self.dead_letter_topic in self.topics:
            raise ValueError(f"stream.dead_letter_topic: {self.dead_letter_topic} is also in stream.topics")
        for topic in self.by_topic:
            if not self.reads(topic):
                name = "in stream.topics" if self.topic_pattern is None else "a match of stream.topic_pattern"
                raise ValueError(f"stream.by_topic: {topic} is not {name}")
            self.reading(topic)
        return self

    def _check_pattern(self, pattern: str) -> None:
        if "topics" in self.model_fields_set and self.topics:
            raise ValueError("stream.topics and stream.topic_pattern are both set; use one of them")
        self.topics = []
        try:
            topic_regex(pattern)
        except ValueError as error:
            raise ValueError(f"stream.topic_pattern: {error}") from error

    def reads(self, topic: str) -> bool:
        """Whether a topic is one of those that are read."""
        if self.topic_pattern is None:
            return topic in self.topics
        return topic_regex(self.topic_pattern, [self.dead_letter_topic]).match(topic) is not None

    topics: list[str] = Field(["logs"], description="Topics with log lines; each is a source")
    topic_pattern: str | None = Field(
        None,
        min_length=1,
        description="In place of stream.topics: a regular expression for whole names, e.g. logs-.*; new topics that "
        "match are found while a worker runs",
    )
    by_topic: dict[str, dict[str, Any]] = Field(
        {}, description="Topic to those of the settings of reading that differ there, in a settings file only"
    )
    group: str = Field("secencoder", min_length=1, description="Consumer group")
    dead_letter_topic: str = Field("secencoder.dead-letter", min_length=1, description="For lines that fail")
    batch_lines: int = Field(4_000, ge=1, le=10_000, description="Most lines of one partition batch")
    queued_batches: int = Field(8, ge=1, description="Batches fetched ahead: the back-pressure bound")
    snapshot_lines: int = Field(
        50_000, ge=1, description="Least lines between snapshots of a partition's memory"
    )
    start: str = Field("earliest", pattern="^(earliest|latest)$", description="Where a new group begins")
    startup_seconds: float = Field(300, gt=0, description="How long to wait for Kafka and Redis at the start")
    session_timeout_seconds: float = Field(30, ge=1, description="Silence until a worker counts as dead")

    def reading(self, topic: str) -> ReadingSettings:
        """How the messages of a topic are read. Raises ValueError for a setting that may not differ by topic."""
        own = self.by_topic.get(topic, {})
        for name in own.keys() - ReadingSettings.model_fields.keys():
            near = difflib.get_close_matches(name, ReadingSettings.model_fields, n=1, cutoff=0)
            raise ValueError(f"stream.by_topic.{topic}.{name}: unknown; did you mean {near[0]}?")
        general = self.model_dump(include=set(ReadingSettings.model_fields))
        try:
            return ReadingSettings.model_validate({**general, **own})
        except ValidationError as error:
            raise ValueError(tables.describe(ReadingSettings, error, f"stream.by_topic.{topic}")) from error


class Settings(BaseModel):
    """All settings."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)  # a rejected value may be a secret

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    encoder: EncoderSettings = Field(default_factory=EncoderSettings)
    detection: DetectionSettings = Field(default_factory=DetectionSettings)
    templates: TemplateSettings = Field(default_factory=TemplateSettings)
    stream: StreamSettings = Field(default_factory=StreamSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)

    @model_validator(mode="after")
    def _check(self) -> Self:
        window = self.detection.window_seconds
        if self.retention.window_hours * 3_600 < window:
            raise ValueError(
                f"retention.window_hours={self.retention.window_hours:g} ends a window's sample before the window, "
                f"which has detection.window_seconds={window}"
            )
        if self.alerts.topic in (*self.stream.topics, self.stream.dead_letter_topic):
            raise ValueError(
                f"alerts.topic: {self.alerts.topic} is also in stream.topics or the dead-letter topic"
            )
        return self

    def topic_regex(self) -> re.Pattern[str] | None:
        """What matches the topics of ``stream.topic_pattern``, none that we write ourselves; None without one."""
        if self.stream.topic_pattern is None:
            return None
        return topic_regex(self.stream.topic_pattern, [self.stream.dead_letter_topic, self.alerts.topic])

    alerts: SinkSettings = Field(default_factory=SinkSettings)
    health: HealthSettings = Field(default_factory=HealthSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)


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
    environment: dict[str, Any] = {}
    for name, value in environ.items():
        if name.startswith(PREFIX) and not name.startswith(IGNORED_PREFIXES):
            dotted = name.removeprefix(PREFIX).lower().replace("__", ".")
            tables.assign(Settings, environment, dotted, value, origin=name)
    given: dict[str, Any] = {}
    for dotted, value in (overrides or {}).items():
        if value is not None:
            tables.assign(Settings, given, dotted, value, origin=dotted)
    values = tables.read_config(config) if config else {}
    for layer in (environment, given):
        if isinstance(values.get("redis"), dict):
            values = values | {"redis": without_overridden(values["redis"], layer.get("redis", {}))}
        values = tables.merged(values, layer)
    return tables.validated(Settings, values)


def section_fields(section: str) -> dict[str, Any]:
    """The fields of a section by name."""
    return tables.section_fields(Settings, section)


def known_names() -> list[str]:
    """Every setting's dotted name."""
    return tables.known_names(Settings)
