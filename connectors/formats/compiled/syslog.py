"""Compiled: syslog lines of RFC 3164 and RFC 5424, and as daemons write them into files."""

# ruff: noqa: C901, PLR0911 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

import numpy as np

from connectors.formats.compiled.alphabet import (
    CLASS,
    DIGIT,
    HOST,
    LOWER,
    NAME,
    PROGRAM,
    UPPER,
    WORD,
    level_of,
    run_of,
)
from connectors.formats.compiled.found import (
    BIT,
    CODE,
    CONSTANT_ENDS,
    DIGITS,
    FACILITY_COUNT,
    RFC3164,
    RFC5424,
    SEVERITY,
    TEXT_BEGIN,
    TEXT_END,
    add,
)
from connectors.formats.compiled.moments import iso_time, may_be_zone, syslog_time
from connectors.formats.compiled.payloads import after_uptime, has_no_header, is_text
from connectors.formats.json_bytes import Array
from connectors.formats.severity import SYSLOG
from connectors.kernels import helper

_NUMBERS = np.array(SYSLOG, np.int64)
_HOST, _SERVICE, _PID, _FACILITY, _SEVERITY, _MESSAGE_ID = BIT[:6]


@helper
def _priority(data: Array, begin: int, end: int) -> tuple[int, int]:
    """``<38>``: where it ends, -1 for none; the number."""
    stop = run_of(data, begin + 1, min(end, begin + 4), DIGIT)
    digits = stop - begin - 1
    if digits < 1 or stop + 1 >= end or data[stop] != 62 or (digits > 1 and data[begin + 1] == 48):
        return -1, 0
    number = 0
    for at in range(begin + 1, stop):
        number = number * 10 + (data[at] - 48)
    return (stop + 1, number) if number < 192 else (-1, 0)


@helper
def _add_priority(number: int, size: int, found: Array, spans: Array, at: int) -> int:
    """Notes the columns of a priority, whose values stand behind a buffer of some size; the next place."""
    facility, severity = number >> 3, FACILITY_COUNT + (number & 7)
    spans[at], spans[at + 1] = size + CONSTANT_ENDS[facility], size + CONSTANT_ENDS[facility + 1]
    spans[at + 2], spans[at + 3] = size + CONSTANT_ENDS[severity], size + CONSTANT_ENDS[severity + 1]
    found[CODE] |= _FACILITY | _SEVERITY
    found[SEVERITY] = _NUMBERS[number & 7]
    return at + 4


@helper
def _text(data: Array, begin: int, end: int, found: Array) -> bool:
    """Notes the message without the time of its kernel; False when it may be more than text."""
    if begin >= end or data[begin] == 32:
        return False
    begin = after_uptime(data, begin, end)
    if begin < 0 or not is_text(data, begin, end) or not has_no_header(data, begin, end, found):
        return False
    found[TEXT_BEGIN], found[TEXT_END] = begin, end
    return True


@helper
def _is_program(data: Array, begin: int, end: int) -> bool:
    """Whether a word is a program for sure, no level and no format."""
    length = end - begin
    if length == 3 and data[begin] == 67 and data[begin + 1] == 69 and data[begin + 2] == 70:  # CEF
        return False
    if length == 4 and data[begin] == 76 and data[begin + 1] == 69 and data[begin + 3] == 70:  # LEEF
        return False
    return level_of(data, begin, end) == 0


@helper
def read_syslog(data: Array, begin: int, end: int, found: Array, spans: Array, at: int) -> int:
    """Reads ``<38>Nov 25 10:00:00 host program[pid]: message``, maybe without the priority, or with a time in RFC 3339;
    its columns are noted from a place on. The next place; -1 for a line that is not known for sure.
    """
    start, number = (begin, -1) if data[begin] != 60 else _priority(data, begin, end)
    if start < 0:
        return -1
    if number >= 0 and start + 2 < end and data[start] == 49 and data[start + 1] == 32:
        return _read_5424(data, start + 2, end, number, found, spans, at)
    if start + 11 < end and data[start + 10] == 84:
        host = iso_time(data, start, end, found)
    else:
        host = syslog_time(data, start, end, found)
    host += 1
    if host < 1 or may_be_zone(data, host, end) or data[host] == 95:
        return -1
    host_end = run_of(data, host, min(end, host + 255), HOST)
    program = host_end + 1
    if (
        program >= end
        or data[host_end] != 32
        or not CLASS[data[host]] & WORD
        or level_of(data, host, host_end)
    ):
        return -1
    program_end = run_of(data, program, min(end, program + 128), PROGRAM)
    if (
        program_end >= end
        or not CLASS[data[program]] & (UPPER | LOWER)
        or not _is_program(data, program, program_end)
    ):
        return -1
    pid, pid_end = 0, 0
    stop = program_end
    if data[stop] == 91:
        pid = stop + 1
        pid_end = run_of(data, pid, min(end, pid + 10), DIGIT)
        if pid_end == pid or pid_end >= end or data[pid_end] != 93:
            return -1
        stop = pid_end + 1
    if stop + 1 >= end or data[stop] != 58 or data[stop + 1] != 32:
        return -1
    stop += 1
    while stop < end and data[stop] == 32:
        stop += 1
    found[CODE], found[SEVERITY] = RFC3164, 0
    at = add(data, host, host_end, _HOST, found, spans, at)
    at = add(data, program, program_end, _SERVICE, found, spans, at)
    at = add(data, pid, pid_end, _PID, found, spans, at)
    if number >= 0:
        at = _add_priority(number, len(data), found, spans, at)
    return at if _text(data, stop, end, found) else -1


@helper
def _read_5424(
    data: Array,
    begin: int,
    end: int,
    number: int,
    found: Array,
    spans: Array,
    at: int,
) -> int:
    """Reads what stands behind priority and version, without structured data."""
    found[CODE], found[SEVERITY] = RFC5424, 0
    stop = begin + 1
    found[DIGITS] = -1
    if data[begin] != 45:
        stop = iso_time(data, begin, end, found)
        if stop < 0 or data[begin + 10] != 84:
            return -1
    message_id, message_id_end = 0, 0
    for place in range(4):
        if stop + 1 >= end or data[stop] != 32:
            return -1
        word = stop + 1
        stop = run_of(data, word, end, NAME)
        if stop == word:
            return -1
        if place < 3:
            at = add(data, word, stop, _HOST << place, found, spans, at)
        else:
            message_id, message_id_end = word, stop
    if stop + 3 >= end or data[stop] != 32 or data[stop + 1] != 45 or data[stop + 2] != 32:
        return -1
    at = _add_priority(number, len(data), found, spans, at)
    at = add(data, message_id, message_id_end, _MESSAGE_ID, found, spans, at)
    return at if _text(data, stop + 3, end, found) else -1
