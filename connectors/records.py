"""What comes in: a message as Kafka had it, the lines in it, and what is understood of each.

Imports nothing of ours: connectors make them, stream_processors consumes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOST = "host.name"
SERVICE = "service.name"
NAMESPACE = "k8s.namespace.name"
CONTAINER = "k8s.container.name"
LOGGER = "otel.scope.name"
PID = "process.pid"
THREAD = "thread.name"
LEVEL = "level"
"""The level word as the line has it; ``Record.severity`` is its number."""
ORIGIN = (HOST, SERVICE, NAMESPACE, CONTAINER, LOGGER)
"""Columns that say where a line came from, whatever shipped it: OpenTelemetry's semantic conventions."""

TRACE, DEBUG, INFO, WARN, ERROR, FATAL = 1, 5, 9, 13, 17, 21
"""The first of each range of OpenTelemetry's severity numbers, 1 to 24."""
UNSTATED = 0
"""Severity while nothing states one; a record that is read counts as INFO then."""


@dataclass(slots=True)
class Record:
    """What is understood of one log line.

    A line that its parser rejects is still a Record: ``format`` is ``"raw"``, ``text`` the whole line and
    ``parse_error`` says why. Nothing is dropped.
    """

    text: str
    """What the encoder reads: the message without its header; for structured lines ``key=value`` pairs."""
    format: str
    """One of ``connectors.formats.FORMATS``."""
    fields: dict[str, str] = field(default_factory=dict)
    """Columns under dotted names, e.g. ``{"userIdentity.type": "IAMUser"}``, those of ``ORIGIN`` among them."""
    time: float | None = None
    """Event time in seconds since the epoch, UTC, when the line or its shipper states one."""
    severity: int = UNSTATED
    """OpenTelemetry's severity number."""
    parse_error: str | None = None
    cut: bool = False
    """True when ``text`` was cut to the text limit."""
    message: str | None = None
    """The message alone, for people: no header, no program; None when ``text`` is that."""
    line: str | Mapping[str, Any] | None = None
    """The line as it stood in its envelope, text or object; None when it came alone."""
    envelope: str = ""
    """Names of the envelopes around it, the outermost first, e.g. ``filebeat/docker``."""
    given: tuple[str, ...] = ()
    """Columns of ``ORIGIN`` that only its envelopes state: they name a place, and nothing of them is surprising."""
    shipper: Mapping[str, Any] | None = None
    """What else the shippers said, as they nested it: kept apart from text and columns, shown on demand."""


@dataclass(slots=True)
class Message:
    """One message as Kafka had it, or one line of a file."""

    offset: int
    timestamp: float
    """Kafka's, in seconds since the epoch and never in the future; the time of reading for a file."""
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(slots=True)
class Line:
    """One line of a partition as it came from Kafka or a file, with its parsed form."""

    offset: int
    timestamp: float
    """When it happened, in seconds since the epoch: what detection and the answers go by."""
    record: Record
    key: bytes | None = None
    value: bytes | None = None
    """Key, value and headers are the whole message's."""
    headers: tuple[tuple[str, bytes | None], ...] = ()
    cut: bool = False
    """True when its text is longer than the encoder reads."""
    index: int = 0
    """Its place among the lines of its message: ``partition:offset:index`` is its identity."""
