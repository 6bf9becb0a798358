"""How headers begin: what is worth a closer look."""

from __future__ import annotations

import re

from connectors.formats.clock import MONTHS
from connectors.formats.severity import LETTERS, LEVELS, severity_of_word

_FIRST_OF_HEADERS = frozenset("0123456789[(-#")
_BEHIND_LETTERS = frozenset("0123456789/ ")
FIRST_THREE = frozenset(
    {spelled[:3] for word in LEVELS for spelled in (word, word.title(), word.lower())}
    | {*MONTHS, "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
)
# The name of a file or a node, then a time.
_NAME_THEN_TIME = re.compile(
    r"[A-Za-z][\w.:/@-]{1,128} +[\[(]?(?:\d{4}[-/.]\d\d|\d{10}|\d{6} |[A-Z][a-z]{2} [ \d]\d )"
)
_LEVEL_FIRST = re.compile(r"([A-Za-z]{3,13}): |([A-Z]{4,8}) ")


def may_begin_header(message: str) -> bool:
    """Whether a message is worth reading for a header."""
    return (
        message[0] in _FIRST_OF_HEADERS
        or message[:3] in FIRST_THREE
        or (message[1:2] in _BEHIND_LETTERS and message[0] in LETTERS)
    )


def is_name_then_time(line: str) -> bool:
    """Whether a line begins with a word, such as the name of a file or a node, and a time."""
    return _NAME_THEN_TIME.match(line) is not None


def stated_level(message: str) -> int:
    """The severity of a level word that begins a message and stays in it: ``error: no file``, ``ERROR 7``."""
    if message[:3] in FIRST_THREE and (match := _LEVEL_FIRST.match(message)):
        return severity_of_word(match[1] or match[2])
    return 0
