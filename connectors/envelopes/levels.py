"""Severity as shippers state it, whatever the type of the value: OpenTelemetry's number, 0 when it states none."""

from __future__ import annotations

from typing import Any

from connectors.formats.severity import LEVELS, SYSLOG, severity_of_word

LONGEST_WORD = 32
"""Characters of a level, with the blanks that some loggers pad it with."""


def of_word(value: Any) -> int:
    """Of a level's name in any case."""
    if type(value) is not str or len(value) > LONGEST_WORD:
        return 0
    return LEVELS.get(value) or severity_of_word(value)


def of_syslog(value: Any) -> int:
    """Of syslog's severity: 0 to 7 as a number or its digit, or its name."""
    if type(value) is str:
        return SYSLOG[ord(value) - 48] if len(value) == 1 and "0" <= value <= "7" else of_word(value)
    return SYSLOG[value] if type(value) is int and 0 <= value <= 7 else 0
