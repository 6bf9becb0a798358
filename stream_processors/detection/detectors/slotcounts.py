"""How rare a value is where it stands, as a share of lines: slots and the values seen in them, hashed. Compiled.

A value's rarity is how many times it has to double to be all of its slot, in whole octaves; that of a new one is NEW.
Of each slot it is counted how rare the values of its lines were, so a rarity becomes the share of the slot's lines that
had values as rare: in a slot whose values are always new nothing is said of a new one, and in a young slot little. The
share is half a line too high at the end (Krichevsky and Trofimov's estimate), and all counts fade (``counting``).
"""

from __future__ import annotations

from math import frexp, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel
from stream_processors.detection.counting import FADE, WAYS, count_in, faded, place_of
from stream_processors.detection.hashing import joint

RARITIES = 16
NEW = RARITIES - 1
RARE = 2
"""A value that a quarter of the lines have is not rare."""
FADE_EVERY = 64
LEFT = FADE**FADE_EVERY
FADED = 0.5
"""What counts less is new."""
SETTLED, IDENTIFYING, SAMPLED = 200.0, 0.9, 8
"""Of a slot that has had so many lines, of which more than this share had new values, every so many are counted."""
SLOT = np.dtype(
    [
        ("key", "<u8"),
        ("seen", "<i8"),  # lines of the source when it was seen last
        ("lines", "<i8"),  # lines that it has seen
        ("total", "<f8"),  # the same, faded
        ("numbers", "<f8"),  # of those, lines with a number that was new
        ("rarities", "<f4", (RARITIES,)),  # lines by the rarity of their values, faded
        ("sizes", "<f4", (RARITIES,)),  # new numbers by the rarity of their sizes
    ],
    align=True,
)
SLOTS = 8_192
"""Places at most: 1.5 MiB when all are taken."""
SIZES_AN_OCTAVE = 2
"""Sizes of numbers that are told apart."""
MOST_DIGITS = 20
_SIZES = np.uint64(0xD6E8FEB86659FD93)


@helper(inline=True)
def slot_of(slots: NDArray, taken: NDArray[np.int64], key: np.uint64, now: int) -> int:
    """The place of a slot, which is new and empty when it had none; the one that faded most makes room for it."""
    place = place_of(slots, key)
    if place < 0:
        base, least = -1 - place, np.inf
        for other in range(base, base + WAYS):
            count = faded(slots[other].total, now - slots[other].seen)
            if count < least:
                place, least = other, count
    slot = slots[place]
    if slot.key != key:
        taken[0] += slot.key == np.uint64(0)
        slot.key, slot.lines, slot.total, slot.numbers = key, 0, 0.0, 0.0
        slot.rarities[:], slot.sizes[:] = 0.0, 0.0
    slot.seen = now
    return place


@helper(inline=True)
def rarity_of(before: float, total: float) -> int:
    """The rarity of what has counted so much of a total."""
    if before < FADED:
        return NEW
    return 0 if 4.0 * before > total else min(frexp((total + 1.0) / before)[1] - 1, NEW - 1)


@helper(inline=True)
def share_and_count(rarities: NDArray[np.float32], rarity: int, total: float) -> float:
    """The share of lines that were as rare, 1 for what is common; then counts this one in."""
    share = 0.5
    if rarity >= RARE:
        for other in range(rarity, RARITIES):
            share += rarities[other]
    rarities[rarity] += 1.0
    return min(1.0, share / (total + 1.0)) if rarity >= RARE else 1.0


@helper(inline=True)
def fade(slot: Any) -> None:
    """What all counts of a slot are worth FADE_EVERY lines later."""
    slot.total *= LEFT
    slot.numbers *= LEFT
    for rarity in range(RARITIES):
        slot.rarities[rarity] *= LEFT
        slot.sizes[rarity] *= LEFT


@helper
def size_of(buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """The size of a number in text, in parts of an octave, those below 0 apart; -1 for what is no plain number."""
    if end - begin > MOST_DIGITS:
        return -1
    whole, scale, digits, point = 0.0, 1.0, 0, False
    negative = end > begin and buffer[begin] == 45
    for place in range(begin + negative, end):
        byte = buffer[place]
        if 48 <= byte <= 57:
            whole = 10.0 * whole + (byte - 48)
            digits += 1
            if point:
                scale *= 0.1
        elif byte == 46 and not point:
            point = True
        else:
            return -1
    if digits == 0:
        return -1
    return int(SIZES_AN_OCTAVE * log2(whole * scale + 1e-3)) + 64 + 1024 * negative


@helper(inline=True)
def value_share(
    slots: NDArray,
    entries: NDArray,
    taken: NDArray[np.int64],
    key: np.uint64,
    value: np.uint64,
    buffer: NDArray[np.uint8],
    begin: int,
    end: int,
    now: int,
    found: NDArray[np.float64],
) -> tuple[float, int]:
    """The share of lines that had values as rare as one, which is then counted in, and the place of its slot.

    value: joint hash of slot and value. found: what it has counted, lines of the slot before it, and whether it is the
    size of a number that is rarest.
    """
    place = slot_of(slots, taken, key, now)
    slot = slots[place]
    total, share, before, rarity = slot.total, 1.0, 0.0, NEW
    if slot.lines % SAMPLED == 0 or total < SETTLED or slot.rarities[NEW] < IDENTIFYING * total:
        before = count_in(entries, taken, value, slot.lines, now)
        rarity = rarity_of(before, total)
        share = share_and_count(slot.rarities, rarity, total)
        slot.total += 1.0
    found[0], found[1], found[2] = before, slot.lines, 0.0
    if rarity == NEW and end > begin:
        size = size_of(buffer, begin, end)
        if size >= 0:
            sized = joint(key ^ _SIZES, np.uint64(size))
            of_size = rarity_of(count_in(entries, taken, sized, slot.lines, now), slot.numbers)
            odd = share_and_count(slot.sizes, of_size, slot.numbers)
            slot.numbers += 1.0
            if odd < share:
                share, found[2] = odd, 1.0
    slot.lines += 1
    if slot.lines % FADE_EVERY == 0:
        fade(slot)
    return share, place


@kernel
def untaught(slots: NDArray, entries: NDArray, key: np.uint64, value: np.uint64) -> None:
    """Takes one line of a slot back."""
    place = place_of(slots, key)
    if place < 0 or slots[place].key != key:
        return
    slot = slots[place]
    place = place_of(entries, joint(key, value))
    if place >= 0 and entries[place].key == joint(key, value):
        entry = entries[place]
        count = faded(entry.count, (slot.lines - np.int64(entry.line)) & 0xFFFFFFFF)
        entry.count, entry.line = max(0.0, count - 1.0), slot.lines & 0xFFFFFFFF
        rarity = rarity_of(count - 1.0, slot.total)
        slot.rarities[rarity] = max(0.0, slot.rarities[rarity] - 1.0)
        slot.total = max(0.0, slot.total - 1.0)


LONGEST_SHOWN = 80
"""Characters of a value that a reason shows."""


def shown(part: tuple[str, str]) -> tuple[str, str]:
    """Name and value of a part, as a reason shows them: a parameter by its number, a long value cut."""
    name, value = part
    name = f"parameter {name}" if name.isdigit() else name
    return name, value if len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"
