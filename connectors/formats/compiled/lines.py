"""Compiled: many lines, each by the reader that its first bytes suggest."""

# ruff: noqa: PLR0911, PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any

from connectors.formats.compiled.access import read_access
from connectors.formats.compiled.alphabet import CLASS, COLUMN_NAMES, DIGIT, LOWER, UPPER, fingerprint, run_of
from connectors.formats.compiled.found import (
    CODE,
    DIGITS,
    RAW,
    SEVERITY,
    TEXT_BEGIN,
    TEXT_END,
    UNKNOWN,
)
from connectors.formats.compiled.layouts import read_category, read_levelled
from connectors.formats.compiled.moments import DASH, day_first_time, iso_time, month_at
from connectors.formats.compiled.pairs import read_pairs
from connectors.formats.compiled.payloads import has_no_header, is_printable, is_text
from connectors.formats.compiled.syslog import read_syslog
from connectors.formats.json_bytes import Array
from connectors.kernels import helper, kernel

SHORTEST = 24
"""Bytes of a line that may have a header; the readers look that far without asking."""


@helper
def _timed(data: Array, begin: int, end: int, found: Array, spans: Array, at: int) -> int:
    """Reads a line that begins with a date."""
    iso = data[begin + 4] == 45
    is_syslog = iso and data[begin + 10] == 84
    stop = iso_time(data, begin, end, found) if iso else day_first_time(data, begin, end, DASH, found)
    if stop < 0 or stop + 2 >= end or data[stop] != 32:
        return -1
    if not is_syslog and CLASS[data[stop + 1]] & LOWER:
        return read_category(data, stop, end, found, spans, at)
    after = read_levelled(data, stop, end, is_syslog, found, spans, at)
    if after < 0 and is_syslog:
        return read_syslog(data, begin, end, found, spans, at)
    return after


@helper
def _raw(data: Array, begin: int, end: int, found: Array) -> bool:
    """Reads a sentence without any header; False for one that may be, or may name the columns of others."""
    found[CODE], found[DIGITS], found[SEVERITY] = RAW, -1, 0
    found[TEXT_BEGIN], found[TEXT_END] = begin, end
    if not has_no_header(data, begin, end, found) or not is_text(data, begin, end):
        return False
    second = begin
    while second < end and data[second] != 32:
        second += 1
    while second < end and data[second] == 32:
        second += 1
    if second + 3 < end:
        first = data[second]
        if CLASS[first] & DIGIT or first == 91 or first == 40 or first == 45:
            return False
        if CLASS[first] & UPPER and data[second + 3] == 32:
            return False
    return run_of(data, begin, end, COLUMN_NAMES) < end


@helper
def _read(
    data: Array,
    begin: int,
    end: int,
    key: Array,
    found: Array,
    spans: Array,
    at: int,
) -> int:
    """The next place of a column behind a line's; -1 for a line that is not known for sure."""
    first = data[begin]
    if end - begin < SHORTEST:
        is_raw = CLASS[first] & (UPPER | LOWER) and _raw(data, begin, end, found)
        return at if is_raw else -1
    if first == 60 or (CLASS[first] & UPPER and month_at(data, begin, end) and data[begin + 3] == 32):
        return read_syslog(data, begin, end, found, spans, at)
    if CLASS[first] & DIGIT and (data[begin + 4] == 45 or data[begin + 2] == 45):
        return _timed(data, begin, end, found, spans, at)
    place = begin
    while place < end and data[place] != 32 and data[place] != 61:
        place += 1
    if place + 2 >= end:
        return -1
    if data[place] == 61:
        return read_pairs(data, begin, end, key, found, spans, at)
    if data[place + 1] == 45 and data[place + 2] == 32:
        return read_access(data, begin, end, found, spans, at)
    if CLASS[first] & (UPPER | LOWER) and _raw(data, begin, end, found):
        return at
    return -1


def _kernel(fingerprint: int) -> Any:
    @kernel
    def read_lines(
        data: Array,
        line_begins: Array,
        line_ends: Array,
        key: Array,
        found: Array,
        starts: Array,
        spans: Array,
    ) -> None:
        """Reads lines. What is noted: the numbers of ``connectors.formats.compiled.found`` for each, its code UNKNOWN
        where it is not known for sure; its columns, of which there is room for one a byte.
        """
        assert fingerprint >= 0
        at = starts[0]
        for line in range(len(line_begins)):
            begin, end = line_begins[line], line_ends[line]
            after = -1
            if is_printable(data, begin, end):
                found[line, TEXT_BEGIN] = -1
                after = _read(data, begin, end, key, found[line], spans, 2 * at)
            if after < 0:
                found[line, CODE] = UNKNOWN
            else:
                at = after // 2
            starts[line + 1] = at

    return read_lines


read_lines = _kernel(fingerprint())
