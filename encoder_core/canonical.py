"""Canonical keys: lines of one template share a key, so that one vector serves them all.

Masked is what varies between lines that say the same: numbers of two digits or more, identifiers, hashes, and rows of
groups such as times, UUIDs, IPv6 and MAC addresses. Kept is what tells kinds of lines apart: every word, every single
digit (uid 0, ``ipv6``), and numbers in the place of a code (status 500, event id 4625, port 4444, access mask 0x1410).
The price is that lines which differ only in what is masked get one vector, also where an address, a SID, a version
or the port in ``10.0.0.1:4444`` would have meant something. Imports numpy only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from string import ascii_letters, digits, hexdigits
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MASK = "*"
SHORT_DIGITS = 1
"""A number of at most this many digits is kept: uid 0, level 3, ``ipv6``, ``md5``."""
CODE_NAMES = (
    *("code", "error", "event_id", "eventid", "proto", "signal", "status", "syscall", "type", "uid"),
    *("port", "dpt", "access", "mask", "options"),
)
"""A name that ends so, in either case, has a code for its value: at most 8 ASCII letters and ``_`` each."""
CODE_DIGITS = 4
"""A code of at most this many digits is kept; ephemeral ports mostly have five."""
CODE_CHARACTERS = 10
"""A code in hexadecimal, ``0x`` and 32 bits at most, is kept."""
HEX_CHARACTERS = 6
"""Hexadecimal digits, one of them decimal, are an identifier from this length on."""
IDENTIFIER_CHARACTERS = 12
"""A word with two numbers in it is an identifier from this length on: ``WIN7X64SP1`` is a name."""
CHUNK_CHARACTERS = 1 << 16
"""Characters masked together, one line at least: more would leave a core's cache."""

_DIGIT, _HEX, _WORD, _JOINT, _BEFORE_VALUE, _NAME = (1 << bit for bit in range(6))
_LINE_END, _GONE = 0xFE, 0xFF
"""Bytes that no UTF-8 has."""
_EDGE = bytes([_LINE_END]) * 16
"""Around a chunk, so that looking at a neighbour needs no check of the bounds."""

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Runs(NamedTuple):
    """Where the maximal runs of bytes of one class start and end, int64 (2 * runs,), and each alone (runs,)."""

    edges: Places
    starts: Places
    ends: Places
    lengths: Places

    @classmethod
    def of(cls, flags: Flags) -> Runs:
        """The runs of set flags; the first and the last flag are not set."""
        edges = np.flatnonzero(flags[1:] != flags[:-1]) + 1
        starts, ends = edges[::2], edges[1::2]
        return cls(edges, starts, ends, ends - starts)


def canonical(lines: Sequence[str]) -> list[str]:
    """The key of each line: its text with ``*`` for every volatile part.

    A line's key depends on no other line. Any text has one, even with line breaks, NULs and lone surrogates inside.
    Digits and letters mean ASCII ones; all other characters count as letters.
    """
    return [key for chunk in _chunks(lines) for key in _mask(chunk)]


def _chunks(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Consecutive lines of about CHUNK_CHARACTERS together."""
    chunk = np.cumsum([len(line) + 1 for line in lines]) // CHUNK_CHARACTERS
    edges = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), len(lines)]
    return (lines[start:end] for start, end in pairwise(edges) if end > start)


def _mask(lines: Sequence[str]) -> list[str]:
    """``canonical`` of one chunk: every step works on the bytes of all its lines at once."""
    joined = _EDGE[:1].join([line.encode("utf-8", "surrogatepass") for line in lines])
    text = np.frombuffer(_EDGE + joined + _EDGE, dtype=np.uint8).copy()
    volatile = _volatile(text, _CLASSES[text])
    text[volatile] = _GONE
    text[1:][volatile[1:] & ~volatile[:-1]] = ord(MASK)
    keys = text[len(_EDGE) : -len(_EDGE)].tobytes().translate(None, bytes([_GONE]))
    return [key.decode("utf-8", "surrogatepass") for key in keys.split(_EDGE[:1])]


def _volatile(text: Bytes, classes: Bytes) -> Flags:
    """Which bytes are inside an identifier, a row of groups or a number to mask, bool (bytes,)."""
    words, numbers = Runs.of((classes & _WORD) > 0), Runs.of((classes & _DIGIT) > 0)
    started = np.zeros(len(text), dtype=np.int32)
    started[numbers.starts] = 1
    np.cumsum(started, out=started)
    hexadecimal = _hexadecimal(classes, words)
    inside = started[words.ends - 1] - started[words.starts - 1]
    identifier = hexadecimal & (words.lengths >= HEX_CHARACTERS) & (inside > 0)
    identifier |= (words.lengths >= IDENTIFIER_CHARACTERS) & (inside > 1)
    identifier |= (prefixed := _prefixed(text, words))
    code = prefixed & (words.lengths <= CODE_CHARACTERS)
    code[code] = _named(text, classes, words.starts[code])

    starts, ends = _groups(text, words, hexadecimal)
    numbered = started[ends - 1] > started[starts - 1]
    masked = _masked_numbers(text, classes, numbers)
    depth = np.zeros(len(text), dtype=np.int8)  # of what covers a byte
    depth[words.starts] = identifier
    depth[words.ends] -= identifier
    for begin, end in ((numbers.starts[masked], numbers.ends[masked]), (starts[numbered], ends[numbered])):
        depth[begin] += 1
        depth[end] -= 1
    depth[words.starts[code]] -= 2  # a code outweighs the identifier that it is and the number in it
    depth[words.ends[code]] += 2
    return np.cumsum(depth, dtype=np.int8) > 0


def _hexadecimal(classes: Bytes, words: Runs) -> Flags:
    """Which words are hexadecimal digits only, bool (words,)."""
    if not len(words.starts):
        return np.zeros(0, dtype=bool)
    return (np.bitwise_and.reduceat(classes, words.edges)[::2] & _HEX) > 0


def _groups(text: Bytes, words: Runs, hexadecimal: Flags) -> tuple[Places, Places]:
    """Where rows of three or more hexadecimal words with ``:``, ``::`` or ``-`` in between start and end.

    Such are UUIDs, IPv6 and MAC addresses, and many times and dates.
    """
    place = np.flatnonzero(hexadecimal[:-1] & hexadecimal[1:])
    end, gap = words.ends[place], words.starts[place + 1] - words.ends[place]
    colon = text[end] == ord(":")
    near = (gap == 1) & (colon | (text[end] == ord("-")))
    near |= (gap == 2) & colon & (text[end + 1] == ord(":"))
    linked = np.zeros(len(hexadecimal) + 1, dtype=bool)
    linked[place[near] + 1] = True  # to the word before
    rows = Runs.of(linked)
    long = rows.lengths > 1
    return words.starts[rows.starts[long] - 1], words.ends[rows.ends[long] - 1]


def _masked_numbers(text: Bytes, classes: Bytes, numbers: Runs) -> Flags:
    """Which numbers are part of something larger, or long and no code, bool (numbers,)."""
    joint = (classes & _JOINT) > 0
    joint[1:-1] &= (classes[:-2] & classes[2:] & _DIGIT) > 0
    joined = joint[numbers.starts - 1] | joint[numbers.ends]
    masked = joined | (numbers.lengths > SHORT_DIGITS)
    around = classes[numbers.starts - 1] | classes[numbers.ends]
    maybe = masked & ~joined & ((around & _WORD) == 0) & (numbers.lengths <= CODE_DIGITS)
    masked[maybe] = ~_named(text, classes, numbers.starts[maybe])
    return masked


def _prefixed(text: Bytes, words: Runs) -> Flags:
    """Which words begin with ``0x``, bool (words,)."""
    return (text[words.starts] == ord("0")) & (text[words.starts + 1] == ord("x"))


def _named(text: Bytes, classes: Bytes, starts: Places) -> Flags:
    """Which values, given by where they start, stand behind the name of a code, bool (values,)."""
    ends = starts.copy()
    for _ in range(4):  # '": "' at most
        ends -= (classes[ends - 1] & _BEFORE_VALUE) > 0
    name = np.zeros(len(starts), dtype=np.uint64)
    inside = ends < starts
    for back in range(1, 9):
        inside &= (classes[ends - back] & _NAME) > 0
        letters = np.where(inside, text[ends - back] | 0x20, 0)
        name |= letters.astype(np.uint64) << np.uint64(8 * (back - 1))
    # No name has the status behind the quoted request of an access log.
    found = (text[starts - 1] == ord(" ")) & (text[starts - 2] == ord('"'))
    for ending, bits in _CODE_NAMES:
        found |= (name & bits) == ending
    return found


def _classes() -> Bytes:
    """The classes of each byte of UTF-8, uint8 (256,)."""
    letters = ascii_letters.encode() + bytes(range(128, _LINE_END))
    members = {
        _DIGIT: digits.encode(),
        _HEX: hexdigits.encode(),
        _WORD: digits.encode() + letters,
        _JOINT: b".:-/,",
        _BEFORE_VALUE: b"=:\"'> ([%",
        _NAME: digits.encode() + letters + b"_",
    }
    table = np.zeros(256, dtype=np.uint8)
    for bit, characters in members.items():
        table[list(characters)] |= bit
    return table


_CLASSES = _classes()
_CODE_NAMES = [
    (
        np.uint64(int.from_bytes(bytes(letter | 0x20 for letter in name.encode()), "big")),
        np.uint64((1 << 8 * len(name)) - 1),
    )
    for name in CODE_NAMES
]
"""The letters of each name as ``_named`` packs them, and the bits that they take."""
