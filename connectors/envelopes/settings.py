"""How messages are read."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator


class ReadingSettings(BaseModel):
    """How the messages of a topic are read; every one of them may differ by topic."""

    model_config = ConfigDict(extra="forbid")

    envelope: str = Field(
        "auto", description="What shippers wrapped around lines: auto, none, or one envelope's name"
    )
    message_field: str = Field(
        "",
        description="Dotted path of the line in a JSON message of a shipper that is not known; empty for none",
    )
    metadata_fields: list[str] = Field(
        [], description="Dotted paths that are the shipper's own data, next to stream.message_field or alone"
    )
    time: Literal["line", "kafka"] = Field(
        "line", description="Time of a line: its own, else its shipper's, else Kafka's; or always Kafka's"
    )
    zone: str = Field("UTC", description="Time zone of times that state none, e.g. Europe/Berlin")
    source: str = Field(
        "topic",
        min_length=1,
        description="What is a source: topic, service, namespace/container, or a column's name or dotted path",
    )
    max_sources: int = Field(
        50,
        ge=1,
        le=1_000,
        description="Sources inside a topic with a detector each, a partition; the rare share one",
    )
    multiline: bool = Field(False, description="Join the lines of a stack trace that came as a message each")

    @field_validator("message_field", "metadata_fields")
    @classmethod
    def _check_paths(cls, value: str | list[str]) -> str | list[str]:
        for path in [value] if isinstance(value, str) and value else value:
            if not all(path.split(".")):
                raise ValueError(f"expected a dotted path, got {path[:64]!r}")
        return value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ValueError, KeyError, OSError):
            raise ValueError("is no time zone of the IANA data base, such as Europe/Berlin") from None
        return zone

    @field_validator("envelope")
    @classmethod
    def _known_envelope(cls, envelope: str) -> str:
        from connectors.envelopes.plugins import checked_envelope

        return checked_envelope(envelope)
