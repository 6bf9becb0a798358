"""Compiled: classes of bytes, numbers, levels and short names among bytes."""

# ruff: noqa: SIM110 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path

import numpy as np

from connectors.formats import json_bytes, words8
from connectors.formats.clock import MONTHS, ZONE_NAMES
from connectors.formats.json_bytes import Array
from connectors.formats.severity import LETTERS, LEVELS
from connectors.formats.starts import FIRST_THREE
from connectors.kernels import helper

DIGIT, UPPER, LOWER, WORD, HOST, PROGRAM, LOGGER, THREAD, TOKEN, NAME, FIRST_NAME, COLUMN_NAMES = (
    np.int64(1 << bit) for bit in range(12)
)
"""Classes of ``CLASS``: of letters and digits, and what names of hosts, programs, loggers, threads and pairs, and the
first word of a line may consist of."""
LONGEST_LEVEL = 8
"""Letters of a level word that are compared."""


def _members() -> dict[np.int64, bytes]:
    printable = bytes(range(33, 127))
    digits, letters = b"0123456789", b"abcdefghijklmnopqrstuvwxyz"
    words = digits + letters + letters.upper() + b"_"
    return {
        DIGIT: digits,
        UPPER: letters.upper(),
        LOWER: letters,
        WORD: words,
        HOST: words + b".-",
        PROGRAM: words + b"./-",
        LOGGER: bytes(set(printable) - set(b":()[]\"'=,;")),
        THREAD: bytes(set(printable) - set(b"[]\"'=,;")),
        TOKEN: words + b".:-",
        FIRST_NAME: words + b".@/-",
        COLUMN_NAMES: digits + letters + b"- ",
        NAME: bytes(set(printable) - set(b"=\"'(){}[]")),
    }


CLASS = np.zeros(256, np.int64)
for _bit, _bytes in _members().items():
    CLASS[list(_bytes)] |= _bit

BEGINS_HEADER, IS_MONTH, IS_ZONE, IS_DAY = 16, 32, 64, 128
"""What three letters may be, in any case: the begin of a level or a time, a zone; a month's number is below 16."""
TRIPLE = np.zeros(1 << 15, np.uint8)


def _triple(letters: str) -> int:
    first, second, third = (ord(letter) & 31 for letter in letters)
    return first << 10 | second << 5 | third


for _word in FIRST_THREE:
    TRIPLE[_triple(_word)] |= BEGINS_HEADER
for _number, _word in enumerate(MONTHS, 1):
    TRIPLE[_triple(_word)] |= IS_MONTH | _number
for _word in ZONE_NAMES:
    TRIPLE[_triple(_word[:3])] |= IS_ZONE
for _word in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"):
    TRIPLE[_triple(_word)] |= IS_DAY

NOT_SURE = 255
"""In place of a level: a word that is longer than those which are compared, and may be one."""
_SLOTS = 256


def _slot(packed: int) -> int:
    return (packed * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 56


LEVEL_WORDS = np.zeros(_SLOTS, np.uint64)
LEVEL_NUMBERS = np.zeros(_SLOTS, np.uint8)
for _word, _number in {**LETTERS, **LEVELS}.items():
    _packed = int.from_bytes(_word[:LONGEST_LEVEL].encode(), "big")
    _place = _slot(_packed)
    while LEVEL_WORDS[_place] not in (0, _packed):
        _place = (_place + 1) % _SLOTS
    LEVEL_WORDS[_place] = _packed
    LEVEL_NUMBERS[_place] = NOT_SURE if len(_word) > LONGEST_LEVEL else _number


@helper
def run_of(data: Array, at: int, end: int, kinds: int) -> int:
    """Where the run of bytes of some classes ends that begins at a place."""
    while at < end and CLASS[data[at]] & kinds:
        at += 1
    return at


@helper
def two_digits(data: Array, at: int, end: int) -> int:
    """The number that two digits are, below 0 when they are not there."""
    if at + 2 > end or not CLASS[data[at]] & DIGIT or not CLASS[data[at + 1]] & DIGIT:
        return -1_000
    return 10 * data[at] + data[at + 1] - 528


@helper
def triple_of(data: Array, at: int, end: int) -> int:
    """What the three letters at a place may be, in any case; 0 for other bytes."""
    if at + 3 > end:
        return 0
    first, second, third = data[at], data[at + 1], data[at + 2]
    letters = UPPER | LOWER
    if not (CLASS[first] & letters and CLASS[second] & letters and CLASS[third] & letters):
        return 0
    return TRIPLE[(first & 31) << 10 | (second & 31) << 5 | third & 31]


@helper
def level_of(data: Array, begin: int, end: int) -> int:
    """The severity of a level word or a level's letter, in any case; 0 for any other text, NOT_SURE for one that is
    too long to say.
    """
    packed = np.uint64(0)
    for place in range(begin, min(end, begin + LONGEST_LEVEL)):
        byte = data[place]
        if CLASS[byte] & LOWER:
            byte -= 32
        packed = packed << np.uint64(8) | np.uint64(byte)
    slot = np.int64((packed * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(56))
    while LEVEL_WORDS[slot] != 0:
        if LEVEL_WORDS[slot] == packed:
            number = LEVEL_NUMBERS[slot]
            return NOT_SURE if end - begin > LONGEST_LEVEL else np.int64(number)
        slot = (slot + 1) & 255
    return 0


@helper
def is_upper_here(data: Array, begin: int, end: int) -> bool:
    """Whether there are capitals only."""
    for place in range(begin, end):
        if not CLASS[data[place]] & UPPER:
            return False
    return True


@cache
def fingerprint() -> int:
    """A number that differs when a table here or any file that is compiled does."""
    files = [*sorted(Path(__file__).parent.glob("*.py")), Path(json_bytes.__file__), Path(words8.__file__)]
    tables: list[Array] = [TRIPLE, CLASS, LEVEL_WORDS, LEVEL_NUMBERS]
    return zlib.crc32(
        b"".join([*(file.read_bytes() for file in files), *(table.tobytes() for table in tables)])
    )
