"""Where alerts are sent, and in which form."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from typing_extensions import Self

Format = Literal["json", "ocsf", "ecs"]


class SinkSettings(BaseModel):
    """A Kafka topic, a webhook, both or none."""

    # Inputs are hidden in errors: a rejected value may be a secret.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    topic: str | None = Field(None, min_length=1, description="Kafka topic that alerts are written to")
    topic_format: Format = Field("json", description="json, ocsf (1.8 detection finding), or ecs (9)")
    webhook_url: SecretStr | None = Field(
        None, description="http(s) address that alerts are posted to, one each; its path may be a secret"
    )
    webhook_format: Format = Field("json", description="json, ocsf (1.8 detection finding), or ecs (9)")
    webhook_header: SecretStr | None = Field(
        None, description='A header of each request, e.g. "Authorization: Bearer ..."'
    )
    webhook_seconds: float = Field(10, gt=0, le=300, description="Longest wait for the webhook's answer")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.webhook_url is None:
            if self.webhook_header is not None:
                raise ValueError("alerts.webhook_header has no effect without alerts.webhook_url")
            return self
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable, parts = False, urlsplit("")
        if parts.username is not None or parts.password is not None:
            raise ValueError("alerts.webhook_url: a user or password belongs into alerts.webhook_header")
        if not usable:
            raise ValueError("alerts.webhook_url: expected http://host/path or https://host/path")
        if self.webhook_header is not None and not _is_header(*self.header):
            raise ValueError('alerts.webhook_header: expected "NAME: VALUE"')
        return self

    @property
    def url(self) -> str:
        """``webhook_url``; many have a secret in their path: never log it. Empty where there is none."""
        return self.webhook_url.get_secret_value() if self.webhook_url is not None else ""

    @property
    def header(self) -> tuple[str, str]:
        """Name and value of ``webhook_header``; a secret: never log it. Empty where there is none."""
        text = self.webhook_header.get_secret_value() if self.webhook_header is not None else ""
        name, _, value = text.partition(":")
        return name.strip(), value.strip()


def _is_header(name: str, value: str) -> bool:
    return bool(name and value) and (name + value).isprintable()
