"""Severity as OpenTelemetry's number, 1 to 24, from a logger's word or number; 0 when nothing states one.

The numbers follow the examples of OpenTelemetry's log data model: notice is INFO2, critical ERROR2, alert ERROR3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from connectors.records import DEBUG, ERROR, FATAL, INFO, TRACE, UNSTATED, WARN

NOTICE, CRITICAL, ALERT = INFO + 1, ERROR + 1, ERROR + 2

_WORDS = {
    TRACE: "TRACE TRC VERBOSE FINEST SILLY",
    DEBUG: "DEBUG DBG FINER DEBUG1 DEBUG2 DEBUG3 DEBUG4 DEBUG5",
    DEBUG + 1: "FINE",
    DEBUG + 2: "CONFIG",
    INFO: "INFO INF INFORMATION INFORMATIONAL NOTE LOG INFOS INFORMAZIONI HINWEIS",
    NOTICE: "NOTICE SUCCESS",
    WARN: "WARN WRN WARNING WARNUNG AVERTISSEMENT ADVERTENCIA AVVERTENZA",
    ERROR: "ERROR ERR ERRO EROR SEVERE FAILURE FEHLER ERREUR SCHWERWIEGEND GRAVE",
    CRITICAL: "CRITICAL CRIT DPANIC",
    ALERT: "ALERT",
    FATAL: "FATAL FTL EMERG EMERGENCY PANIC",
}
LEVELS = {word: number for number, words in _WORDS.items() for word in words.split()}
"""Level words in capitals."""
LETTERS = {"V": TRACE, "D": DEBUG, "I": INFO, "N": NOTICE, "W": WARN, "E": ERROR, "C": CRITICAL, "F": FATAL}
"""Levels of one letter."""
SYSLOG = (FATAL, ALERT, CRITICAL, ERROR, WARN, NOTICE, INFO, DEBUG)
"""By syslog's number, 0 (emergency) to 7 (debug)."""

_TENS = {10: TRACE, 20: DEBUG, 30: INFO, 40: WARN, 50: ERROR, 60: FATAL}  # bunyan and pino
_PYTHON = {10: DEBUG, 20: INFO, 30: WARN, 40: ERROR, 50: CRITICAL}
_LOGBACK = {5_000: TRACE, 10_000: DEBUG, 20_000: INFO, 30_000: WARN, 40_000: ERROR, 50_000: FATAL}

# Names without separators and case, the best first.
_NAMES = (
    *("severitynumber", "loglevel", "severitytext", "levelname", "level", "lvl", "severity", "priority"),
    *("levelvalue", "levelno", "loggerlevel", "logseverity"),
)
_SEPARATORS = re.compile(r"[._@-]")


def severity_of_word(word: str) -> int:
    """The number of a level word or letter in any case, blanks around it ignored; 0 for any other word."""
    word = word.strip().upper()
    return LEVELS.get(word) or LETTERS.get(word) or UNSTATED


def severity_of_syslog(number: int) -> int:
    """The number of one of syslog's, 0 to 7; 0 for any other."""
    return SYSLOG[number] if 0 <= number <= 7 else UNSTATED


def severity_of_status(status: str) -> int:
    """The number of an HTTP status: a server's error is one, a client's a warning."""
    return ERROR if status[:1] == "5" else WARN if status[:1] == "4" else INFO


def severity_of_score(score: str) -> int:
    """The number of a CEF or LEEF severity: 0 to 10, or Low, Medium, High, Very-High; 0 for any other."""
    word = score.strip().lower()
    if word in ("low", "medium", "high", "very-high"):
        return {"low": INFO, "medium": WARN, "high": ERROR, "very-high": CRITICAL}[word]
    if not (word.isascii() and word.isdigit()) or len(word) > 2 or int(word) > 10:
        return severity_of_word(word)
    number = int(word)
    return INFO if number <= 3 else WARN if number <= 6 else ERROR if number <= 8 else CRITICAL


def severity_of_fields(fields: Mapping[str, str]) -> int:
    """The number that the first of a record's level fields states, 0 when none does.

    Numbers are told apart by name and size: 0 to 7 is syslog's, 10 to 60 bunyan's and pino's, ``levelno`` Python's,
    ``level_value`` Logback's.
    """
    for name in level_names(tuple(fields)):
        if number := severity_of_field(name, fields[name]):
            return number
    return UNSTATED


@lru_cache(maxsize=4096)
def level_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a record's names that may hold a level, the best first."""
    return tuple(name for name in sorted(names, key=_rank) if _rank(name) < len(_NAMES))


def severity_of_field(name: str, value: str) -> int:
    """The number that a level field's value states, 0 for none."""
    if not (value.isascii() and value.isdigit()):
        return severity_of_word(value) if len(value) <= 32 else UNSTATED
    if len(value) > 5:
        return UNSTATED
    number, key = int(value), _plain(name)
    if key == "severitynumber":
        return number if number <= 24 else UNSTATED
    if key == "levelno":
        return _PYTHON.get(number, UNSTATED)
    return severity_of_syslog(number) or _TENS.get(number) or _LOGBACK.get(number) or UNSTATED


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name[-64:]).lower()


def _rank(name: str) -> int:
    """Place among the names of levels, their number for a name that is none."""
    plain = _plain(name)
    if plain in _NAMES:
        return _NAMES.index(plain)
    return len(_NAMES)
