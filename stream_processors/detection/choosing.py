"""Compiled: what the columns of many lines come to, and which spans are their free text."""

# ruff: noqa: C901, PLR0911, PLR1714, SIM110 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.formats.json_bytes import hashed, is_word, mixed
from connectors.kernels import helper, kernel
from encoder_core.templates.columns import LONGEST_TEXT
from encoder_core.templates.kinds import LONGEST

Array = NDArray[Any]

NO, YES, UNSURE = 0, 1, 2
MESSAGE = -2
"""In place of a column: the message."""
ANY, DIGITS, NO_DIGITS = 0, 1, 2
"""What the values that tell a kind are made of: a name; a name or a number; a name without digits."""
_NULL = np.frombuffer(b"null", np.uint8)
_NONE = np.frombuffer(b"None", np.uint8)
_EMPTY = np.frombuffer(b"(empty)", np.uint8)
_LONGEST_CODE = 7
_AUDIT = np.frombuffer(b"audit(", np.uint8)


@helper
def _is_text(data: Array, begin: int, end: int) -> int:
    """``columns.is_text`` of a span; UNSURE where letters beyond ASCII may make it one."""
    before, wide = False, False
    for at in range(begin, end):
        byte = data[at]
        letter = 97 <= (byte | 32) <= 122
        if letter and before:
            if is_word(data, begin, end, _NULL) or is_word(data, begin, end, _NONE):
                return NO if end - begin == 4 else YES
            return NO if end - begin == len(_EMPTY) and is_word(data, begin, end, _EMPTY) else YES
        before = letter
        wide = wide or byte >= 128
    return UNSURE if wide else NO


@helper
def _is_silent(data: Array, begin: int, end: int, made_of: int) -> bool:
    """Whether a value tells no kind for sure."""
    if begin == end:
        return True
    first, digit, wide = data[begin], False, False
    for at in range(begin, end):
        byte = data[at]
        if byte == 44:
            return False
        digit = digit or 48 <= byte <= 57
        wide = wide or byte >= 128
    if wide or end - begin > LONGEST or (digit and made_of == NO_DIGITS):
        return True
    if 48 <= first <= 57:
        return made_of != DIGITS or end - begin > _LONGEST_CODE
    return not (97 <= (first | 32) <= 122 or first == 95)


@helper
def _same(data: Array, begin: int, end: int, other: int, other_end: int) -> bool:
    """Whether two spans hold the same."""
    if end - begin != other_end - other:
        return False
    if begin == other:
        return True
    for at in range(end - begin):
        if data[begin + at] != data[other + at]:
            return False
    return True


@kernel
def variants_of(
    data: Array, starts: Array, begins: Array, ends: Array, audits: Array, facilities: Array, key: Array
) -> tuple[Array, Array]:
    """Whether the column ``msg`` of each line begins as that of an audit's event, and a hash of its ``facility``.

    audits, facilities: which column of each line that is, -1 for none.
    """
    lines = len(starts) - 1
    audit, facility = np.zeros(lines, np.bool_), np.zeros(lines, np.uint64)
    for line in range(lines):
        if audits[line] >= 0:
            at = starts[line] + audits[line]
            audit[line] = is_word(data, begins[at], ends[at], _AUDIT)
        if facilities[line] >= 0:
            at = starts[line] + facilities[line]
            facility[line] = hashed(data, begins[at], ends[at], key[0], key)
    return audit, facility


@kernel
def choice_keys(
    data: Array,
    rows: tuple[Array, Array, Array, Array, Array],
    plan_of: Array,
    plans: tuple[Array, Array, Array, Array, Array],
    key: Array,
) -> tuple[Array, Array]:
    """What each line's columns come to, as a keyed hash; whether letters beyond ASCII make that unsure.

    rows: starts, begins and ends of columns, begins and ends of messages. plan_of: the plan of each line, -1 for a
    format that is text. plans: where the columns of each start that may tell its kind, these, what their values are
    made of; likewise the columns that may be text.
    """
    starts, begins, ends, text_begins, text_ends = rows
    kind_starts, kinds, made_of, text_starts, texts = plans
    lines = len(plan_of)
    found, unsure = np.zeros(lines, np.uint64), np.zeros(lines, np.bool_)
    for line in range(lines):
        plan = plan_of[line]
        if plan < 0:
            continue
        first, begin, end = starts[line], text_begins[line], text_ends[line]
        said = NO if begin < 0 else _is_text(data, begin, end)
        unsure[line] = said == UNSURE
        state = mixed(mixed(key[0], np.uint64(plan), key), np.uint64(said), key)
        for at in range(kind_starts[plan], kind_starts[plan + 1]):
            column = first + kinds[at]
            if _is_silent(data, begins[column], ends[column], made_of[at]):
                state = mixed(state, np.uint64(1), key)
            else:
                state = hashed(data, begins[column], ends[column], state, key)
        for at in range(text_starts[plan], text_starts[plan + 1]):
            column = first + texts[at]
            is_text = _is_text(data, begins[column], ends[column])
            unsure[line] |= is_text == UNSURE
            same = said == YES and _same(data, begins[column], ends[column], begin, end)
            state = mixed(state, np.uint64(2 * is_text + same), key)
        found[line] = state
    return found, unsure


@helper
def _blank(data: Array, at: int, end: int) -> int:
    """Bytes of the blank at a place, as ``str.isspace`` has it; 0 for none."""
    byte = data[at]
    if byte < 128:
        return 1 if byte == 32 or 9 <= byte <= 13 or 28 <= byte <= 31 else 0
    if byte == 0xC2 and at + 1 < end:
        return 2 if data[at + 1] == 0x85 or data[at + 1] == 0xA0 else 0
    if at + 2 >= end:
        return 0
    second, third = data[at + 1], data[at + 2]
    if byte == 0xE1:
        return 3 if second == 0x9A and third == 0x80 else 0
    if byte == 0xE2 and second == 0x80:
        return 3 if third <= 0x8A or 0xA8 <= third <= 0xA9 or third == 0xAF else 0
    if byte == 0xE2:
        return 3 if second == 0x81 and third == 0x9F else 0
    return 3 if byte == 0xE3 and second == 0x80 and third == 0x80 else 0


@helper
def _first_line(data: Array, begin: int, end: int, brief: bool) -> tuple[int, int]:
    """``columns.first_line`` of a span, or ``first_clause``."""
    if end - begin > LONGEST_TEXT:
        left, at = LONGEST_TEXT, begin
        while at < end:
            if data[at] & 0xC0 != 0x80:
                if left == 0:
                    break
                left -= 1
            at += 1
        end = at
    while begin < end:
        size = _blank(data, begin, end)
        if not size:
            break
        begin += size
    last = begin
    at = begin
    while at < end:
        if data[at] == 10:
            break
        size = _blank(data, at, end)
        if size:
            at += size
            continue
        at += 1
        last = at
    if brief:
        for at in range(begin, last):
            byte = data[at]
            if (byte == 58 or byte == 59 or byte == 46) and (
                at + 1 == last or _blank(data, at + 1, last) > 0
            ):
                return begin, at
    return begin, last


@kernel
def texts_of(
    data: Array,
    rows: tuple[Array, Array, Array, Array, Array],
    choice_of: Array,
    choices: tuple[Array, Array, Array],
) -> tuple[Array, Array, Array]:
    """Where the free texts of each line start, (lines + 1,), and where each begins and ends.

    choice_of: the choice of each line, -1 for a format that is text. choices: columns of text and of what went wrong,
    -1 for none, MESSAGE for the message; whether the first clause is enough.
    """
    starts, begins, ends, text_begins, text_ends = rows
    texts, errors, briefs = choices
    lines = len(choice_of)
    first = np.zeros(lines + 1, np.int64)
    found_begins, found_ends = np.empty(2 * lines, np.int64), np.empty(2 * lines, np.int64)
    count = 0
    for line in range(lines):
        choice = choice_of[line]
        if choice < 0:
            found_begins[count], found_ends[count] = text_begins[line], text_ends[line]
            count += 1
        else:
            for column in (texts[choice], errors[choice]):
                if column == MESSAGE:
                    begin, end = text_begins[line], text_ends[line]
                elif column >= 0:
                    begin, end = begins[starts[line] + column], ends[starts[line] + column]
                else:
                    continue
                begin, end = _first_line(data, begin, end, briefs[choice])
                if end > begin:
                    found_begins[count], found_ends[count] = begin, end
                    count += 1
        first[line + 1] = count
    return first, found_begins[:count].copy(), found_ends[:count].copy()


@kernel
def whole_keys(choice_of: Array, starts: Array, ids: Array, key: Array) -> Array:
    """What the template of each line is known by: a hash of its choice and the templates of its texts; 0 for a line of
    a format that is text.
    """
    found = np.zeros(len(choice_of), np.uint64)
    for line in range(len(choice_of)):
        if choice_of[line] >= 0:
            state = mixed(key[0], np.uint64(choice_of[line]), key)
            for text in range(starts[line], starts[line + 1]):
                state = mixed(state, ids[text], key)
            found[line] = state
    return found
