"""Values as shippers write them: times, words, severities, in whatever type they come. Nothing here raises."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import orjson

from connectors.envelopes.envelope import Inner
from connectors.formats import MAX_FIELDS
from connectors.formats.times import parse_time
from connectors.records import DEBUG, ERROR, FATAL, INFO, TRACE, WARN

_EARLIEST, _LATEST = 946_684_800, 4_102_444_800
"""2000 and 2100: which unit a number has is told by the one that puts it between them."""
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)

SYSLOG_WORDS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
"""Severities 0 to 7 under the names of syslog.conf(5)."""
SYSLOG_NUMBERS = (FATAL, ERROR + 2, ERROR + 1, ERROR, WARN, INFO + 1, INFO, DEBUG)
"""The same as OpenTelemetry's numbers."""
_WORDS = dict(zip(SYSLOG_WORDS, SYSLOG_NUMBERS, strict=True)) | {
    "emergency": FATAL,
    "panic": FATAL,
    "fatal": FATAL,
    "critical": ERROR + 1,
    "error": ERROR,
    "warn": WARN,
    "information": INFO,
    "informational": INFO,
    "verbose": TRACE,
    "trace": TRACE,
}


def seconds(value: Any) -> float | None:
    """Epoch seconds of a number of seconds to nanoseconds or of a time in text; None for anything else."""
    kind = type(value)
    if kind is str:
        return parse_time(value)
    if kind is int or kind is float:
        for unit in _UNITS:
            if _EARLIEST * unit <= value < _LATEST * unit:
                return float(value / unit)
    return None


def word(value: Any) -> str:
    """Text that says something, or a number as text; empty for what is missing: null, ``-``, other types."""
    kind = type(value)
    if kind is str:
        return "" if value == "-" else str(value)
    return str(value) if kind is int else ""


def syslog_number(value: Any) -> int:
    """OpenTelemetry's number of a syslog severity, 0 to 7 as a number or as text; 0 for anything else."""
    if type(value) is str and len(value) == 1 and "0" <= value <= "7":
        value = int(value)
    return SYSLOG_NUMBERS[value] if type(value) is int and 0 <= value <= 7 else 0


def level_number(value: Any) -> int:
    """OpenTelemetry's number of a level word in any case; 0 for anything else."""
    return _WORDS.get(value.lower(), 0) if type(value) is str else 0


def columns(named: Mapping[str, Any]) -> dict[str, str]:
    """Columns of the words among the values."""
    return {name: text for name, value in named.items() if (text := word(value))}


def scalars(event: Mapping[str, Any], known: Container[str]) -> dict[str, str]:
    """Text, numbers and booleans under names that are not known, as columns; at most MAX_FIELDS."""
    found: dict[str, str] = {}
    for name, value in event.items():
        if name not in known and len(found) < MAX_FIELDS:
            kind = type(value)
            if kind is str:
                found[name] = value
            elif kind is int or kind is float:
                found[name] = str(value)
            elif kind is bool:
                found[name] = "true" if value else "false"
    return found


def without(event: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """The members under other names."""
    return {name: value for name, value in event.items() if name not in names}


def only(event: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """The members under these names."""
    return {name: value for name, value in event.items() if name in names}


def as_text(value: Any) -> str:
    """Any JSON value as text: a string itself, everything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # deeper or larger than JSON goes
        return str(value)


def misplaced(value: Any, where: str) -> Inner:
    """The line of an item that is no event; its error names the place."""
    return Inner(as_text(value), error=f"{where}: an item is no object")
