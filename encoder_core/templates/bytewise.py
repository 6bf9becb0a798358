"""Looking at bytes: what all rules are made of.

Functions of these files take ``data`` (bytes or a uint8 array), a place and the ``end`` of the line, and never look
outside of it. They are plain Python that numba compiles as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from encoder_core.templates.rules import (
    CLASSES,
    DIGIT,
    HEX_LETTER,
    HIGH,
    LETTER,
    SEPARATOR,
)

Bytes = Sequence[int]
"""``bytes`` or a uint8 array (n,)."""


def byte_at(data: Bytes, place: int, end: int) -> int:
    """The byte at ``place``, 0 at the end of the line."""
    return int(data[place]) if place < end else 0


def has_class(data: Bytes, place: int, end: int, classes: int) -> bool:
    """Whether there is a byte of one of the classes at ``place``."""
    return place < end and (CLASSES[data[place]] & classes) != 0


def skip(data: Bytes, place: int, end: int, classes: int, most: int) -> int:
    """Where a run of at most ``most`` bytes of these classes ends."""
    stop = min(end, place + most)
    while place < stop and (CLASSES[data[place]] & classes) != 0:
        place += 1
    return place


def digits(data: Bytes, place: int, end: int) -> int:
    """How many digits follow, 20 at most."""
    return skip(data, place, end, DIGIT, 20) - place


def hexadecimals(data: Bytes, place: int, end: int) -> int:
    """How many hexadecimal digits follow, 40 at most."""
    return skip(data, place, end, DIGIT | HEX_LETTER, 40) - place


def number(data: Bytes, place: int, length: int) -> int:
    """The value of ``length`` digits."""
    value = 0
    for i in range(place, place + length):
        value = value * 10 + int(data[i]) - 48
    return value


def is_upper(data: Bytes, place: int, end: int) -> bool:
    """Whether there is an ASCII capital at ``place``."""
    return place < end and 65 <= data[place] <= 90


def is_lower(data: Bytes, place: int, end: int) -> bool:
    """Whether there is a small ASCII letter at ``place``."""
    return place < end and 97 <= data[place] <= 122


def packed_at(data: Bytes, begin: int, end: int) -> int:
    """The first eight bytes of a word in lower case, as ``rules.packed`` has them; 0 if one of them is not ASCII."""
    key = 0
    for place in range(begin, min(end, begin + 8)):
        byte = int(data[place])
        if byte >= 128:
            return 0
        if 65 <= byte <= 90:
            byte += 32
        key = key << 8 | byte
    return key


def member(table: Sequence[int], key: int) -> bool:
    """Whether a table of ``rules.packed_table`` has the key."""
    last = len(table) - 1
    place = (key ^ key >> 21 ^ key >> 42) & last
    while table[place] != 0:
        if table[place] == key:
            return True
        place = (place + 1) & last
    return False


def is_edge(data: Bytes, place: int, end: int) -> bool:
    """Whether a word is over at ``place``: at the end, or before a separator or a full stop."""
    if place >= end or (CLASSES[data[place]] & SEPARATOR) != 0:
        return True
    byte = data[place]
    if byte in (46, 33, 63):  # . ! ?
        return place + 1 >= end or (CLASSES[data[place + 1]] & SEPARATOR) != 0
    return False


def is_word(data: Bytes, place: int, end: int) -> bool:
    """Whether there is a letter or a digit at ``place``."""
    return has_class(data, place, end, DIGIT | HEX_LETTER | LETTER | HIGH)
