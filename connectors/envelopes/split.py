"""Compiled: the groups, lists and records of OTLP messages in JSON without blanks."""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915, PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.formats.json_bytes import KEY, hashed, is_word
from connectors.formats.words8 import plain_until

Array = NDArray[Any]

BEGINS, ENDS = b'{"resourceLogs":[', b"]}"
"""What a message begins and ends with."""
_SIGNS = (
    np.frombuffer(BEGINS, np.uint8),
    np.frombuffer(ENDS, np.uint8),
    np.frombuffer(b"logRecords", np.uint8),
)
_GROUP, _LIST, _RECORD = 3, 6, 7
"""How deep in brackets the three are."""
SHORTEST_RECORD = 8
"""Bytes: where there are more records, lists or groups than one for so many, messages are left as they are."""


class Split(NamedTuple):
    """What is in messages: g groups with l lists of r records in all, in order."""

    records: NDArray[np.int64]
    """Begin, end and list of each record, (r, 3)."""
    lists: NDArray[np.int64]
    """Begin, end and group of each list, (l, 3)."""
    groups: NDArray[np.int64]
    """Begin, end and message of each group, (g, 3)."""
    keys: NDArray[np.uint64]
    """Keyed hash of all of a group but its records, (g,)."""
    good: NDArray[np.bool_]
    """Whether a message is such a one, (messages,)."""

    def pieces(self, data: NDArray[np.uint8], group: int) -> tuple[bytes, ...]:
        """The bytes of a group in front of its lists of records, between and behind them."""
        first, last = np.searchsorted(self.lists[:, 2], (group, group + 1))
        begin, end = self.groups[group, :2].tolist()
        edges = [begin, *self.lists[first:last, :2].reshape(-1).tolist(), end]
        return tuple([data[edges[at] : edges[at + 1]].tobytes() for at in range(0, len(edges), 2)])


@njit(cache=True, nogil=True)
def _split(
    data: Array, first: int, end: int, name: Array, records: Array, lists: Array, groups: Array
) -> tuple[int, int, int]:
    """Fills begin, end and list of records; begin, end and group of lists; begin and end of groups. Their numbers, -1
    for what is no such message.
    """
    found = filled = parts = 0
    depth = 2
    in_list = False
    at = first
    comma = True  # whether a record or a group may begin here
    while at < end:
        byte = data[at]
        if byte == 34:
            begin = at + 1
            at = begin
            while True:
                at = plain_until(data, at, end)
                if at >= end or data[at] == 34:
                    break
                at += 2 if data[at] == 92 else 1
            if depth == 2 or (in_list and depth == _LIST):
                return -1, 0, 0
            if (
                depth == _LIST - 1
                and at - begin == len(name)
                and at + 2 < end
                and data[at + 1] == 58
                and data[at + 2] == 91
            ):
                same = True
                for place in range(len(name)):
                    same = same and data[begin + place] == name[place]
                if same:
                    if filled >= len(lists):
                        return -1, 0, 0
                    in_list = True
                    comma = True
                    depth += 1
                    at += 2
                    lists[filled, 0] = at + 1
                    lists[filled, 2] = parts
        elif byte == 123 or byte == 91:
            if depth == 2 or (in_list and depth == _LIST):
                if byte == 91 or not comma or parts >= len(groups) or found >= len(records):
                    return -1, 0, 0
                if depth == 2:
                    groups[parts, 0] = at
                else:
                    records[found, 0] = at
                    records[found, 2] = filled
                comma = False
            depth += 1
        elif byte == 125 or byte == 93:
            depth -= 1
            if depth < 2:
                return -1, 0, 0
            if in_list and depth == _LIST - 1:
                if comma and lists[filled, 0] != at:
                    return -1, 0, 0
                lists[filled, 1] = at
                filled += 1
                in_list = False
            elif in_list and depth == _LIST:
                records[found, 1] = at + 1
                found += 1
            elif depth == 2:
                groups[parts, 1] = at + 1
                parts += 1
                comma = False
        elif depth == 2 or (in_list and depth == _LIST):
            if byte != 44 or comma:
                return -1, 0, 0
            comma = True
        at += 1
    if depth != 2 or comma or in_list:
        return -1, 0, 0
    return found, filled, parts


@njit(cache=True, nogil=True)
def _split_all(
    data: Array,
    begins: Array,
    ends: Array,
    signs: tuple[Array, Array, Array],
    key: Array,
    records: Array,
    lists: Array,
    groups: Array,
    keys: Array,
    good: Array,
) -> tuple[int, int, int]:
    """Fills what is found in messages; how many records, lists and groups there are."""
    before, behind, name = signs
    found = filled = parts = 0
    for message in range(len(begins)):
        first, last = begins[message] + len(before), ends[message] - len(behind)
        if last < first or not is_word(data, begins[message], last, before):
            continue
        if not is_word(data, last, ends[message], behind):
            continue
        many, held, own = _split(data, first, last, name, records[found:], lists[filled:], groups[parts:])
        if many < 0:
            continue
        good[message] = True
        records[found : found + many, 2] += filled
        at = filled
        for group in range(parts, parts + own):
            groups[group, 2] = message
            state, edge = key[0], groups[group, 0]
            while at < filled + held and lists[at, 2] == group - parts:
                state = hashed(data, edge, lists[at, 0], state, key)
                edge = lists[at, 1]
                lists[at, 2] = group
                at += 1
            keys[group] = hashed(data, edge, groups[group, 1], state, key)
        found, filled, parts = found + many, filled + held, parts + own
    return found, filled, parts


def split(data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> Split:
    """What is in messages, each from one place to another."""
    most = int((ends - begins).sum()) // SHORTEST_RECORD + len(begins) + 1
    records, lists, groups = (np.empty((most, 3), np.int64) for _ in range(3))
    keys, good = np.empty(most, np.uint64), np.zeros(len(begins), np.bool_)
    found, filled, parts = _split_all(data, begins, ends, _SIGNS, KEY, records, lists, groups, keys, good)
    return Split(
        records[:found].copy(), lists[:filled].copy(), groups[:parts].copy(), keys[:parts].copy(), good
    )
