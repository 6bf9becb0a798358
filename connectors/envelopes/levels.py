"""Severity as shippers state it, in OpenTelemetry's numbers; 0 when it states none."""

from __future__ import annotations

from typing import Any

from connectors.records import DEBUG, ERROR, FATAL, INFO, TRACE, WARN

SYSLOG = (FATAL, ERROR + 2, ERROR + 1, ERROR, WARN, INFO + 1, INFO, DEBUG)
"""OpenTelemetry's number for each of syslog's, ``emerg`` to ``debug``."""

_WORDS = {
    **dict.fromkeys(("trace", "verbose", "finest", "finer"), TRACE),
    **dict.fromkeys(("debug", "fine"), DEBUG),
    **dict.fromkeys(("info", "information", "informational", "audit_success"), INFO),
    "notice": INFO + 1,
    **dict.fromkeys(("warn", "warning", "audit_failure"), WARN),
    **dict.fromkeys(("error", "err", "severe"), ERROR),
    **dict.fromkeys(("crit", "critical"), ERROR + 1),
    "alert": ERROR + 2,
    **dict.fromkeys(("fatal", "emerg", "emergency", "panic"), FATAL),
}


def of_word(value: Any) -> int:
    """Of a level's name in any case; blanks around it (some loggers pad) don't count."""
    if type(value) is not str:
        return 0
    return _WORDS.get(value) or (_WORDS.get(value.strip().lower(), 0) if len(value) <= 16 else 0)


def of_syslog(value: Any) -> int:
    """Of syslog's severity: 0 to 7 as a number or its digit, or its name."""
    if type(value) is str:
        return SYSLOG[ord(value) - 48] if len(value) == 1 and "0" <= value <= "7" else of_word(value)
    return SYSLOG[value] if type(value) is int and 0 <= value <= 7 else 0
