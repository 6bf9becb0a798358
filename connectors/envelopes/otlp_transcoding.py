"""Compiled: OpenTelemetry's logs from Protobuf to JSON, so that both are read by the same code.

Only what is plain for sure is transcoded: known fields in the order of their numbers, each of its own wire type and to
the last byte. Text is passed on as it is: whether it is UTF-8 shows where the JSON is read.
"""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915, PLR1714, SIM109 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.envelopes.otlp_fields import (
    BESIDE,
    BOOL,
    COUNT,
    GROUP,
    HEX,
    INTEGER,
    LENGTH,
    MESSAGE,
    NUMBERS,
    REAL,
    RECORD,
    SCOPED,
    TEXT,
    TIME,
    UNKNOWN,
    VALUE,
)
from connectors.formats.json_writing import write, write_number, write_real, write_text
from connectors.formats.words8 import eight

Array = NDArray[Any]

ROOM = 64
"""Bytes for a field's name, a number, and what is around them."""


@njit(cache=True, nogil=True)
def _varint(data: Array, at: int, end: int, most: int) -> tuple[np.uint64, int]:
    """A number of at most so many bytes, and where it ends; 0 for the place when it does not."""
    value = np.uint64(0)
    for place in range(at, min(at + most, end)):
        byte = np.uint64(data[place])
        value |= (byte & np.uint64(127)) << np.uint64(7 * (place - at))
        if byte < np.uint64(128):
            return value, 0 if place - at == 9 and byte > np.uint64(1) else place + 1
    return value, 0


@njit(cache=True, nogil=True)
def transcoded(
    data: Array,
    begin: int,
    end: int,
    to: int,
    fields: tuple[Array, ...],
    tables: tuple[Array, ...],
    counts: tuple[int, int, int],
    found: tuple[Array, ...],
) -> tuple[int, int, int, int]:
    """Writes one message as JSON behind a place of the same buffer, and fills begin and end of its records, lists and
    groups, list and group too. Where it ends, 0 for what is not transcoded; the counts of all three.
    """
    kinds, messages, repeated, names, name_starts = fields
    wire_types, words, powers, digits, levels, bits, reals = tables
    records, lists, groups = found
    record, filled, group = counts
    failed = 0, record, filled, group
    depth, at = 0, begin
    # Of each level: message, end, number of the last field, whether its list is open, whether something was written.
    levels[0, 0], levels[0, 1], levels[0, 2], levels[0, 3], levels[0, 4] = 0, end, 0, 0, 0
    data[to] = 123
    to += 1
    while True:
        level = levels[depth]
        if at == level[1]:
            if level[3]:
                if level[0] == SCOPED:
                    lists[filled, 1] = to
                    filled += 1
                data[to] = 93
                to += 1
            data[to] = 125
            to += 1
            if level[0] == RECORD:
                records[record, 1] = to
                record += 1
            elif level[0] == GROUP:
                groups[group, 1] = to
                group += 1
            depth -= 1
            if depth < 0:
                return (to, record, filled, group) if record > counts[0] else failed
            continue
        number, wire_type = data[at] >> 3, data[at] & 7
        at += 1
        if number >= NUMBERS:
            return failed
        field = level[0] * NUMBERS + number
        kind, last = kinds[field], level[2]
        if kind == UNKNOWN or wire_type != wire_types[kind]:
            return failed
        again = number == last and repeated[field]
        if not again and (number <= last or (level[0] == VALUE and last > 0)):
            return failed
        level[2] = number
        length, value = np.int64(0), np.uint64(0)
        if wire_type == LENGTH or wire_type == 0:
            value, at = _varint(data, at, level[1], 5 if wire_type == LENGTH else 10)
            length = np.int64(value) if wire_type == LENGTH else 0
        elif wire_type == 1:
            length = 8
        else:
            length = 4
        if at == 0 or length > level[1] - at:
            return failed
        if wire_type == 1:
            value = eight(data, at)
        stop = at + length
        if to + ROOM + (0 if kind == MESSAGE else 6 * length) + 2 * depth > len(data):
            return failed
        if kind >= BESIDE or (value == np.uint64(0) and (kind == HEX or kind == TIME)):
            at = stop
            continue
        if level[3] and not again:
            if level[0] == SCOPED:
                lists[filled, 1] = to
                filled += 1
            data[to] = 93
            to += 1
            level[3] = 0
        if level[4]:
            data[to] = 44
            to += 1
        level[4] = 1
        if not again:
            to = write(data, to, names, name_starts[field], name_starts[field + 1])
            level[3] = repeated[field]
            if messages[field] == RECORD:
                if filled >= len(lists):
                    return failed
                lists[filled, 0], lists[filled, 2] = to, group
        if kind == MESSAGE:
            depth += 1
            if depth >= len(levels):
                return failed
            below = levels[depth]
            below[0], below[1], below[2], below[3], below[4] = messages[field], stop, 0, 0, 0
            if below[0] == RECORD:
                if record >= len(records):
                    return failed
                records[record, 0], records[record, 2] = to, filled
            elif below[0] == GROUP:
                if group >= len(groups):
                    return failed
                groups[group, 0] = to
            data[to] = 123
            to += 1
            continue
        if kind == TEXT:
            data[to] = 34
            to = write_text(data, to + 1, at, stop, digits)
            data[to] = 34
            to += 1
        elif kind == HEX:
            data[to] = 34
            to += 1
            for place in range(at, stop):
                data[to], data[to + 1] = digits[data[place] >> 4], digits[data[place] & 15]
                to += 2
            data[to] = 34
            to += 1
        elif kind == REAL:
            if value == np.uint64(1) << np.uint64(63):
                return failed
            bits[0] = value
            to = write_real(data, to, reals[0], powers, digits)
            if to == 0:
                return failed
        elif kind == BOOL:
            if value > np.uint64(1):
                return failed
            to = write(data, to, words, 5 * np.int64(value), 5 + 4 * np.int64(value))
        elif kind == COUNT:
            if value >> np.uint64(31) > np.uint64(0):
                return failed
            to = write_number(data, to, value, digits)
        else:
            data[to] = 34
            to += 1
            if kind == INTEGER and value >> np.uint64(63):
                data[to] = 45
                to += 1
                value = ~value + np.uint64(1)
            to = write_number(data, to, value, digits)
            data[to] = 34
            to += 1
        at = stop
