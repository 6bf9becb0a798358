"""Times and dates in the spellings that logs use."""

from __future__ import annotations

from encoder_core.templates.bytewise import (
    Bytes,
    byte_at,
    digits,
    is_edge,
    is_upper,
    is_word,
    member,
    number,
    packed_at,
    skip,
)
from encoder_core.templates.rules import DAYS, HEX_LETTER, LETTER, MONTHS, SPACE, ZONES


def is_name(data: Bytes, place: int, end: int, table: tuple[int, ...]) -> bool:
    """Whether a capitalised word of exactly three letters of the table begins at ``place``."""
    if not is_upper(data, place, end) or place + 3 > end or is_word(data, place + 3, end):
        return False
    return member(table, packed_at(data, place, place + 3))


def clock(data: Bytes, place: int, end: int) -> int:
    """The end of ``10:30``, ``1:02:03``, ``10:30:00.123456``, or ``place``."""
    hours = digits(data, place, end)
    if hours < 1 or hours > 2 or byte_at(data, place + hours, end) != 58:
        return place
    at = place + hours + 1
    if digits(data, at, end) != 2 or number(data, at, 2) > 59:
        return place
    at += 2
    if byte_at(data, at, end) != 58 or digits(data, at + 1, end) != 2:
        return at if hours == 2 and number(data, place, 2) < 25 and byte_at(data, at, end) != 58 else place
    at += 3
    if byte_at(data, at, end) in (46, 44, 58):  # fraction behind . , or :
        fraction = digits(data, at + 1, end)
        if fraction >= 2 or (fraction == 1 and byte_at(data, at, end) == 46):
            at += 1 + min(fraction, 9)
    return at


def dotted_clock(data: Bytes, place: int, end: int) -> int:
    """The end of ``15.42.50.363779`` or ``203615`` behind a date, or ``place``."""
    count = digits(data, place, end)
    if count == 6:
        return place + 6
    if count != 2 or byte_at(data, place + 2, end) != 46 or digits(data, place + 3, end) != 2:
        return place
    at = place + 5
    for _ in range(2):
        if byte_at(data, at, end) == 46 and digits(data, at + 1, end) >= 2:
            at += 1 + min(digits(data, at + 1, end), 9)
    return at


def numeric_date(data: Bytes, place: int, end: int) -> int:
    """The end of ``2026-01-31``, ``2026/1/31``, ``31.01.2026``, ``01/31/26``, or ``place``."""
    first = digits(data, place, end)
    mark = byte_at(data, place + first, end)
    if mark not in (45, 46, 47) or first not in (1, 2, 4):
        return place
    at = place + first + 1
    second = digits(data, at, end)
    if second < 1 or second > 2 or byte_at(data, at + second, end) != mark:
        return place
    at += second + 1
    third = digits(data, at, end)
    if first == 4:
        year = number(data, place, 4)
        good = third in (1, 2) and 1900 <= year <= 2100 and number(data, at - second - 1, second) <= 12
    else:
        good = third == 4 or (third == 2 and mark == 47 and first == 2 and second == 2)
    return at + third if good else place


def compact_date(data: Bytes, place: int, end: int) -> int:
    """The end of ``20260131``, or ``place``."""
    if digits(data, place, end) != 8:
        return place
    year, month, day = number(data, place, 4), number(data, place + 4, 2), number(data, place + 6, 2)
    return place + 8 if 1970 <= year <= 2100 and 1 <= month <= 12 and 1 <= day <= 31 else place


def named_date(data: Bytes, place: int, end: int) -> int:
    """The end of ``31/Jan/2026``, ``31-Jan-26``, ``31 Jan 2026``, or ``place``."""
    day = digits(data, place, end)
    mark = byte_at(data, place + day, end)
    if day < 1 or day > 2 or mark not in (45, 47, 32) or not is_name(data, place + day + 1, end, MONTHS):
        return place
    at = place + day + 4
    year = digits(data, at + 1, end)
    if byte_at(data, at, end) == mark and (year == 4 or (year == 2 and mark != 32)):
        return at + 1 + year
    return place


def month_day(data: Bytes, place: int, end: int) -> int:
    """The end of ``Jan 31`` or ``Jan  1, 2026`` when a year or a clock follows, or ``place``."""
    if not is_name(data, place, end, MONTHS):
        return place
    at = skip(data, place + 3, end, SPACE, 3)
    day = digits(data, at, end)
    if at == place + 3 or day < 1 or day > 2:
        return place
    at += day
    follows = at + 1 if byte_at(data, at, end) == 44 else at
    follows = skip(data, follows, end, SPACE, 2)
    if follows == at:
        return place
    if clock(data, follows, end) > follows:
        return at
    return follows + 4 if digits(data, follows, end) == 4 and number(data, follows, 2) in (19, 20) else place


def date(data: Bytes, place: int, end: int) -> int:
    """The end of a date in any spelling, with a day of the week or not, or ``place``."""
    at = place
    if is_name(data, place, end, DAYS):
        at = place + 4 if byte_at(data, place + 3, end) == 44 else place + 3
        begin = at
        at = skip(data, at, end, SPACE, 2)
        if at == begin:
            return place
    found = at
    if is_upper(data, at, end):
        found = month_day(data, at, end)
    else:
        found = numeric_date(data, at, end)
        if found == at:
            found = named_date(data, at, end)
    return found if found > at else place


def zone(data: Bytes, place: int, end: int) -> int:
    """The end of a zone behind a clock (``Z``, ``+01:00``, `` UTC``, `` PM``), or ``place``."""
    at = place + 1 if byte_at(data, place, end) == 32 else place
    if byte_at(data, at, end) in (43, 45):
        count = digits(data, at + 1, end)
        if count == 4:
            return at + 5
        if count == 2:
            colon = byte_at(data, at + 3, end) == 58 and digits(data, at + 4, end) == 2
            return at + 6 if colon else at + 3
        return place
    stop = skip(data, at, end, HEX_LETTER | LETTER, 6)
    if stop > at and stop - at <= 4 and is_upper(data, at, end) and member(ZONES, packed_at(data, at, stop)):
        return stop if not is_word(data, stop, end) else place
    return place


def behind_date(data: Bytes, place: int, end: int) -> int:
    """The end of the clock behind a date that ends at ``place``, or ``place``."""
    mark = byte_at(data, place, end)
    follows = place
    if mark in (84, 116, 58, 45, 95):  # T t : - _
        follows = place + 1
    elif place < end and (mark == 44 or mark <= 32):
        follows = skip(data, place + 1, end, SPACE, 2)
    if follows == place:
        return place
    found = clock(data, follows, end)
    if found == follows and mark in (45, 84, 95):
        found = dotted_clock(data, follows, end)
    return found if found > follows else place


def may_be_time(data: Bytes, place: int, end: int) -> bool:
    """Whether what begins at ``place`` is worth a closer look."""
    count = digits(data, place, end)
    if count == 0:
        return is_name(data, place, end, MONTHS) or is_name(data, place, end, DAYS)
    mark = byte_at(data, place + count, end)
    if mark == 32 and count != 8:  # 31 Jan 2026
        return count <= 2 and is_upper(data, place + count + 1, end)
    if count in (1, 2, 4):
        return 45 <= mark <= 47 or mark == 58
    return count == 8


def time_at(data: Bytes, place: int, end: int) -> int:
    """The end of the date, the time or both that begin at ``place``, or ``place``."""
    dated = date(data, place, end)
    if dated > place:
        found = behind_date(data, dated, end)
    else:
        dated = compact_date(data, place, end)
        found = behind_date(data, dated, end) if dated > place else clock(data, place, end)
        if found == dated:
            return place
    if found > dated:  # there is a clock
        after = zone(data, found, end)
        if after > found and is_edge(data, after, end):
            found = after
        year = found + 1  # Thu Jan  1 00:00:00 UTC 2026
        if (
            is_upper(data, place, end)
            and byte_at(data, found, end) == 32
            and digits(data, year, end) == 4
            and number(data, year, 2) in (19, 20)
            and is_edge(data, year + 4, end)
        ):
            found = year + 4
    return found if is_edge(data, found, end) else place
