"""What a ``Detector`` keeps beside detection's memory: templates with what was decided about them, and alerts. Bounded.

A worker has Redis for it. Templates and alerts are those of ``connectors.memory``, without windows, days and vectors.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.alerts import Alert
from connectors.decisions import Applied, News
from connectors.findings import Changes
from connectors.memory_alerts import SourceAlerts
from connectors.memory_templates import SourceTemplates
from connectors.patterns import Merge, Pattern, Template, patterns_of
from connectors.records import Message

MOST_TEMPLATES = 4_096
"""As ``retention.templates`` and ``patternbook.TEMPLATES``."""
MOST_ALERTS = 1_024
"""Patterns of which the alert is kept, those with the latest lines."""


class Books(BaseModel):
    """The templates as ``SourceTemplates.state`` has them."""

    model_config = ConfigDict(extra="forbid")

    templates: list[Template]
    pattern_of: dict[str, str]
    merges: list[Merge]
    today: dict[str, str]
    log: dict[str, int]
    merge_log: dict[str, int]
    position: int


class Saved(BaseModel):
    """What is in a state beside detection's memory."""

    model_config = ConfigDict(extra="forbid")

    books: Books
    alerts: list[Alert]
    lines: int
    end: int
    """The number of the next message."""
    latest: float
    """The time of the last line."""
    held: list[tuple[int, float, str | None, str | None, list[tuple[str, str | None]]]]
    """Messages that were not read to their end: number, time, value, key and headers, a character a byte."""

    def dump(self) -> bytes:
        """As JSON."""
        # pydantic's own JSON knows neither lone surrogates nor nan.
        text = json.dumps(self.model_dump(warnings=False), ensure_ascii=False, default=bytes.decode)
        return text.encode("utf-8", "replace")

    @classmethod
    def load(cls, data: bytes) -> Saved:
        """The inverse. Raises ValueError in one line."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"not a detector state: {place}: {first['msg']}") from error


class Keeper:
    """Takes the changes of each step, and answers what is decided about templates."""

    def __init__(self) -> None:
        self._templates, self._alerts = SourceTemplates(), SourceAlerts()
        self.lines = 0

    def apply(self, changes: Changes) -> Applied:
        """As ``connectors.store.Store.apply``, of one source alone."""
        now = time.time()
        self.lines += changes.lines
        told = [replace(one, vector=b"", minutes=()) for one in changes.templates]
        decided = self._templates.apply(told, changes.merges, changes.seen, now)
        self._templates.forget(MOST_TEMPLATES)
        alerts = self._alerts
        alerts.add(changes.alerts, now)
        for change in changes.alerts:
            if change.pattern in alerts.alerts:
                alerts.alerts[change.pattern] = alerts.alerts.pop(change.pattern)
        for pattern in list(alerts.alerts)[:-MOST_ALERTS]:
            del alerts.alerts[pattern]
        return Applied(decided.patterns, decided.missing, decided.news)

    def told(self) -> list[Alert]:
        """Alerts to tell of since the last call, in order; one that was told twice as it is now."""
        told, self._alerts.outbox = self._alerts.outbox, []
        return [entry.alert for entry in told]

    def alerts(self) -> list[Alert]:
        """Those that are kept, the latest first."""
        return self._alerts.read(float("-inf"))

    def templates(self) -> list[Template]:
        """The most lines first."""
        return sorted(self._templates.read(), key=lambda template: (-template.count, template.id))

    def patterns(self) -> list[Pattern]:
        """What templates that say the same form, the most lines first."""
        return patterns_of(self._templates.read())

    def pattern_of(self, template: str) -> str:
        """The pattern of a template, by their ids; the template itself where it is not known any more."""
        return self._templates.pattern_of(template)

    def known(self) -> News:
        """All that was decided."""
        return self._templates.known()

    def save(self, *, end: int, latest: float, held: list[Message]) -> bytes:
        """With what the reader of the messages needs beside it."""
        saved = Saved(
            books=Books(**self._templates.state()),
            alerts=list(self._alerts.alerts.values()),
            lines=self.lines,
            end=end,
            latest=latest,
            held=[_flat(message) for message in held],
        )
        return saved.dump()

    @classmethod
    def load(cls, data: bytes) -> tuple[Keeper, Saved, list[Message]]:
        """What ``save`` gave. Raises ValueError in one line."""
        saved, keeper = Saved.load(data), cls()
        keeper._templates.restore(**{name: getattr(saved.books, name) for name in Books.model_fields})
        keeper._alerts.alerts = {alert.pattern: alert for alert in saved.alerts}
        keeper.lines = saved.lines
        return keeper, saved, [_message(*fields) for fields in saved.held]


def _flat(message: Message) -> tuple[int, float, str | None, str | None, list[tuple[str, str | None]]]:
    headers = [(name, _characters(value)) for name, value in message.headers]
    return message.offset, message.timestamp, _characters(message.value), _characters(message.key), headers


def _message(
    offset: int, timestamp: float, value: str | None, key: str | None, headers: list[tuple[str, str | None]]
) -> Message:
    kept = tuple((name, _bytes(text)) for name, text in headers)
    return Message(offset, timestamp, _bytes(value), _bytes(key), kept)


def _characters(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("latin-1")
