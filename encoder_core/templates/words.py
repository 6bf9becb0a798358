"""What a word is: the rules in their order."""

from __future__ import annotations

from encoder_core.templates.bytewise import Bytes, byte_at, has_class, is_edge, skip
from encoder_core.templates.context import is_code, is_value_word, key_at
from encoder_core.templates.places import (
    host_with_address,
    is_drive,
    is_relative_path,
    is_windows_path,
    mail,
    unix_path,
    url,
    windows_path,
)
from encoder_core.templates.rules import (
    AT,
    BACKSLASH,
    DIGIT,
    DOT,
    HEX_LETTER,
    HIGH,
    LETTER,
    NO_VOWELS,
    RANDOM_BYTES,
    SLASH,
)
from encoder_core.templates.shapes import (
    address,
    dotted_mac,
    has_random_suffix,
    ipv4,
    ipv6,
    is_hex,
    is_host,
    is_known,
    is_message_code,
    is_number,
    is_random,
    is_uuid,
    pairs,
    port,
    spaced_unit,
)
from encoder_core.templates.times import may_be_time, time_at

NUM, HEX, IP, MAC, UUID, TIME, PATH, URL, EMAIL, ID, ANY, FIXED = range(12)
"""Types of values, as ``match.TYPES`` has them; ``FIXED`` are runs of the bytes that stand for a user's masks."""
NONE = -1
Found = tuple[int, int, int]
"""Type, begin and end of a value; type ``NONE`` for none."""


def with_slash(data: Bytes, begin: int, place: int, stop: int, end: int, seen: int) -> Found:
    """What the word [place, stop) with a slash inside is."""
    found = host_with_address(data, place, stop, end)
    if found > place:
        return IP, place + 1 if data[place] == 47 else place, found
    if not seen & (DIGIT | HEX_LETTER | LETTER | HIGH):
        return NONE, place, place
    if data[place] in (47, 46, 126) and not (place > begin and data[place - 1] == 60):
        if skip(data, place, stop, SLASH, stop - place) == stop:
            return NONE, place, place
        return PATH, place, unix_path(data, place, end)
    numeric = skip(data, place, stop, DIGIT, stop - place)
    if byte_at(data, numeric, stop) == 47 and numeric > place:
        if skip(data, numeric + 1, stop, DIGIT, stop - numeric) == stop:
            return NUM, place, stop
        if skip(data, numeric + 1, stop, HEX_LETTER | LETTER, 4) == stop:
            return NUM, place, numeric
    product = skip(data, place, stop, HEX_LETTER | LETTER, stop - place)
    if product > place and byte_at(data, product, stop) == 47 and has_class(data, product + 1, stop, DIGIT):
        if is_known(data, place, stop):
            return NONE, place, place
        if is_number(data, product + 1, stop):
            return NUM, product + 1, stop
    if is_known(data, place, stop):
        return NONE, place, place
    if is_number(data, place, stop):
        return NUM, place, stop
    if stop - place >= 20 and not seen & DOT and is_random(data, place, stop):
        return ID, place, padded(data, stop, end)
    if is_relative_path(data, place, stop) and byte_at(data, stop, end) != 60:
        return PATH, place, unix_path(data, place, end)
    return NONE, place, place


def padded(data: Bytes, place: int, end: int) -> int:
    """The end of the ``==`` behind base64."""
    at = place
    while at < end and at < place + 2 and data[at] == 61:
        at += 1
    return at if is_edge(data, at, end) else place


def with_colon(data: Bytes, begin: int, place: int, stop: int, end: int, seen: int) -> Found:
    """What begins with the word [place, stop) and goes on behind the colon at ``stop``."""
    found = url(data, place, stop, end)
    if found > place:
        return URL, place, found
    if stop == place + 1 and is_drive(data, place, end):
        return PATH, place, windows_path(data, place, end)
    if seen & ~(DIGIT | HEX_LETTER) == 0 and (place == begin or data[place - 1] != 58):
        found = ipv6(data, place, end)
        if found > place:
            return IP, place, found
    return NONE, place, place


def digits_of_text(data: Bytes, place: int, stop: int) -> Found:
    """The first number or IPv4 address in a text without spaces, as some languages are written."""
    at = place
    while at < stop and not has_class(data, at, stop, DIGIT):
        at += 1
    if at == stop:
        return NONE, place, place
    found = skip(data, at, stop, DIGIT | DOT, stop - at)
    return (IP if ipv4(data, at, stop) == found else NUM), at, found


def with_digit(data: Bytes, begin: int, place: int, stop: int, end: int, seen: int) -> Found:
    """What the word [place, stop) with a digit inside, and no slash or ``@``, is."""
    if seen & HIGH:
        return digits_of_text(data, place, stop)
    if seen == DIGIT:  # the commonest by far, and none of what follows
        if is_code(data, begin, place, stop):
            return NONE, place, place
        if stop - place >= 8 and data[place] == 48 and data[place + 1] == 48:
            return HEX, place, stop
        return NUM, place, spaced_unit(data, stop, end)
    if is_code(data, begin, place, stop) or is_known(data, place, stop):
        return NONE, place, place
    if is_message_code(data, place, stop, end):
        return NONE, place, place
    if not seen & (HEX_LETTER | LETTER):
        if dotted_mac(data, place, stop):
            return MAC, place, stop
        if pairs(data, place, stop) == stop:
            return MAC, place, stop
        if not is_hex(data, place, stop):
            return NUM, place, spaced_unit(data, stop, end)
    if is_hex(data, place, stop):
        return HEX, place, stop
    if is_uuid(data, place, stop):
        return UUID, place, stop
    if dotted_mac(data, place, stop) or (stop - place == 17 and pairs(data, place, stop) == stop):
        return MAC, place, stop
    if is_number(data, place, stop):
        return NUM, place, spaced_unit(data, stop, end)
    if seen & DOT and is_host(data, place, stop):
        return IP, place, port(data, stop, end)
    if byte_at(data, stop, end) == 40 and byte_at(data, stop + 1, end) == 41:
        return NONE, place, place
    return ID, place, padded(data, stop, end)


def word_value(data: Bytes, begin: int, place: int, stop: int, end: int, seen: int) -> Found:
    """The value that begins with the word [place, stop), whose bytes have the classes ``seen``, if it is one."""
    if stop == place + 2 and byte_at(data, stop, end) == 58 and pairs(data, place, end) > place:
        found = pairs(data, place, end)
        return (MAC if found - place == 17 else HEX), place, found
    if may_be_time(data, place, end) and not (place > begin and data[place - 1] == 58):
        found = time_at(data, place, end)
        if found > place:
            return TIME, place, found
    if byte_at(data, stop, end) == 61 and key_at(data, place, end) == stop:
        return NONE, place, place
    if byte_at(data, stop, end) == 58:
        kind, start, found = with_colon(data, begin, place, stop, end, seen)
        if kind != NONE:
            return kind, start, found
    if seen & DIGIT and seen & DOT:
        found = address(data, place, end)
        if found > place:
            return IP, place, found
    if seen & BACKSLASH and is_windows_path(data, place, stop):
        return PATH, place, windows_path(data, place, end)
    if seen & AT:
        what = mail(data, place, stop)
        if what == 1:
            return EMAIL, place, stop
        if what == 2:
            at = place
            while data[at] != 64:
                at += 1
            return HEX, at + 1, stop
    if seen & SLASH:
        kind, start, found = with_slash(data, begin, place, stop, end, seen)
        if kind != NONE:
            return kind, start, found
    elif seen & DIGIT:
        return with_digit(data, begin, place, stop, end, seen)
    elif seen & DOT and is_host(data, place, stop):
        return IP, place, port(data, stop, end)
    elif (stop - place >= RANDOM_BYTES and is_random(data, place, stop)) or has_random_suffix(
        data, place, stop, NO_VOWELS
    ):
        return ID, place, padded(data, stop, end)
    if is_value_word(data, begin, place, stop, end):
        return ANY, place, stop
    return NONE, place, place
