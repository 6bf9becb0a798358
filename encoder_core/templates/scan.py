"""One pass over a line: which of its bytes are values, and of which types."""

from __future__ import annotations

from collections.abc import MutableSequence

from encoder_core.templates.bytewise import (
    Bytes,
    byte_at,
    has_class,
    is_upper,
    is_word,
    packed_at,
    skip,
)
from encoder_core.templates.context import empty_value, is_assigned, null_value, quoted
from encoder_core.templates.rules import (
    CLASSES,
    DIGIT,
    DOT,
    HEX_LETTER,
    HIGH,
    LETTER,
    PLACEHOLDERS,
    QUOTE,
    RANDOM_BYTES,
    SEPARATOR,
    SPACE,
)
from encoder_core.templates.shapes import ipv6, port
from encoder_core.templates.words import ANY, FIXED, HEX, ID, IP, NONE, NUM, Found, digits_of_text, word_value


def placeholder(data: Bytes, place: int, end: int) -> Found:
    """The placeholder ``<type>`` at ``place``, if there is one."""
    stop = place + 1
    while stop < end and stop < place + 7 and data[stop] != 62:
        if is_upper(data, stop, end):
            return NONE, place, place
        stop += 1
    if byte_at(data, stop, end) != 62:
        return NONE, place, place
    key = packed_at(data, place + 1, stop)
    for kind in range(len(PLACEHOLDERS)):
        if PLACEHOLDERS[kind] == key:
            return kind, place, stop + 1
    return NONE, place, place


def at_separator(data: Bytes, begin: int, place: int, end: int) -> Found:
    """The value that begins at or right behind the separator at ``place``, if there is one."""
    byte = data[place]
    if byte == 60:
        return placeholder(data, place, end)
    if byte == 61 and empty_value(data, begin, place, end):
        return ANY, place + 1, place + 1
    if byte == 40:
        stop = null_value(data, begin, place, end)
        if stop > place:
            return ANY, place, stop
    if has_class(data, place, end, QUOTE):
        stop = quoted(data, begin, place, end)
        if stop > place:
            return ANY, place + 1, stop
    if (
        byte == 58
        and byte_at(data, place + 1, end) == 58
        and (place == begin or not is_word(data, place - 1, place))
    ):
        stop = ipv6(data, place, end)
        if stop > place:
            return IP, place, stop
    if byte == 91:
        stop = ipv6(data, place + 1, end)
        if stop > place + 1 and byte_at(data, stop, end) == 93:
            behind = port(data, stop + 1, end)
            if behind > stop + 1:
                return IP, place, behind
    return NONE, place, place


def is_enclosed(data: Bytes, begin: int, place: int, stop: int, end: int) -> bool:
    """Whether [place, stop) is the value of a key or stands alone in quotes: any word may stand there."""
    if is_assigned(data, begin, place):
        return True
    return place > begin and data[place - 1] in (34, 39, 96) and byte_at(data, stop, end) == data[place - 1]


def is_gap(data: Bytes, place: int, begin: int) -> bool:
    """Whether [place, begin) between two values is only commas and spaces."""
    for at in range(place, begin):
        if data[at] != 44 and not has_class(data, at, begin, SPACE):
            return False
    return begin > place


def name_of_address(data: Bytes, place: int, begin: int, stop: int, end: int) -> int:
    """The end of ``address (name)`` or ``name[address]`` whose parts end at ``place`` and at ``stop``, or ``stop``.

    The second part begins at ``begin``; it may be empty.
    """
    mark, before = byte_at(data, begin - 1, end), begin - 1
    if before < place or mark not in (40, 91) or skip(data, place, before, SPACE, before - place) < before:
        return stop
    return stop + 1 if byte_at(data, stop, end) == (41 if mark == 40 else 93) else stop


def empty_names(data: Bytes, place: int, end: int) -> int:
    """Behind the empty names that an address ending at ``place`` has, as in ``address ()``, or ``place``."""
    while True:
        at = skip(data, place, end, SPACE, end - place)
        if byte_at(data, at, end) not in (40, 91):
            return place
        if name_of_address(data, place, at + 1, at + 1, end) == at + 1:
            return place
        place = at + 2


def join_names(
    data: Bytes,
    end: int,
    kinds: MutableSequence[int],
    begins: MutableSequence[int],
    ends: MutableSequence[int],
    first: int,
    kept: int,
) -> int:
    """Join the last of the entries [first, kept), an address, with its names and the address that it names."""
    while True:
        stop = ends[kept - 1] = empty_names(data, ends[kept - 1], end)
        if kept - 1 == first or kinds[kept - 2] != IP:
            return kept
        closed = name_of_address(data, ends[kept - 2], begins[kept - 1], stop, end)
        if closed == stop:
            return kept
        kept -= 1
        ends[kept - 1] = closed


def bare_hex(data: Bytes, begin: int, end: int) -> int:
    """The length of the hexadecimal digits [begin, end) that no ``0x`` introduces, 0 if there is anything else."""
    if end - begin < 8 or end - begin > 62 or data[begin + 1] in (120, 88):
        return 0
    return end - begin if skip(data, begin, end, DIGIT | HEX_LETTER, end - begin) == end else 0


def tidy(
    data: Bytes,
    end: int,
    kinds: MutableSequence[int],
    begins: MutableSequence[int],
    ends: MutableSequence[int],
    first: int,
    count: int,
) -> int:
    """Settle the values [first, count) of a line and join what belongs together; how many entries there are then.

    A number as long as a hash in the same line is a hash too. A list of values of one type is one value, and so is an
    address with its name: ``192.0.2.1 (a.example.com)``, ``a.example.com[192.0.2.1]``, ``192.0.2.1 ()``.
    """
    lengths = 0
    for i in range(first, count):
        if kinds[i] == HEX and skip(data, begins[i], ends[i], DIGIT, ends[i] - begins[i]) < ends[i]:
            lengths |= 1 << bare_hex(data, begins[i], ends[i])
    if lengths > 1:
        for i in range(first, count):
            length = bare_hex(data, begins[i], ends[i]) if kinds[i] == NUM else 0
            if length > 0 and lengths >> length & 1 != 0:
                kinds[i] = HEX
    kept = first
    for i in range(first, count):
        kind, begin, stop = kinds[i], begins[i], ends[i]
        if kept > first and kinds[kept - 1] == kind and kind != FIXED and is_gap(data, ends[kept - 1], begin):
            ends[kept - 1] = stop
        else:
            kinds[kept], begins[kept], ends[kept] = kind, begin, stop
            kept += 1
        if kind == IP:
            kept = join_names(data, end, kinds, begins, ends, first, kept)
    return kept


def is_plain(data: Bytes, begin: int, place: int, stop: int, end: int) -> bool:
    """Whether the letters [place, stop) are a word that no rule takes for a value."""
    length = stop - place
    if (
        length >= RANDOM_BYTES
        or byte_at(data, stop, end) == 58
        or (length == 3 and is_upper(data, place, end))
    ):
        return False
    return place == begin or data[place - 1] != 61


def scan(
    data: Bytes,
    begin: int,
    end: int,
    fixed: bool,
    kinds: MutableSequence[int],
    begins: MutableSequence[int],
    ends: MutableSequence[int],
    count: int,
) -> int:
    """Write the values of the line [begin, end) behind the first ``count`` entries; how many entries there are then.

    fixed: whether runs of the bytes 26 and 27 stand for values that a user's masks found. There must be room for one
    entry a byte and one more.
    """
    first, place, glued, text_end = count, begin, -1, -1
    while place < end:
        classes = CLASSES[data[place]]
        kind, start, found = NONE, place, place + 1
        if classes & SEPARATOR:
            if fixed and (data[place] == 26 or data[place] == 27):
                kind, found = FIXED, place + 1
                while found < end and data[found] == data[place]:
                    found += 1
            elif not classes & SPACE:
                kind, start, found = at_separator(data, begin, place, end)
                if kind == NONE:
                    found = place + 1
        elif place < text_end:
            kind, start, found = digits_of_text(data, place, text_end)
            if kind == NONE:
                found = text_end
        elif classes & DOT and byte_at(data, place + 1, end) == 46:
            found = skip(data, place, end, DOT, end - place)
        else:
            seen, found = 0, place
            while found < end:
                classes = CLASSES[data[found]]
                if classes & SEPARATOR or (classes & DOT and byte_at(data, found + 1, end) == 46):
                    break
                seen |= classes
                found += 1
            if seen & ~(HEX_LETTER | LETTER) == 0 and is_plain(data, begin, place, found, end):
                place = found
                continue
            stop = found
            while stop > place and data[stop - 1] in (46, 33, 63):
                stop -= 1
            if seen & DIGIT and seen & HIGH:
                text_end = found
            if place == glued:
                if text_end == found:
                    kind, start, found = digits_of_text(data, place, text_end)
                elif seen & DIGIT and stop > place:
                    kind, found = ID, stop
            elif stop > place:
                kind, start, after = word_value(data, begin, place, stop, end, seen)
                if kind != NONE:
                    found = after
                if kind == ID and is_enclosed(data, begin, start, found, end):
                    kind = ANY
        if kind == NONE:
            place = found
            continue
        kinds[count], begins[count], ends[count] = kind, start, found
        count += 1
        place = glued = found
    return tidy(data, end, kinds, begins, ends, first, count)
