"""Compiled: the groups, lists and records of OTLP messages in JSON without blanks."""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915, PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

BEGINS, ENDS = b'{"resourceLogs":[', b"]}"
"""What a message begins and ends with."""
_RECORDS = np.frombuffer(b"logRecords", np.uint8)
_GROUP, _LIST, _RECORD = 3, 6, 7
"""How deep in brackets the three are."""
SHORTEST_RECORD = 8
"""Bytes: a message has no more than one record for so many."""


class Group(NamedTuple):
    """One resource with its records."""

    pieces: tuple[bytes, ...]
    """Its bytes in front of its lists of records, between and behind them."""
    records: NDArray[np.int64]
    """Where each record begins and ends, (records, 2)."""
    lists: NDArray[np.int64]
    """The list of each record, (records,)."""


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
            while at < end and data[at] != 34:
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
                    in_list = True
                    comma = True
                    depth += 1
                    at += 2
                    lists[filled, 0] = at + 1
                    lists[filled, 2] = parts
        elif byte == 123 or byte == 91:
            if depth == 2 or (in_list and depth == _LIST):
                if byte == 91 or not comma:
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


def groups_of(data: NDArray[np.uint8], begin: int, end: int) -> list[Group] | None:
    """The groups of a message, which is from one place to another; None for what is none, or has no group."""
    first, last = begin + len(BEGINS), end - len(ENDS)
    if last < first or not (same(data, begin, BEGINS) and same(data, last, ENDS)):
        return None
    most = (end - begin) // SHORTEST_RECORD + 1
    records, lists, groups = (np.empty((most, 3), np.int64) for _ in range(3))
    found, filled, parts = _split(data, first, last, _RECORDS, records, lists, groups)
    if found < 0:
        return None
    return _groups(data, records[:found], lists[:filled], groups[:parts])


def same(data: NDArray[np.uint8], begin: int, text: bytes) -> bool:
    """Whether a text is at a place."""
    return data[begin : begin + len(text)].tobytes() == text


def _groups(
    data: NDArray[np.uint8],
    records: NDArray[np.int64],
    lists: NDArray[np.int64],
    groups: NDArray[np.int64],
) -> list[Group]:
    found = []
    owners = lists[:, 2]
    for group, (begin, end) in enumerate(groups[:, :2].tolist()):
        first, last = np.searchsorted(owners, (group, group + 1))
        edges = [begin, *lists[first:last, :2].reshape(-1).tolist(), end]
        pieces = [data[edges[at] : edges[at + 1]].tobytes() for at in range(0, len(edges), 2)]
        own = slice(*np.searchsorted(records[:, 2], (first, last)))
        found.append(Group(tuple(pieces), records[own, :2], records[own, 2] - first))
    return found
