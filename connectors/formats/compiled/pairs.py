"""Compiled: lines of ``key=value`` pairs, the Linux audit log's among them.

Names are whatever a sender likes, so a line's code is a keyed hash of them; ``connectors.formats.pair_shapes`` says
what lines with such a code are.
"""

# ruff: noqa: C901, PLR0911, PLR1714 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

import numpy as np

from connectors.formats.compiled.alphabet import (
    BEGINS_HEADER,
    CLASS,
    DIGIT,
    FIRST_NAME,
    NAME,
    WORD,
    run_of,
    triple_of,
)
from connectors.formats.compiled.found import (
    AUDIT,
    CODE,
    DIGITS,
    FORM_BITS,
    MINUTE,
    NUMBER,
    OFFSET,
    PAIRS,
    SEVERITY,
    TEXT_BEGIN,
)
from connectors.formats.json_bytes import Array, hashed, is_word, mixed
from connectors.kernels import helper

MOST_PAIRS, LEAST_PAIRS, LEAST_AUDIT = 100, 3, 2
LONGEST_STAMP = 15
"""Digits of an audit's time that a float holds exactly."""
_TYPE = np.frombuffer(b"type=", np.uint8)
_AUDIT = np.frombuffer(b" msg=audit(", np.uint8)


@helper
def _audit_head(data: Array, begin: int, end: int, found: Array, spans: Array, at: int) -> int:
    """Notes the columns of ``type=SYSCALL msg=audit(1764064800.001:7):``; where it ends, -1 for none."""
    if not is_word(data, begin, end, _TYPE):
        return -1
    kind = run_of(data, begin + 5, end, NAME)
    if kind == begin + 5 or not is_word(data, kind, end, _AUDIT):
        return -1
    if data[kind - 1] == 44 or data[kind - 1] == 59:
        return -1
    stamp = kind + len(_AUDIT)
    point = run_of(data, stamp, end, DIGIT)
    colon = run_of(data, point + 1, end, DIGIT)
    stop = run_of(data, colon + 1, end, DIGIT)
    whole, part = point - stamp, colon - point - 1
    if not (1 <= whole <= 12 and 1 <= part <= 9 and whole + part <= LONGEST_STAMP and stop < end):
        return -1
    if data[point] != 46 or data[colon] != 58 or stop == colon + 1 or data[stop] != 41:
        return -1
    number = 0
    for place in range(stamp, colon):
        if place != point:
            number = number * 10 + (data[place] - 48)
    found[MINUTE], found[NUMBER], found[DIGITS], found[OFFSET] = 0, number, part, 0
    stop += 1
    if stop < end and data[stop] == 58:
        stop += 1
    if stop + 1 >= end or data[stop] != 32:
        return -1
    spans[at], spans[at + 1] = begin + 5, kind
    spans[at + 2], spans[at + 3] = kind + 5, stop
    return stop + 1


@helper
def _value_end(data: Array, at: int, end: int) -> tuple[int, int, int]:
    """Of a value, no pairs in quotes: where it begins and ends, and what is behind it; -1 for what is not sure."""
    first = data[at] if at < end else 32
    if first == 34 or first == 39:
        stop = at + 1
        while stop < end and data[stop] != first:
            if data[stop] == 92:
                return -1, -1, -1
            stop += 1
        return (at + 1, stop, stop + 1) if stop < end else (-1, -1, -1)
    if first == 40:
        stop = at + 1
        while stop < end and data[stop] != 41:
            if data[stop] == 40:
                return -1, -1, -1
            stop += 1
        return (at, stop + 1, stop + 1) if stop < end else (-1, -1, -1)
    stop = at
    while stop < end and data[stop] != 32:
        stop += 1
    if stop > at and (data[stop - 1] == 44 or data[stop - 1] == 59):
        return -1, -1, -1
    return at, stop, stop


@helper
def _all_pairs(
    data: Array, at: int, end: int, state: np.uint64, key: Array, spans: Array, next_: int
) -> tuple[int, np.uint64]:
    """Notes the values of pairs with a blank between each, and hashes the names; the next place, -1 for what is not
    sure.
    """
    outside = end
    most = next_ + 2 * MOST_PAIRS
    while at < end:
        name = at
        at = run_of(data, at, end, NAME)
        if at == name or at >= end or data[at] != 61 or next_ >= most:
            return -1, state
        state = hashed(data, name, at, state, key)
        at += 1
        if at < end and data[at] == 39 and end == outside:  # pairs in single quotes
            close, nested = at + 1, False
            while close < outside and data[close] != 39:
                nested = nested or data[close] == 61
                close += 1
            if close >= outside:
                return -1, state
            if nested:
                state = mixed(state, np.uint64(1), key)
                end = close
                at += 1
                continue
        begin, stop, at = _value_end(data, at, end)
        if at < 0:
            return -1, state
        spans[next_], spans[next_ + 1] = begin, stop
        next_ += 2
        if at == end and end < outside:
            state = mixed(state, np.uint64(2), key)
            end = outside
            at += 1
        if at < end:
            if data[at] != 32:
                return -1, state
            at += 1
    return (next_ if end == outside else -1), state


@helper
def read_pairs(
    data: Array,
    begin: int,
    end: int,
    key: Array,
    found: Array,
    spans: Array,
    next_: int,
) -> int:
    """Reads pairs; the values are noted from a place on. The next place; -1 for a line that is not known for sure. The
    severity, the free text and, of other pairs than an audit's, the time are in the values.
    """
    state = key[0]
    at = _audit_head(data, begin, end, found, spans, next_)
    is_audit = at >= 0
    first = next_
    if is_audit:
        state = hashed(data, begin, spans[next_ + 1], state, key)
        next_ += 4
    else:
        found[DIGITS] = -1
        at = begin
        behind_letter = begin + 1 < end and (CLASS[data[begin + 1]] & DIGIT or data[begin + 1] == 47)
        if behind_letter or (
            not is_word(data, begin, end, _TYPE) and triple_of(data, begin, end) & BEGINS_HEADER
        ):
            return -1
        if not CLASS[data[begin]] & WORD or CLASS[data[begin]] & DIGIT:
            return -1
        stop = run_of(data, begin, min(end, begin + 64), FIRST_NAME)
        if stop >= end or data[stop] != 61:
            return -1
        for place in range(begin, end - 2):
            if data[place] == 93 and data[place + 1] == 32 and data[place + 2] == 34:
                return -1
    next_, state = _all_pairs(data, at, end, state, key, spans, next_)
    if next_ < 0 or next_ - first < 2 * (LEAST_AUDIT if is_audit else LEAST_PAIRS):
        return -1
    found[CODE] = np.int64(state) >> FORM_BITS << FORM_BITS | (AUDIT if is_audit else PAIRS)
    found[SEVERITY], found[TEXT_BEGIN] = 0, -1
    return next_
