"""Compiled: the groups, lists and records of OTLP messages in JSON without blanks."""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0915, PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from collections.abc import Sequence
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
    records: list[bytes]
    lists: list[int]
    """The list of each record."""


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


def groups_of(value: bytes) -> list[Group] | None:
    """The groups of a message; None for what is no such message, or has no group."""
    if not (value.startswith(BEGINS) and value.endswith(ENDS)):
        return None
    most = len(value) // SHORTEST_RECORD + 1
    records, lists, groups = (np.empty((most, 3), np.int64) for _ in range(3))
    array = np.frombuffer(value, np.uint8)
    found, filled, parts = _split(
        array, len(BEGINS), len(value) - len(ENDS), _RECORDS, records, lists, groups
    )
    if found < 0:
        return None
    return _groups(value, records[:found], lists[:filled], groups[:parts])


def _groups(
    value: bytes, records: NDArray[np.int64], lists: NDArray[np.int64], groups: NDArray[np.int64]
) -> list[Group]:
    edges: list[list[int]] = [[begin] for begin in groups[:, 0].tolist()]
    numbers: list[int] = []
    for begin, end, group in lists.tolist():
        numbers.append(len(edges[group]) // 2)
        edges[group] += (begin, end)
    found = [
        Group(_pieces(value, [*edge, end]), [], [])
        for edge, end in zip(edges, groups[:, 1].tolist(), strict=True)
    ]
    owners = lists[:, 2].tolist()
    for begin, end, place in records.tolist():
        group = found[owners[place]]
        group.records.append(value[begin:end])
        group.lists.append(numbers[place])
    return found


def _pieces(value: bytes, edges: Sequence[int]) -> tuple[bytes, ...]:
    return tuple([value[edges[at] : edges[at + 1]] for at in range(0, len(edges), 2)])
