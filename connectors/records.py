"""What comes in: a line as it came, and its parsed form.

Imports nothing of ours: connectors make them, stream_processors consumes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Record:
    """One log line after parsing.

    A line that its parser rejects is still a Record: ``format`` is ``"raw"``, ``text`` the whole line and
    ``parse_error`` says why. Nothing is dropped.
    """

    text: str
    """What the encoder reads: the message without its timestamp; for structured lines ``key=value`` pairs."""
    format: str
    """``json``, ``logfmt``, ``rfc3164``, ``rfc5424``, ``cef``, ``leef``, ``access`` or ``raw``."""
    fields: dict[str, str] = field(default_factory=dict)
    """Structured columns under dotted names, e.g. ``{"userIdentity.type": "IAMUser"}``; empty for raw text."""
    time: float | None = None
    """Event time in seconds since the epoch, UTC, when the line states one."""
    parse_error: str | None = None
    cut: bool = False
    """True when ``text`` was cut to the text limit."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a partition as it came from Kafka or a file, with its parsed form."""

    offset: int
    timestamp: float
    """Record time in seconds since the epoch: Kafka's timestamp, or the time of reading for a file."""
    record: Record
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    cut: bool = False
    """True when its text is longer than the encoder reads."""
