"""Where something is: URLs, paths of both worlds, mail addresses."""

from __future__ import annotations

from encoder_core.templates.bytewise import Bytes, byte_at, has_class, is_edge, is_upper, is_word, skip
from encoder_core.templates.rules import (
    AFTER_URL,
    AT,
    BACKSLASH,
    DIGIT,
    DOT,
    HEX_LETTER,
    HIGH,
    LETTER,
    OTHER,
    SLASH,
)
from encoder_core.templates.shapes import ipv4, port

_PART = DIGIT | HEX_LETTER | LETTER | HIGH | OTHER | DOT | AT
_ANY = _PART | SLASH | BACKSLASH


def without_stops(data: Bytes, place: int, end: int) -> int:
    """``end`` without the punctuation that ends a sentence."""
    while end > place and data[end - 1] in (46, 44, 58, 59, 33, 63):
        end -= 1
    return end


def url(data: Bytes, place: int, colon: int, end: int) -> int:
    """The end of the URL whose scheme is [place, colon), or ``place``."""
    if byte_at(data, colon + 1, end) != 47 or byte_at(data, colon + 2, end) != 47 or colon - place < 2:
        return place
    at = colon + 3
    while at < end and not has_class(data, at, end, AFTER_URL):
        at += 1
    at = without_stops(data, place, at)
    return at if at > colon + 3 else place


def query(data: Bytes, place: int, end: int) -> int:
    """The end of ``?a=1&b=2`` that begins before ``place``: what no space, quote or bracket ends."""
    at = place
    while at < end and not has_class(data, at, end, AFTER_URL):
        at += 1
    return without_stops(data, place, at)


def unix_path(data: Bytes, place: int, end: int) -> int:
    """The end of the path that begins at ``place``, with its query and with the number of a line behind a colon."""
    at, asked = place, False
    while True:
        begin = at
        at = skip(data, at, end, _ANY, end - at)
        for seen in range(begin, at):
            asked = asked or data[seen] == 63
        if asked:
            return query(data, at, end)
        mark = byte_at(data, at, end)
        if (mark == 61 and has_class(data, at + 1, end, _ANY)) or (
            mark == 58 and has_class(data, at + 1, end, DIGIT)
        ):
            at += 1
        else:
            return without_stops(data, place, at)


def is_relative_path(data: Bytes, place: int, end: int) -> bool:
    """Whether a word with a slash inside is a path: ``a/b/c``, ``logs/a.txt``, ``team/web-1``, not ``input/output``."""
    slashes, marks = 0, False
    for at in range(place, end):
        if data[at] == 47:
            slashes += 1
        elif not has_class(data, at, end, HEX_LETTER | LETTER | HIGH):
            marks = True
    return slashes > 1 or (marks and is_word(data, place, end)) or data[end - 1] == 47


def host_with_address(data: Bytes, place: int, end: int, line_end: int) -> int:
    """The end of ``host/10.0.0.1:80`` or ``/10.0.0.1:80`` where the word is [place, end), or ``place``."""
    slash = place
    while slash < end and data[slash] != 47:
        slash += 1
    at = ipv4(data, slash + 1, line_end)
    if slash >= end or at == slash + 1:
        return place
    at = port(data, at, line_end)
    return at if is_edge(data, at, line_end) else place


def is_drive(data: Bytes, place: int, end: int) -> bool:
    r"""Whether ``C:\`` or ``C:/`` begins at ``place``."""
    return (
        has_class(data, place, end, HEX_LETTER | LETTER)
        and byte_at(data, place + 1, end) == 58
        and byte_at(data, place + 2, end) in (92, 47)
        and not (byte_at(data, place + 2, end) == 47 and byte_at(data, place + 3, end) == 47)
    )


def is_windows_path(data: Bytes, place: int, end: int) -> bool:
    r"""Whether the word [place, end) is a path with backslashes, or a user in a domain (``CORP\ann``)."""
    if data[place] == 92:
        return is_word(data, place + 1, end) or (byte_at(data, place + 1, end) == 92 and end - place > 2)
    count, domain = 0, True
    for at in range(place, end):
        if data[at] == 92:
            count += 1
        elif count == 0:
            domain = domain and (is_upper(data, at, end) or has_class(data, at, end, DIGIT | OTHER))
    return data[end - 1] != 92 and (count > 1 or (count == 1 and domain))


def folder(data: Bytes, place: int, end: int) -> int:
    """Where the name of a folder of at most four words that begins at ``place`` meets its backslash, or ``place``."""
    at = place
    for _ in range(4):
        if is_drive(data, at, end) or byte_at(data, at, end) in (45, 47):
            return place
        bracket = at + 1 if byte_at(data, at, end) == 40 else at
        word = skip(data, bracket, end, _PART, 32)
        if word == bracket:
            return place
        if bracket > at and byte_at(data, word, end) == 41:
            word += 1
        if byte_at(data, word, end) == 92:
            return word
        if byte_at(data, word, end) != 32:
            return place
        at = word + 1
    return place


def has_suffix(data: Bytes, place: int, end: int) -> bool:
    """Whether [place, end) ends as the name of a file does: a point and two to four letters or digits."""
    at = end
    while at > place and at > end - 5 and has_class(data, at - 1, end, DIGIT | HEX_LETTER | LETTER):
        at -= 1
    return 2 <= end - at <= 4 and at > place and data[at - 1] == 46


def windows_path(data: Bytes, place: int, end: int) -> int:
    """The end of the path with backslashes that begins at ``place``; folders may have spaces in their names."""
    at = place + 2 if is_drive(data, place, end) else place
    while True:
        at = skip(data, at, end, _ANY, end - at)
        if has_suffix(data, place, at):
            return without_stops(data, place, at)
        mark = byte_at(data, at, end)
        follows = at + 1 if mark == 32 else at
        found = folder(data, follows, end) if mark in (32, 40) else follows
        if found == follows:
            return without_stops(data, place, at)
        at = found


def mail(data: Bytes, place: int, end: int) -> int:
    """What [place, end) with an ``@`` is: 1 a mail address or a user at a host, 2 an object with its hash, 0 neither.

    ``web.Session@1b2c3d`` is an object: a name with a point or a capital, and hexadecimal digits.
    """
    at = place
    while data[at] != 64:
        at += 1
    if at == place or not is_word(data, at + 1, end):
        return 0
    named = False
    for i in range(place, at):
        if has_class(data, i, end, DIGIT | HIGH):
            named = False
            break
        named = named or is_upper(data, i, end) or data[i] in (46, 36)
    hashed = skip(data, at + 1, end, DIGIT | HEX_LETTER, 16) == end and end - at > 4
    if named and hashed:
        return 2
    for i in range(at + 1, end):
        if not has_class(data, i, end, DIGIT | HEX_LETTER | LETTER | HIGH | DOT | OTHER):
            return 0
    return 1 if is_word(data, end - 1, end) else 0
