"""What stands around a value: the name before it, and whether it is a value at all."""

from __future__ import annotations

from encoder_core.templates.bytewise import (
    Bytes,
    byte_at,
    digits,
    has_class,
    hexadecimals,
    is_lower,
    is_upper,
    is_word,
    member,
    number,
    packed_at,
    skip,
)
from encoder_core.templates.rules import (
    ACCESS,
    AFTER_VALUE,
    BEFORE_VALUE,
    CODE_DIGITS,
    CODE_NAMES,
    DIGIT,
    EVENT,
    HEX_CODE_DIGITS,
    HEX_LETTER,
    ID_WORD,
    LETTER,
    MASK_WORD,
    METHODS,
    OUTCOMES,
    PORT_DIGITS,
    PORT_NAMES,
    SEPARATOR,
    SPACE,
    TYPE_KEYS,
    ZERO_NAMES,
)

NAME_BYTES = 32
"""A name before a value is read back so far."""
QUOTED_BYTES = 64
"""A quoted word has at most this many bytes."""
KEY_BYTES = 48


def name_end(data: Bytes, begin: int, place: int) -> int:
    """Where the name before the value at ``place`` ends: behind it are at most four marks, and spaces; -1 for none."""
    at, marks = place, 0
    while at > begin:
        if has_class(data, at - 1, place, SPACE):
            at -= 1
        elif marks < 4 and has_class(data, at - 1, place, BEFORE_VALUE):
            at, marks = at - 1, marks + 1
        else:
            break
    return at if at < place else -1


def name_begin(data: Bytes, begin: int, end: int) -> int:
    """Where the letters and underscores before ``end`` begin, ``NAME_BYTES`` back at most."""
    at = end
    while at > begin and at > end - NAME_BYTES:
        if not has_class(data, at - 1, end, HEX_LETTER | LETTER) and data[at - 1] != 95:
            break
        at -= 1
    return at


def is_whole(data: Bytes, begin: int, place: int) -> bool:
    """Whether the word of the name that begins at ``place`` has letters and ``_.-`` only before it: no digits."""
    at = place
    while at > begin and at > place - NAME_BYTES:
        if has_class(data, at - 1, place, SEPARATOR):
            return True
        if not has_class(data, at - 1, place, HEX_LETTER | LETTER) and data[at - 1] not in (95, 46, 45):
            return False
        at -= 1
    return at == begin


def last_part(data: Bytes, begin: int, end: int) -> int:
    """Where the last part of a name begins: behind an underscore, or at a capital behind a small letter."""
    at = end - 1
    while at > begin:
        if data[at - 1] == 95 or (is_upper(data, at, end) and is_lower(data, at - 1, end)):
            return at
        at -= 1
    return begin


def is_named(data: Bytes, begin: int, place: int, table: tuple[int, ...]) -> bool:
    """Whether a name of the table, or one that ends in such a name, stands before the value at ``place``."""
    end = name_end(data, begin, place)
    return end >= 0 and is_name_of(data, begin, name_begin(data, begin, end), end, table)


def is_name_of(data: Bytes, begin: int, start: int, end: int, table: tuple[int, ...]) -> bool:
    """Whether the name [start, end) is one of the table, or ends in one."""
    if start >= end:
        return False
    found = member(table, packed_at(data, start, end))
    if not found:
        part = last_part(data, start, end)
        found = part > start and member(table, packed_at(data, part, end))
    return found and is_whole(data, begin, start)


def is_second_word(data: Bytes, begin: int, start: int, end: int) -> bool:
    """Whether the name [start, end) is the second word of ``event id`` or ``access mask``."""
    if start >= end or start == begin or data[start - 1] != 32:
        return False
    word = packed_at(data, start, end)
    if word not in (ID_WORD, MASK_WORD):
        return False
    first = name_begin(data, begin, start - 1)
    before = packed_at(data, first, start - 1)
    known = (word == ID_WORD and before == EVENT) or (word == MASK_WORD and before == ACCESS)
    return known and is_whole(data, begin, first)


def is_code(data: Bytes, begin: int, place: int, stop: int) -> bool:
    """Whether [place, stop) is a code of what happened: by the name before it, or a status behind a request."""
    at = place + 1 if data[place] == 45 else place
    count = digits(data, at, stop)
    is_decimal = count == stop - at and 0 < count <= CODE_DIGITS
    if not is_decimal:
        if data[place] != 48 or byte_at(data, place + 1, stop) not in (120, 88):
            return False
        count = hexadecimals(data, place + 2, stop)
        if count != stop - place - 2 or count < 1 or count > HEX_CODE_DIGITS:
            return False
    ending = name_end(data, begin, place)
    start = name_begin(data, begin, ending) if ending >= 0 else ending
    if is_name_of(data, begin, start, ending, CODE_NAMES):
        return (
            not is_decimal or count <= PORT_DIGITS or not is_name_of(data, begin, start, ending, PORT_NAMES)
        )
    if is_decimal:
        if count == 3 and place - begin > 2 and data[place - 1] == 32 and data[place - 2] == 34:
            return 100 <= number(data, at, 3) <= 599
        if count == 1 and data[at] == 48 and is_name_of(data, begin, start, ending, ZERO_NAMES):
            return True
    return is_second_word(data, begin, start, ending)


def key_at(data: Bytes, place: int, end: int) -> int:
    """Where the ``=`` behind the key that begins at ``place`` stands, or ``place``.

    A key has letters, digits (two at most) and ``_.-``, and begins with a letter or an underscore.
    """
    if not has_class(data, place, end, HEX_LETTER | LETTER) and byte_at(data, place, end) != 95:
        return place
    at, numbers = place, 0
    while at < end and at < place + KEY_BYTES:
        if has_class(data, at, end, DIGIT):
            numbers += 1
        elif not has_class(data, at, end, HEX_LETTER | LETTER) and data[at] not in (95, 46, 45):
            break
        at += 1
    assigned = byte_at(data, at, end) == 61 and byte_at(data, at + 1, end) != 61
    return at if assigned and numbers <= 2 else place


def value_ends(data: Bytes, place: int, end: int) -> bool:
    """Whether a value that ends at ``place`` is whole: the line, a list or a bracket ends, or the next key follows."""
    if place >= end or has_class(data, place, end, AFTER_VALUE):
        return True
    if not has_class(data, place, end, SPACE):
        return False
    at = skip(data, place, end, SPACE, end - place)
    return at == end or key_at(data, at, end) > at


def is_assigned(data: Bytes, begin: int, place: int) -> bool:
    """Whether ``key=`` stands right before ``place``."""
    return place - begin >= 2 and data[place - 1] == 61 and is_word(data, place - 2, place)


def is_value_word(data: Bytes, begin: int, place: int, stop: int, end: int) -> bool:
    """Whether the word [place, stop) is the whole value of a key that says who or which, not what happened."""
    if not is_assigned(data, begin, place) or not value_ends(data, stop, end):
        return False
    return not member(OUTCOMES, packed_at(data, place, stop)) and not is_named(data, begin, place, TYPE_KEYS)


def empty_value(data: Bytes, begin: int, place: int, end: int) -> bool:
    """Whether the ``=`` at ``place`` has a key before it and nothing behind it."""
    if place == begin or not is_word(data, place - 1, place):
        return False
    return value_ends(data, place + 1, end) and byte_at(data, place + 1, end) not in (34, 39, 96)


def null_value(data: Bytes, begin: int, place: int, end: int) -> int:
    """The end of ``(null)`` as the whole value of a key, its bracket at ``place``, or ``place``."""
    stop = skip(data, place + 1, end, HEX_LETTER | LETTER, 8)
    if not is_assigned(data, begin, place) or stop == place + 1 or byte_at(data, stop, end) != 41:
        return place
    return stop + 1 if value_ends(data, stop + 1, end) else place


def quoted(data: Bytes, begin: int, place: int, end: int) -> int:
    """The end of the word in quotes that begins behind the quote at ``place``, or ``place`` if it is no value.

    No value are keys (``"name":``), outcomes, methods of requests, values of keys that name a type, and texts of more
    than a word. Words with digits or slashes are for the other rules.
    """
    if place > begin and not has_class(data, place - 1, place, SEPARATOR):
        return place
    stop, words = place + 1, False
    while stop < end and stop <= place + QUOTED_BYTES and not has_class(data, stop, end, SEPARATOR):
        if has_class(data, stop, end, DIGIT) or data[stop] in (47, 92, 64):
            return place
        words = words or is_word(data, stop, end)
        stop += 1
    if not words or byte_at(data, stop, end) != data[place] or is_word(data, stop + 1, end):
        return place
    if byte_at(data, stop + 1, end) == 58:
        return place
    word = packed_at(data, place + 1, stop)
    if member(OUTCOMES, word) or member(METHODS, word) or is_named(data, begin, place, TYPE_KEYS):
        return place
    return stop
