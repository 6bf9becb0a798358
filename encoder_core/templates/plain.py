"""The rules as plain Python: slow, and what the compiled form is tested against."""

from __future__ import annotations

from collections.abc import Sequence

from encoder_core.templates.rules import CLASSES, SPACE
from encoder_core.templates.scan import scan

Span = tuple[int, int, int]
"""Type, and where the value begins and ends."""

FACTORS = (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0x8CB92BA72F3D8DD7, 0xA24BAED4963EE407)
"""Odd factors of the hash."""
_BITS = (1 << 64) - 1


def spans(data: bytes, fixed: bool = False) -> list[Span]:
    """The values of one line."""
    room = len(data) + 1
    kinds, begins, ends = [0] * room, [0] * room, [0] * room
    count = scan(data, 0, len(data), fixed, kinds, begins, ends, 0)
    return list(zip(kinds[:count], begins[:count], ends[:count], strict=True))


def render(data: bytes, values: Sequence[Span], names: Sequence[str]) -> bytes:
    """The template: placeholders in place of values, one space for any white space between words, none around them."""
    pieces, place = [], 0
    for kind, begin, end in values:
        pieces += [data[place:begin], b"<", names[kind].encode(), b">"]
        place = end
    pieces.append(data[place:])
    text = b"".join(pieces).translate(_SPACES)
    return b" ".join(word for word in text.split(b" ") if word)


def hashed(text: bytes, salt: int) -> int:
    """64-bit hash: eight bytes at a time, little-endian, each multiplied into the state, and a final mix."""
    first, second, third, fourth = FACTORS
    state = (salt ^ (len(text) + 1) * first) & _BITS
    for place in range(0, len(text), 8):
        word = int.from_bytes(text[place : place + 8], "little") * second & _BITS
        state = (state ^ word ^ word >> 32) * third & _BITS
        state ^= state >> 29
    state = (state ^ state >> 32) * fourth & _BITS
    state = (state ^ state >> 29) * second & _BITS
    return state ^ state >> 32


_SPACES = bytes(32 if CLASSES[byte] & SPACE else byte for byte in range(256))
