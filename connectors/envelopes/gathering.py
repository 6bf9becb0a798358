"""Compiled: from the leaves of scanned objects to columns, message, time and severity, as their plans say."""

# ruff: noqa: C901, PLR0912 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.envelopes.collecting import Buffer
from connectors.formats.json_bytes import KEY, hashed, mixed
from connectors.formats.numbers import Table, number_of
from connectors.formats.times_scan import STATED, UNSURE, stamp

Array = NDArray[Any]


class Plans(NamedTuple):
    """Plans one behind another. A plan has entries, each of one or more parts that are joined by commas."""

    layouts: NDArray[np.int32]
    """Of each plan, as all that follows up to ``level_starts``."""
    columns: NDArray[np.int64]
    """How many of its entries are columns: the first ones."""
    entry_starts: NDArray[np.int64]
    """(plans + 1,)"""
    message_starts: NDArray[np.int64]
    time_starts: NDArray[np.int64]
    level_starts: NDArray[np.int64]
    part_starts: NDArray[np.int64]
    """Of the parts of each entry, (entries + 1,)."""
    parts: NDArray[np.int64]
    """A leaf's place; below 0 a constant: -1 is the first."""
    messages: NDArray[np.int64]
    """Entries of their plan, the best first; likewise ``times`` and ``levels``."""
    times: NDArray[np.int64]
    levels: NDArray[np.int64]
    level_numbers: NDArray[np.int64]
    """Tells what the values of a level are known by."""
    constants: NDArray[np.uint8]
    constant_starts: NDArray[np.int64]
    """(constants + 1,)"""


@njit(cache=True, nogil=True)
def _gathered(
    data: Array,
    rows: Array,
    plan_of: Array,
    scan: tuple[Array, ...],
    plans: tuple[Array, ...],
    is_utc: bool,
    known: Table,
    key: Array,
    to: int,
    found: tuple[Array, ...],
) -> int:
    """Fills what is found of the rows; where what was added to the data ends."""
    leaf_starts, leaf_begins, leaf_ends = scan
    (
        _,
        column_counts,
        entry_starts,
        message_starts,
        time_starts,
        level_starts,
        part_starts,
        parts,
        messages,
        times,
        levels,
        level_numbers,
        constants,
        constant_starts,
    ) = plans
    stated, severities, text_begins, text_ends, unsure, starts, begins, ends, own_begins, own_ends = found
    filled = 0
    for place in range(len(rows)):
        plan, first = plan_of[place], leaf_starts[rows[place]]
        entries = entry_starts[plan]
        many = entry_starts[plan + 1] - entries
        for entry in range(many):
            from_part, to_part = part_starts[entries + entry], part_starts[entries + entry + 1]
            part = parts[from_part]
            if to_part - from_part == 1 and part >= 0:
                own_begins[entry], own_ends[entry] = leaf_begins[first + part], leaf_ends[first + part]
                continue
            own_begins[entry] = to
            for at in range(from_part, to_part):
                part = parts[at]
                if at > from_part:
                    data[to] = 44
                    to += 1
                if part >= 0:
                    for byte in range(leaf_begins[first + part], leaf_ends[first + part]):
                        data[to] = data[byte]
                        to += 1
                else:
                    for byte in range(constant_starts[-part - 1], constant_starts[-part]):
                        data[to] = constants[byte]
                        to += 1
            own_ends[entry] = to
        for column in range(column_counts[plan]):
            begins[filled], ends[filled] = own_begins[column], own_ends[column]
            filled += 1
        starts[place + 1] = filled
        for at in range(message_starts[plan], message_starts[plan + 1]):
            entry = messages[at]
            if own_ends[entry] > own_begins[entry]:
                text_begins[place], text_ends[place] = own_begins[entry], own_ends[entry]
                break
        for at in range(time_starts[plan], time_starts[plan + 1]):
            entry = times[at]
            what, seconds = stamp(data, own_begins[entry], own_ends[entry], is_utc)
            if what == UNSURE:
                unsure[place] = True
                break
            if what == STATED:
                stated[place] = seconds
                break
        for at in range(level_starts[plan], level_starts[plan + 1]):
            entry = levels[at]
            state = mixed(key[0], np.uint64(level_numbers[at]), key)
            level = number_of(hashed(data, own_begins[entry], own_ends[entry], state, key), *known)
            if level < 0:
                unsure[place] = True
                break
            if level > 0:
                severities[place] = level
                break
    return to


class Gathered(NamedTuple):
    """What is found of n rows with m columns in all."""

    times: NDArray[np.float64]
    severities: NDArray[np.uint8]
    text_begins: NDArray[np.int64]
    text_ends: NDArray[np.int64]
    unsure: NDArray[np.bool_]
    """Whether time and severity must be looked up in another way."""
    starts: NDArray[np.int64]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]


def gathered(
    buffer: Buffer,
    rows: NDArray[np.int64],
    plan_of: NDArray[np.int64],
    leaves: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]],
    plans: Plans,
    *,
    is_utc: bool,
    known: Table,
) -> Gathered:
    """Columns, messages, times and severities of rows of a scan.

    plan_of: the plan of each row. leaves: where those of each row of the scan start, where each begins and ends, text
    without escapes. is_utc: whether times without a zone are UTC's. known: severities by ``level_key``.
    """
    lines = len(rows)
    entries = np.diff(plans.entry_starts)
    most = int(entries.max(initial=0))
    columns = int(plans.columns[plan_of].sum())
    starts, begins, ends = leaves
    part_starts = plans.part_starts[plans.entry_starts]
    constant = plans.parts < 0
    of_constants = np.zeros(len(plans.parts) + 1, np.int64)
    of_constants[1:][constant] = np.diff(plans.constant_starts)[-plans.parts[constant] - 1]
    constants = np.diff(np.cumsum(of_constants)[part_starts])
    room = int(constants[plan_of].sum())
    if (np.diff(part_starts) > entries)[plan_of].any():  # a leaf is in one column and at most one message
        room += 2 * int((ends.astype(np.int64) - begins).sum()) + 2 * len(begins)
    found = (
        np.full(lines, np.nan),
        np.zeros(lines, np.uint8),
        np.full(lines, -1, np.int64),
        np.full(lines, -1, np.int64),
        np.zeros(lines, np.bool_),
        np.zeros(lines + 1, np.int64),
        np.empty(columns, np.int64),
        np.empty(columns, np.int64),
    )
    own = np.empty(most, np.int64), np.empty(most, np.int64)
    buffer.used = _gathered(
        buffer.room(room),
        rows,
        plan_of,
        (starts, begins, ends),
        tuple(plans),
        is_utc,
        known,
        KEY,
        buffer.used,
        (*found, *own),
    )
    return Gathered(*found)


@njit(cache=True, nogil=True)
def level_key(data: Array, begin: int, end: int, level: int, key: Array) -> np.uint64:
    """What the severity of a level's value is known by."""
    return hashed(data, begin, end, mixed(key[0], np.uint64(level), key), key)


@njit(cache=True, nogil=True)
def not_utf8(data: Array, begins: Array, ends: Array) -> NDArray[np.bool_]:
    """Which spans are no UTF-8."""
    wrong = np.zeros(len(begins), np.bool_)
    for place in range(len(begins)):
        at, end = begins[place], ends[place]
        while at < end:
            byte = data[at]
            if byte < 0x80:
                at += 1
                continue
            more = (
                1 if 0xC2 <= byte <= 0xDF else 2 if 0xE0 <= byte <= 0xEF else 3 if 0xF0 <= byte <= 0xF4 else 0
            )
            if more == 0 or at + more >= end:
                wrong[place] = True
                break
            least = 0xA0 if byte == 0xE0 else 0x90 if byte == 0xF0 else 0x80
            most = 0x9F if byte == 0xED else 0x8F if byte == 0xF4 else 0xBF
            if data[at + 1] < least or data[at + 1] > most:
                wrong[place] = True
                break
            for near in range(at + 2, at + more + 1):
                if data[near] & 0xC0 != 0x80:
                    wrong[place] = True
            if wrong[place]:
                break
            at += more + 1
    return wrong
