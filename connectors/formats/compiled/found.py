"""What the readers note of a line, by number; and what these numbers stand for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from connectors.formats.json_bytes import Array
from connectors.formats.syslog import FACILITIES, SEVERITIES
from connectors.kernels import helper
from connectors.records import HOST, LEVEL, LOGGER, PID, SERVICE, THREAD

CODE, MINUTE, NUMBER, DIGITS, OFFSET, SEVERITY, TEXT_BEGIN, TEXT_END, WIDTH = range(9)
"""What is noted of a line: its form and columns; its minute (0: the time is all in its seconds), its seconds as a
number and the digits of that behind the point (below 0: it states no time), its zone's seconds east of Greenwich; its
severity; where its free text is; and how many numbers these are."""

UNKNOWN, ACCESS, ACCESS_ODD, RFC3164, RFC5424, LEVELLED, CATEGORY, RAW, PAIRS, AUDIT = range(10)
"""Forms; AUDIT: pairs of the Linux audit log. A form is the last bits of a code, above it is a bit for each column that
a line has, or a hash."""
FORM_BITS = 4
FORM = (1 << FORM_BITS) - 1
BIT = tuple([np.int64(1 << FORM_BITS + column) for column in range(11)])
"""The bit of each column."""

_BESIDE = ("status", "bytes", "referer", "agent", "extra")
_HEADER = (HOST, SERVICE, PID, "facility", "severity")
FORMATS: dict[int, tuple[str, tuple[str, ...]]] = {
    ACCESS: ("access", ("remote", "user", "method", "path", "query", "protocol", *_BESIDE)),
    ACCESS_ODD: ("access", ("remote", "user", "request", *_BESIDE)),
    RFC3164: ("rfc3164", _HEADER),
    RFC5424: ("rfc5424", (*_HEADER, "msgid")),
    LEVELLED: ("text", (LEVEL, LOGGER, THREAD, PID)),
    CATEGORY: ("text", (LOGGER, LEVEL)),
    RAW: ("raw", ()),
}
"""Format of each form, and the names of the columns that lines of it may have, in their order."""

CONSTANTS = "".join((*FACILITIES, *SEVERITIES)).encode()
"""Values of columns that lines do not spell out: of syslog's priorities, facilities first."""
FACILITY_COUNT = len(FACILITIES)
CONSTANT_ENDS = np.cumsum([0, *map(len, (*FACILITIES, *SEVERITIES))])


@lru_cache(maxsize=4_096)
def layout_of(code: int) -> tuple[str, tuple[str, ...]]:
    """The format and the names of the columns that a code stands for, pairs aside."""
    format_, names = FORMATS[code & FORM]
    return format_, tuple(name for bit, name in enumerate(names, FORM_BITS) if code >> bit & 1)


@helper
def add(data: Array, begin: int, end: int, bit: int, found: Array, spans: Array, at: int) -> int:
    """Notes the value of a column at a place, unless it is empty or ``-``; the next place. bit: of the column."""
    if begin == end or (begin + 1 == end and data[begin] == 45):
        return at
    found[CODE] |= bit
    spans[at], spans[at + 1] = begin, end
    return at + 2
