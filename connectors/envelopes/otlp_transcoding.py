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

from connectors.envelopes.collecting import Buffer, Places
from connectors.envelopes.otlp_fields import (
    BESIDE,
    BOOL,
    COUNT,
    FIELDS,
    HEX,
    INTEGER,
    LENGTH,
    MESSAGE,
    NUMBERS,
    REAL,
    RECORD,
    TEXT,
    TIME,
    UNKNOWN,
    VALUE,
    WIRE_TYPES,
)
from connectors.formats.json_writing import DIGITS, POWERS, write, write_number, write_real, write_text
from connectors.formats.words8 import eight

Array = NDArray[Any]

GREATEST_LEVELS = 24
"""Messages in one another."""
EXPANDS = 14
"""A field is at most so many times as long in JSON."""
MOST_AT_ONCE = 1 << 18
"""Bytes for which there is made room at once."""
MOST_BYTES = 1 << 28
"""Of JSON that is made of messages that are read together; the others are left."""
_ROOM = 64
"""Bytes for a field's name, a number, and what is around them."""
_WORDS = np.frombuffer(b"falsetrue       ", np.uint8)


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
def _transcoded(
    data: Array, begin: int, end: int, to: int, fields: tuple[Array, ...], tables: tuple[Array, ...]
) -> int:
    """Writes one message as JSON behind a place of the same buffer; where it ends, 0 for what is not transcoded."""
    kinds, messages, repeated, names, name_starts = fields
    wire_types, words, powers, digits, levels, bits, reals = tables
    records, depth, at = 0, 0, begin
    # Of each level: message, end, number of the last field, whether its list is open, whether something was written.
    levels[0, 0], levels[0, 1], levels[0, 2], levels[0, 3], levels[0, 4] = 0, end, 0, 0, 0
    data[to] = 123
    to += 1
    while True:
        level = levels[depth]
        if at == level[1]:
            if level[3]:
                data[to] = 93
                to += 1
            data[to] = 125
            to += 1
            depth -= 1
            if depth < 0:
                return to if records else 0
            continue
        number, wire_type = data[at] >> 3, data[at] & 7
        at += 1
        if number >= NUMBERS:
            return 0
        field = level[0] * NUMBERS + number
        kind, last = kinds[field], level[2]
        if kind == UNKNOWN or wire_type != wire_types[kind]:
            return 0
        again = number == last and repeated[field]
        if not again and (number <= last or (level[0] == VALUE and last > 0)):
            return 0
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
            return 0
        if wire_type == 1:
            value = eight(data, at)
        stop = at + length
        if to + _ROOM + (0 if kind == MESSAGE else 6 * length) + 2 * depth > len(data):
            return 0
        if kind >= BESIDE or (value == np.uint64(0) and (kind == HEX or kind == TIME)):
            at = stop
            continue
        if level[3] and not again:
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
        if kind == MESSAGE:
            depth += 1
            if depth >= len(levels):
                return 0
            below = levels[depth]
            below[0], below[1], below[2], below[3], below[4] = messages[field], stop, 0, 0, 0
            records += below[0] == RECORD
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
                return 0
            bits[0] = value
            to = write_real(data, to, reals[0], powers, digits)
            if to == 0:
                return 0
        elif kind == BOOL:
            if value > np.uint64(1):
                return 0
            to = write(data, to, words, 5 * np.int64(value), 5 + 4 * np.int64(value))
        elif kind == COUNT:
            if value >> np.uint64(31) > np.uint64(0):
                return 0
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


@njit(cache=True, nogil=True)
def _transcode(
    data: Array,
    begins: Array,
    ends: Array,
    to: int,
    fields: tuple[Array, ...],
    tables: tuple[Array, ...],
    found: Array,
) -> int:
    for place in range(len(begins)):
        stop = _transcoded(data, begins[place], ends[place], to, fields, tables)
        if stop > 0:
            found[place, 0], found[place, 1] = to, stop
            to = stop
    return to


def transcoded(buffer: Buffer, begins: Places, ends: Places) -> NDArray[np.int64]:
    """Where the JSON of each message begins and ends, (messages, 2), -1 of those that are left to the plain way."""
    found = np.full((len(begins), 2), -1, np.int64)
    bits = np.zeros(1, np.uint64)
    levels = np.zeros((GREATEST_LEVELS, 5), np.int64)
    tables = (WIRE_TYPES, _WORDS, POWERS, DIGITS, levels, bits, bits.view(np.float64))
    sizes = np.cumsum(ends - begins)
    first, used = 0, buffer.used
    while first < len(begins) and buffer.used - used < MOST_BYTES:
        before = sizes[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(sizes, before + MOST_AT_ONCE)))
        data = buffer.room(EXPANDS * int(sizes[last - 1] - before) + 2 * _ROOM)
        part = slice(first, last)
        buffer.used = _transcode(
            data, begins[part], ends[part], buffer.used, tuple(FIELDS), tables, found[part]
        )
        first = last
    return found
