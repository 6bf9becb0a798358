"""Many messages of OpenTelemetry's logs in Protobuf, as JSON that is split already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.envelopes.collecting import Buffer, Places
from connectors.envelopes.otlp_fields import FIELDS, WIRE_TYPES
from connectors.envelopes.otlp_transcoding import ROOM, transcoded
from connectors.envelopes.split import SHORTEST_RECORD, Split
from connectors.formats.json_bytes import KEY, hashed
from connectors.formats.json_writing import DIGITS, POWERS

Array = NDArray[Any]

GREATEST_LEVELS = 24
"""Messages in one another."""
EXPANDS = 14
"""A field is at most so many times as long in JSON."""
MOST_AT_ONCE = 1 << 18
"""Bytes for which there is made room at once."""
MOST_BYTES = 1 << 28
"""Of JSON that is made of messages that are read together; the others are left."""
_WORDS = np.frombuffer(b"falsetrue       ", np.uint8)


@njit(cache=True, nogil=True)
def _transcode(
    data: Array,
    first: int,
    last: int,
    begins: Array,
    ends: Array,
    to: int,
    fields: tuple[Array, ...],
    tables: tuple[Array, ...],
    counts: tuple[int, int, int],
    found: tuple[Array, ...],
    key: Array,
    keys: Array,
    good: Array,
) -> tuple[int, int, int, int]:
    """Fills what is in messages, from the first up to the last; where the JSON ends, and how much there is of each."""
    lists, groups = found[1], found[2]
    for message in range(first, last):
        begin, end = begins[message], ends[message]
        stop, record, filled, many = transcoded(data, begin, end, to, fields, tables, counts, found)
        if stop == 0:
            continue
        at = counts[1]
        for group in range(counts[2], many):
            groups[group, 2] = message
            state, edge = key[0], groups[group, 0]
            while at < filled and lists[at, 2] == group:
                state = hashed(data, edge, lists[at, 0], state, key)
                edge = lists[at, 1]
                at += 1
            keys[group] = hashed(data, edge, groups[group, 1], state, key)
        good[message] = True
        to, counts = stop, (record, filled, many)
    return to, counts[0], counts[1], counts[2]


def split_protobuf(buffer: Buffer, begins: Places, ends: Places) -> Split:
    """What is in messages as JSON, which is added to the buffer. Those that are left to the plain way are not good."""
    bits = np.zeros(1, np.uint64)
    levels = np.zeros((GREATEST_LEVELS, 5), np.int64)
    sizes = np.cumsum(ends - begins)
    most = int(sizes[-1]) // SHORTEST_RECORD + 1 if len(sizes) else 0
    found = tuple(np.empty((most, 3), np.int64) for _ in range(3))
    keys, good = np.empty(most, np.uint64), np.zeros(len(begins), np.bool_)
    first, used, counts = 0, buffer.used, (0, 0, 0)
    while first < len(begins) and buffer.used - used < MOST_BYTES:
        before = int(sizes[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(sizes, before + MOST_AT_ONCE)))
        data = buffer.room(EXPANDS * (int(sizes[last - 1]) - before) + 2 * ROOM)
        tables = WIRE_TYPES, _WORDS, POWERS, DIGITS, levels, bits, bits.view(np.float64)
        buffer.used, *many = _transcode(
            data,
            first,
            last,
            begins,
            ends,
            buffer.used,
            tuple(FIELDS),
            tables,
            counts,
            found,
            KEY,
            keys,
            good,
        )
        counts = many[0], many[1], many[2]
        first = last
    records, lists, groups = (part[:count].copy() for part, count in zip(found, counts, strict=True))
    return Split(records, lists, groups, keys[: counts[2]].copy(), good)
