"""Compiled: the headers that loggers of Java and Python and name servers write before a message."""

# ruff: noqa: C901, PLR0911, PLR0912, PLR1714, SIM110 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

import numpy as np

from connectors.formats.compiled.alphabet import (
    CLASS,
    DIGIT,
    HOST,
    LOGGER,
    LOWER,
    NOT_SURE,
    THREAD,
    UPPER,
    WORD,
    level_of,
    run_of,
)
from connectors.formats.compiled.found import (
    BIT,
    CATEGORY,
    CODE,
    LEVELLED,
    SEVERITY,
    TEXT_BEGIN,
    TEXT_END,
    add,
)
from connectors.formats.compiled.payloads import is_text
from connectors.formats.json_bytes import Array
from connectors.formats.layouts import NO_NAMES
from connectors.formats.syslog import NO_HOSTS
from connectors.kernels import helper

_HOSTS_NEVER = np.array([int.from_bytes(word.encode(), "big") for word in NO_HOSTS], np.uint64)
"""Levels that are never read as a host behind syslog's time."""
_LONGEST_END = max(map(len, NO_NAMES))
_NO_NAMES = np.zeros((len(NO_NAMES), _LONGEST_END), np.uint8)
"""Right-aligned."""
for _row, _name in enumerate(NO_NAMES):
    _NO_NAMES[_row, -len(_name) :] = list(_name.encode())


@helper
def _is_logger(data: Array, begin: int, end: int) -> bool:
    """As ``connectors.formats.layouts.is_logger``."""
    for at in range(begin + 1, end - 1):
        byte, before, after = CLASS[data[at]], CLASS[data[at - 1]], CLASS[data[at + 1]]
        if data[at] == 46 or (byte & UPPER and before & (LOWER | DIGIT)):
            return True
        if data[at] == 95 and before & (UPPER | LOWER) and after & (UPPER | LOWER):
            return True
    return end - begin > 1 and bool(CLASS[data[end - 1]] & UPPER and CLASS[data[end - 2]] & (LOWER | DIGIT))


@helper
def _ends_like_a_message(data: Array, begin: int, end: int) -> bool:
    """Whether a word before a colon is the message's own."""
    for row in range(len(_NO_NAMES)):
        place = _LONGEST_END
        at = end
        while (
            place > 0
            and _NO_NAMES[row, place - 1]
            and at > begin
            and data[at - 1] == _NO_NAMES[row, place - 1]
        ):
            place -= 1
            at -= 1
        if place == 0 or _NO_NAMES[row, place - 1] == 0:
            return True
    return False


@helper
def _is_no_host(data: Array, begin: int, end: int) -> bool:
    packed = np.uint64(0)
    for at in range(begin, end):
        packed = packed << np.uint64(8) | np.uint64(data[at])
    for word in _HOSTS_NEVER:
        if word == packed:
            return True
    return False


@helper
def _may_be_address(data: Array, begin: int, end: int) -> bool:
    """Whether a word is of what addresses consist of alone."""
    for at in range(begin, end):
        byte = data[at] | 32
        if not (CLASS[byte] & DIGIT or 97 <= byte <= 102 or byte == 46 or byte == 58):
            return False
    return True


@helper
def _words_end(data: Array, begin: int, end: int) -> int:
    """Where two to four words end that are the name of a thread for sure: the first begins with a capital, and one has
    no digit and a letter that hashes have not. Its begin for other words.
    """
    at, words, has_digit, has_letter, named = begin, 1, False, False, False
    while at < end and data[at] != 93:
        byte = data[at]
        if byte == 32:
            if data[at - 1] == 32:
                return begin
            named = named or (has_letter and not has_digit)
            words, has_digit, has_letter = words + 1, False, False
        elif not CLASS[byte] & HOST:
            return begin
        has_digit = has_digit or bool(CLASS[byte] & DIGIT)
        has_letter = has_letter or bool(CLASS[byte] & UPPER) or 102 < byte < 123
        at += 1
    named = named or (has_letter and not has_digit)
    is_sure = named and words <= 4 and at - begin < 64 and CLASS[data[begin]] & UPPER and data[at - 1] != 32
    return at if is_sure else begin


@helper
def _blanks(data: Array, at: int, end: int) -> int:
    """Where up to four blanks end."""
    stop = at
    while stop < end and data[stop] == 32 and stop - at < 5:
        stop += 1
    return stop if 0 < stop - at < 5 else -1


@helper
def read_levelled(
    data: Array,
    at: int,
    end: int,
    is_syslog: bool,
    found: Array,
    spans: Array,
    next_: int,
) -> int:
    """Reads what stands behind a time, which may be syslog's: ``7 INFO [main] org.example.Shop - message``. Its columns
    are noted from a place on. The next place; -1 for a line that is not known for sure.
    """
    at += 1
    pid, pid_end = at, at
    if at < end and CLASS[data[at]] & DIGIT:
        pid_end = run_of(data, at, min(end, at + 10), DIGIT)
        if pid_end >= end or data[pid_end] != 32:
            return -1
        at = pid_end + 1
    level_end = run_of(data, at, end, UPPER)
    severity = level_of(data, at, level_end)
    if not 4 <= level_end - at <= 8 or severity == 0 or severity == NOT_SURE:
        return -1
    if is_syslog and not _is_no_host(data, at, level_end):
        return -1
    logger = _blanks(data, level_end, end)
    if logger < 0 or logger >= end:
        return -1
    thread, thread_end, words = 0, 0, False
    if data[logger] == 91:
        thread = logger + 1
        thread_end = run_of(data, thread, min(end, thread + 128), THREAD)
        if thread_end < end and data[thread_end] == 32:
            thread_end, words = _words_end(data, thread, end), True
        if thread_end == thread or thread_end >= end or data[thread_end] != 93:
            return -1
        if thread_end == thread + 1 and data[thread] == 45:
            return -1
        logger = _blanks(data, thread_end + 1, end)
        if logger < 0:
            return -1
    if logger >= end or not (
        CLASS[data[logger]] & (UPPER | LOWER) or data[logger] == 95 or data[logger] == 36
    ):
        return -1
    stop = run_of(data, logger, min(end, logger + 128), LOGGER)
    if (
        stop + 2 >= end
        or _ends_like_a_message(data, logger, stop)
        or not (thread or _is_logger(data, logger, stop))
    ):
        return -1
    if words and not _is_logger(data, logger, stop):
        return -1
    if not thread and _may_be_address(data, logger, stop):
        return -1
    text = stop + 2
    if data[stop] == 32 and data[stop + 1] == 45 and data[text] == 32:
        text += 1
    elif data[stop] != 58 or data[stop + 1] != 32:
        return -1
    while text < end and data[text] == 32:
        text += 1
    if not is_text(data, text, end):
        return -1
    found[CODE], found[SEVERITY] = LEVELLED, severity
    found[TEXT_BEGIN], found[TEXT_END] = text, end
    next_ = add(data, at, level_end, BIT[0], found, spans, next_)
    next_ = add(data, logger, stop, BIT[1], found, spans, next_)
    next_ = add(data, thread, thread_end, BIT[2], found, spans, next_)
    return add(data, pid, pid_end, BIT[3], found, spans, next_)


@helper
def read_category(data: Array, at: int, end: int, found: Array, spans: Array, next_: int) -> int:
    """The same for `` queries: info: message``."""
    at += 1
    stop = at
    while stop < end and (CLASS[data[stop]] & WORD or data[stop] == 45):
        stop += 1
    level = stop + 2
    if not 2 <= stop - at <= 64 or level >= end or data[stop] != 58 or data[stop + 1] != 32:
        return -1
    level_end = run_of(data, level, end, LOWER)
    text = level_end + 2
    if not 3 <= level_end - level <= 13 or text >= end or data[level_end] != 58 or data[level_end + 1] != 32:
        return -1
    severity = level_of(data, level, level_end)
    if not CLASS[data[at]] & LOWER or severity == 0 or severity == NOT_SURE or not is_text(data, text, end):
        return -1
    found[CODE], found[SEVERITY] = CATEGORY, severity
    found[TEXT_BEGIN], found[TEXT_END] = text, end
    next_ = add(data, at, stop, BIT[0], found, spans, next_)
    return add(data, level, level_end, BIT[1], found, spans, next_)
