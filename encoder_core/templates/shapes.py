"""Shapes of single values: numbers, hashes, addresses, names of hosts."""

from __future__ import annotations

from encoder_core.templates.bytewise import (
    Bytes,
    byte_at,
    digits,
    has_class,
    hexadecimals,
    is_edge,
    is_lower,
    is_upper,
    is_word,
    member,
    number,
    packed_at,
    skip,
)
from encoder_core.templates.rules import (
    DIGIT,
    DOMAINS,
    DOT,
    HEX_LETTER,
    KNOWN,
    LETTER,
    OTHER,
    REVERSED,
    SHORT_DOMAINS,
    SPACED_UNITS,
    UNITS,
)


def ipv4(data: Bytes, place: int, end: int) -> int:
    """The end of four octets, or ``place``."""
    at = place
    for octet in range(4):
        count = digits(data, at, end)
        if count < 1 or count > 3 or number(data, at, count) > 255:
            return place
        at += count
        if octet < 3:
            if byte_at(data, at, end) != 46:
                return place
            at += 1
    return at


def port(data: Bytes, place: int, end: int) -> int:
    """The end of ``:443`` or ``/24`` behind an address, or ``place``."""
    count = digits(data, place + 1, end)
    mark = byte_at(data, place, end)
    if (mark == 58 and 1 <= count <= 5) or (mark == 47 and 1 <= count <= 3):
        return place + 1 + count if not is_word(data, place + 1 + count, end) else place
    return place


def address(data: Bytes, place: int, end: int) -> int:
    """The end of an IPv4 address, with its port or prefix, that is a whole word, or ``place``."""
    at = ipv4(data, place, end)
    if at == place:
        return place
    at = port(data, at, end)
    return at if is_edge(data, at, end) else place


def ipv6(data: Bytes, place: int, end: int) -> int:
    """The end of an IPv6 address that is a whole word, or ``place``."""
    at, groups, numbers, gap = place, 0, 0, False
    if byte_at(data, at, end) == 58:
        if byte_at(data, at + 1, end) != 58:
            return place
        at, gap = at + 2, True
    while groups < 8:
        count = hexadecimals(data, at, end)
        if count < 1 or count > 4:
            break
        tail = ipv4(data, at, end)
        if tail > at:
            at, groups, numbers = tail, groups + 2, 1
            break
        numbers += (
            skip(data, at, end, DIGIT, 1) - at + (skip(data, at + count - 1, end, DIGIT, 1) - at - count + 1)
        )
        at, groups = at + count, groups + 1
        if byte_at(data, at, end) != 58:
            break
        if byte_at(data, at + 1, end) == 58:
            if gap:
                return place
            at, gap = at + 2, True
        elif hexadecimals(data, at + 1, end) > 0:
            at += 1
        else:
            break
    if groups > 8 or numbers == 0 or not (groups == 8 or (gap and groups < 8)):
        return place
    if byte_at(data, at, end) == 37:  # %eth0
        at = skip(data, at + 1, end, DIGIT | HEX_LETTER | LETTER, 16)
    if byte_at(data, at, end) == 47 and digits(data, at + 1, end) in (1, 2, 3):
        at += 1 + digits(data, at + 1, end)
    return at if is_edge(data, at, end) else place


def pairs(data: Bytes, place: int, end: int) -> int:
    """The end of six or more pairs of hexadecimal digits with ``:`` or ``-`` between, or ``place``."""
    mark = byte_at(data, place + 2, end)
    if mark not in (58, 45):
        return place
    at, count = place, 0
    while hexadecimals(data, at, end) == 2:
        at, count = at + 2, count + 1
        if byte_at(data, at, end) != mark or hexadecimals(data, at + 1, end) != 2:
            break
        at += 1
    return at if count >= 6 and is_edge(data, at, end) else place


def dotted_mac(data: Bytes, place: int, end: int) -> bool:
    """Whether all of [place, end) is ``0011.2233.4455``."""
    if end - place != 14 or data[place + 4] != 46 or data[place + 9] != 46:
        return False
    return (
        hexadecimals(data, place, end) == 4
        and hexadecimals(data, place + 5, end) == 4
        and hexadecimals(data, place + 10, end) == 4
        and skip(data, place, end, DIGIT | DOT, 14) > place
    )


def is_uuid(data: Bytes, place: int, end: int) -> bool:
    """Whether all of [place, end) is a UUID."""
    if end - place != 36:
        return False
    at = place
    for length in (8, 4, 4, 4, 12):
        if hexadecimals(data, at, end) != length or (length < 12 and data[at + length] != 45):
            return False
        at += length + 1
    return True


def is_hex(data: Bytes, place: int, end: int) -> bool:
    """Whether all of [place, end) is ``0x1f``, or a hash of eight hexadecimal digits or more."""
    if byte_at(data, place, end) == 48 and byte_at(data, place + 1, end) in (120, 88) and end > place + 2:
        return skip(data, place + 2, end, DIGIT | HEX_LETTER, end - place) == end
    if end - place < 8 or skip(data, place, end, DIGIT | HEX_LETTER, end - place) < end:
        return False
    padded = data[place] == 48 and data[place + 1] == 48
    return padded or skip(data, place, end, DIGIT, end - place) < end


def is_number(data: Bytes, place: int, end: int) -> bool:
    """Whether all of [place, end) is a number: signs, digits and points, and perhaps units (``1h30m``, ``3.5GB/s``)."""
    at = skip(data, place, end, OTHER, 2)
    if at == end or not has_class(data, at, end, DIGIT):
        return False
    while at < end:
        begin = at
        at = skip(data, at, end, DIGIT | DOT, end - at)
        if at == begin:
            return False
        unit = skip(data, at, end, HEX_LETTER | LETTER, 9)
        if unit > at:
            exponent = unit == at + 1 and data[at] in (101, 69) and byte_at(data, unit, end) in (43, 45)
            if exponent:
                unit += 1
            elif not member(UNITS, packed_at(data, at, unit)):
                return False
            at = unit
            if byte_at(data, at, end) == 47 and at + 2 == end and data[at + 1] in (115, 104):
                return True
    return True


def spaced_unit(data: Bytes, place: int, end: int) -> int:
    """The end of a space and a unit behind a number that ends at ``place``, or ``place``."""
    if byte_at(data, place, end) != 32:
        return place
    at = skip(data, place + 1, end, HEX_LETTER | LETTER, 5)
    if at == place + 1 or not member(SPACED_UNITS, packed_at(data, place + 1, at)):
        return place
    if byte_at(data, at, end) == 47 and byte_at(data, at + 1, end) == 115:
        at += 2
    return at if is_edge(data, at, end) else place


def is_host(data: Bytes, place: int, end: int) -> bool:
    """Whether all of [place, end) is a host's full name: labels, the last of them a known domain."""
    at, labels, last, upper = place, 0, place, False
    while True:
        last = at
        while at < end and data[at] != 46:
            if not has_class(data, at, end, DIGIT | HEX_LETTER | LETTER) and data[at] not in (45, 95):
                return False
            upper = upper or is_upper(data, at, end)
            at += 1
        if at == last:
            return False
        if labels == 0 and member(REVERSED, packed_at(data, place, at)):
            return False
        labels += 1
        if at == end:
            break
        at += 1
    if labels < 2 or not is_lower(data, last, end):
        return False
    domain = packed_at(data, last, end)
    return not upper and member(SHORT_DOMAINS, domain) if labels == 2 else member(DOMAINS, domain)


def is_known(data: Bytes, place: int, end: int) -> bool:
    """Whether [place, end) is a name with a digit, or is made of such names and of words."""
    if end - place <= 8 and member(KNOWN, packed_at(data, place, end)):
        return True
    at, found = place, False
    while at < end:
        begin, numbered = at, False
        while at < end and data[at] not in (45, 46, 95):
            numbered = numbered or has_class(data, at, end, DIGIT)
            at += 1
        if numbered:
            if at - begin < 2 or not member(KNOWN, packed_at(data, begin, at)):
                return False
            found = True
        at += 1
    return found


def is_message_code(data: Bytes, place: int, end: int, line_end: int) -> bool:
    """Whether [place, end) is the code of a kind of message: ``%ASA-6-302013``, ``ORA-00942:``, ``SRVE0255E:``."""
    at = place
    if data[place] == 37:
        at = skip(data, place + 1, end, HEX_LETTER | LETTER | OTHER, 24)
        if (
            at < place + 3
            or not is_upper(data, place + 1, end)
            or data[at - 1] != 45
            or digits(data, at, end) != 1
        ):
            return False
        return at + 1 < end and data[at + 1] == 45 and end - place <= 64
    if byte_at(data, end, line_end) != 58:
        return False
    while is_upper(data, at, end):
        at += 1
    letters = at - place
    if letters < 3 or letters > 5:
        return False
    if byte_at(data, at, end) == 45:
        at += 1
    count = digits(data, at, end)
    at += count
    if is_upper(data, at, end):
        at += 1
    return 4 <= count <= 6 and at == end


def is_random(data: Bytes, place: int, end: int) -> bool:
    """Whether [place, end), letters with or without digits, looks like base64: it changes its kind all the time."""
    changes, before, kinds = 0, 0, 0
    for at in range(place, end):
        if has_class(data, at, end, DIGIT):
            kind = 1
        elif is_upper(data, at, end):
            kind = 2
        elif is_lower(data, at, end):
            kind = 4
        elif data[at] in (43, 45, 47, 95):
            kind = 8
        else:
            return False
        changes += kind != before
        kinds |= kind
        before = kind
    return (kinds & 6) == 6 and changes * 5 >= 2 * (end - place)


def has_random_suffix(data: Bytes, place: int, end: int, no_vowels: tuple[int, ...]) -> bool:
    """Whether [place, end) ends in a hyphen and five consonants, as the names of pods do."""
    if end - place < 7 or data[end - 6] != 45:
        return False
    for at in range(end - 5, end):
        if not is_lower(data, at, end) or data[at] in (97, 101, 105, 111, 117, 121):
            return False
    return not member(no_vowels, packed_at(data, end - 5, end))
