"""How unlike others of its name a value is written: pairs of characters, counted. Compiled.

A value is read as pairs of neighbouring characters: letters without case, any digit as one sign, ``%27`` as what it
stands for. Of each name it is counted in how many values a pair of signs was. A pair's surprise is -log of that share,
of a name that is hardly known that of all names together; a value's is the mean over its distinct pairs of what exceeds
USUAL nats. So long values are not punished, nor identifiers whose letters are always others. The idea is that of
Kruegel and Vigna (2003: character distributions of the parameters of web requests) and of Anagram (Wang, Parekh and
Stolfo 2006: n-grams never seen), with counts that fade.

A value ends at a blank, ``&``, ``;`` or ``?``. Its name is what stands before ``=``, else the kind of line. Columns are
read, but for numbers, and free text when its template was not read before or has a part whose type does not say how it
is written.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel, prefetch
from encoder_core.templates.match import TYPES
from stream_processors.detection.detectors.kind import NO_CAUSE
from stream_processors.detection.detectors.nameable import is_number
from stream_processors.detection.hashing import FIRST_BASIS, joint, next_byte, scrambled

SIGNS = 64
"""Signs that are told apart: 26 letters, digits, blanks, control characters, all beyond ASCII, and 32 others."""
EDGE = 28
"""The sign of control characters, and of what stands before and behind a value."""
ENDS = SIGNS
PLACES, NAMES, KNOWN = 1 << 18, 1 << 14, 1 << 12
"""Counts of pairs by name, 1 MiB; of values by name; templates whose words were read."""
LONGEST = 1_024
"""Bytes of a value or a text that are read."""
LONGEST_NAME = 48
USUAL = 2.0
"""Nats of a pair that is not unusual."""
SHORT = 2.0
"""Pairs that count as usual in every value: a single one says little."""
BEGINNING, YOUNG = 0.1, 200.0
"""What no value has had counts so much. Surprises count half after so many values."""
FAMILIAR, SAMPLED = 16, 8
"""A column's value that has come so often is read every so many times only."""
OFTEN = np.dtype([("key", "<u8"), ("lines", "<i8")], align=True)
HALVED_EVERY = 1 << 16
"""Values after which all counts are halved."""
CHECKED = np.array([True] + [name in ("path", "url", "email", "id", "*") for name in TYPES])
"""By type of part: whether its characters are not given by the type."""
Counted = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]
"""Values with a pair by name, by name, with a pair whatever their name; and how many there were, faded and all."""
Scratch = tuple[NDArray[np.uint32], NDArray[np.uint32]]
"""To work with: by pair the value that had it last, and the pairs of a value."""
_LESS = np.exp(USUAL)


def _signs() -> NDArray[np.uint8]:
    signs = np.full(256, 29, dtype=np.uint8)
    signs[:32] = signs[127] = EDGE
    signs[32], signs[48:58] = 27, 26
    signs[65:91] = signs[97:123] = np.arange(26)
    others = [byte for byte in range(33, 127) if not chr(byte).isalnum()]
    signs[others] = np.arange(30, 30 + len(others))
    return signs


SIGN_OF = _signs()
"""Of each byte, uint8 (256,)."""
READ_AS = SIGN_OF.copy()
"""The same where a value is read, with ENDS for what ends one and more for ``%``."""
READ_AS[[32, 38, 59, 63]] = ENDS  # " ", "&", ";", "?"
READ_AS[37] = ENDS + 1


@helper
def halve(counts: NDArray[np.float32]) -> None:
    """In a loop: compiling the product of an array takes seconds."""
    for place in range(len(counts)):
        counts[place] *= np.float32(0.5)


@helper
def hexadecimal(byte: int) -> int:
    """The value of a hexadecimal digit, -1 for anything else."""
    if 48 <= byte <= 57:
        return byte - 48
    letter = byte | 32
    return letter - 87 if 97 <= letter <= 102 else -1


@helper(inline=True)
def name_before(buffer: NDArray[np.uint8], begin: int, end: int) -> tuple[int, np.uint64]:
    """Where the value begins that has its name before it, and the name's hash without digits; begin for none."""
    value = FIRST_BASIS
    for place in range(begin, min(end, begin + LONGEST_NAME)):
        byte = buffer[np.uint64(place)]
        if byte == 61:
            return (place + 1, scrambled(value)) if place > begin else (begin, value)
        sign = SIGN_OF[byte]
        if sign < 26:
            value = next_byte(value, byte)
        elif sign != 26 and byte not in (45, 46, 91, 93, 95):
            break
    return begin, value


@helper
def escaped(buffer: NDArray[np.uint8], place: int, end: int) -> tuple[int, int]:
    """The sign of what ``%`` and two digits stand for, or of ``%`` alone, and where its last byte is."""
    if place + 2 < end:
        high, low = hexadecimal(buffer[place + 1]), hexadecimal(buffer[place + 2])
        if high >= 0 and low >= 0:
            return np.int64(SIGN_OF[16 * high + low]), place + 2
    return np.int64(SIGN_OF[37]), place


@helper(inline=True)
def read_value(
    buffer: NDArray[np.uint8],
    begin: int,
    end: int,
    name: np.uint64,
    weight: float,
    counted: Counted,
    scratch: Scratch,
) -> tuple[float, int]:
    """The surprise of a value up to a blank or a sign that ends one, and where it ends. weight: values it counts as."""
    (counts, values, everyone, total), (marks, pairs) = counted, scratch
    own = np.int64(name >> np.uint64(50))
    base = np.int64(name & np.uint64(PLACES - 1))
    total[0] += weight
    total[1] += 1.0
    stamp = np.uint32(np.int64(total[1]))
    of_all, known = np.float32(1.0 / total[0]), np.float32(_LESS / (values[own] + 1.0))
    surprise, product, before, count, place = 0.0, 1.0, EDGE, 0, begin
    over = False
    while not over:
        sign, over = EDGE, place >= end
        if not over:
            sign = np.int64(READ_AS[buffer[np.uint64(place)]])
            if sign >= ENDS:
                if sign == ENDS:
                    sign, over = EDGE, True
                else:
                    sign, place = escaped(buffer, place, end)
            place += 1
        pair = np.uint64(before * SIGNS + sign)  # an index that has no sign takes fewer instructions
        before = sign
        if marks[pair] == stamp:
            continue
        marks[pair] = stamp
        pairs[np.uint64(count)] = np.uint32(pair)
        count += 1
        own_share = counts[(base + np.int64(pair)) & (PLACES - 1)]
        share = (own_share + (everyone[pair] + BEGINNING) * of_all) * known
        product *= min(share, 1.0)  # no branch that would wait for the counts
        if product < 1e-200:
            surprise -= log(product)
            product = 1.0
    for one in range(count):
        pair = np.uint64(pairs[one])
        everyone[pair] += weight
        counts[(base + np.int64(pair)) & (PLACES - 1)] += weight
    values[own] += weight
    if total[0] >= HALVED_EVERY:
        halve(counts)
        halve(values)
        halve(everyone)
        total[0] *= 0.5
    return (surprise - log(product)) / (count + SHORT) * total[1] / (total[1] + YOUNG), place


@helper
def read_values(
    buffer: NDArray[np.uint8],
    begin: int,
    end: int,
    name: np.uint64,
    weight: float,
    counted: Counted,
    scratch: Scratch,
    worst: NDArray[np.int64],
) -> float:
    """The surprise of the most surprising of the values in a span, and where it is: worst, int64 (2,)."""
    best, place = 0.0, begin
    end = min(end, begin + LONGEST)
    while place < end:
        first, own = name_before(buffer, place, end)
        own = own if first > place else name
        surprise, after = read_value(buffer, first, end, own, weight, counted, scratch)
        if surprise > best:
            best = surprise
            worst[0], worst[1] = first, after
        place = after
    return best


@helper
def part_at(
    span: NDArray[np.int64], first: int, last: int, begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> int:
    """The last one of some parts that a span has to do with, NO_CAUSE for none."""
    found = NO_CAUSE
    for part in range(first, last):
        if begins[part] < span[1] and span[0] < ends[part]:
            found = part
    return found


@helper(inline=True)
def weight_of(often: NDArray, key: np.uint64) -> float:
    """What a value of a column counts as in this line: a familiar one is read now and then, 0 for not now."""
    one = often[np.int64(key & np.uint64(len(often) - 1))]
    if one.key != key:
        one.key, one.lines = key, 0
    one.lines += 1
    if one.lines <= FAMILIAR:
        return 1.0
    return 0.0 if one.lines % SAMPLED else np.float64(SAMPLED)


@helper(inline=True)
def ask_ahead(
    begin: int,
    end: int,
    kind: np.uint64,
    values: NDArray[np.uint64],
    types: NDArray[np.uint8],
    spans: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
    often: NDArray,
) -> None:
    """Lets the columns of a later line, and how often each value came, come into the cache."""
    for part in range(begin, end):
        if types[part] == 0:
            prefetch(spans[0], spans[1][part])
            prefetch(often, np.int64(joint(kind, values[part]) & np.uint64(len(often) - 1)))


@kernel
def read_lines(
    starts: NDArray[np.int64],
    values: NDArray[np.uint64],
    types: NDArray[np.uint8],
    spans: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
    texts: tuple[NDArray[np.int64], NDArray[np.int64]],
    templates: NDArray[np.uint64],
    kinds: NDArray[np.uint64],
    read: NDArray[np.uint64],
    often: NDArray,
    counted: Counted,
    scratch: Scratch,
    scores: NDArray[np.float32],
    causes: NDArray[np.int64],
    places: NDArray[np.int64],
) -> None:
    """Scores lines and counts their values in. places: int64 (lines, 2), where what surprises most begins and ends."""
    buffer, begins, ends = spans
    worst = np.zeros(2, dtype=np.int64)
    for line in range(len(templates)):
        if line + 1 < len(templates):
            ask_ahead(starts[line + 1], starts[line + 2], kinds[line + 1], values, types, spans, often)
        text, text_end = texts[0][line], texts[1][line]
        known = np.int64(templates[line] & np.uint64(KNOWN - 1))
        unread = read[known] != templates[line]
        read[known] = templates[line]
        for part in range(starts[line], starts[line + 1]):
            kind, begin, end = types[part], begins[part], ends[part]
            if kind >= len(CHECKED) or not CHECKED[kind]:
                continue
            if kind and text <= begin < text_end:
                unread = True  # with the text, as what stands before it may be its name
                continue
            weight = weight_of(often, joint(kinds[line], values[part]))
            if weight == 0.0 or is_number(buffer, begin, end):
                continue
            score = read_values(buffer, begin, end, kinds[line], weight, counted, scratch, worst)
            if score > scores[line]:
                scores[line], causes[line] = score, part
                places[line, 0], places[line, 1] = worst[0], worst[1]
        if unread and text < text_end:
            score = read_values(buffer, text, text_end, kinds[line], 1.0, counted, scratch, worst)
            if score > scores[line]:
                scores[line], places[line, 0], places[line, 1] = score, worst[0], worst[1]
                causes[line] = part_at(worst, starts[line], starts[line + 1], begins, ends)
