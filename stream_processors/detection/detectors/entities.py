"""Which part of a line names the thing that it is about: a session, a block, a trace, a user, a client. Compiled.

Values of such parts come again in lines of other templates. So of some, chosen by their hash, it is noted whether
they came with several templates; a slot whose values mostly do links lines. Of the slots of a template that do, the one
is chosen that links most and whose values come in few lines: the most specific. Numbers of a few digits link nothing,
neither do times, and others little.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper
from stream_processors.detection.counting import WAYS, ask_for, place_of
from stream_processors.detection.detectors.nameable import is_number
from stream_processors.detection.hashing import joint

TRACKED = np.uint64(3)
"""One value in four is: those whose hash has these bits."""
LINKS, ENOUGH = 0.3, 12.0
"""Share of a slot's lines whose values came with another template before, at least, and lines that tell it."""
MOST_LINES = 0.1
"""Share of the source's lines that values of such a slot come in, at most: more name no single thing."""
NUMBER = 0.25
"""What a number is worth: many are sizes and counts."""
FIRST_CHOICE, CHOICES = 16, 256
"""Lines of a template after which its slot is chosen, then at each doubling, at last every so many."""
MEMORY = 1_000.0
"""Lines of a slot that its statistics are of."""
VALUE = np.dtype(
    [
        ("key", "<u8"),
        ("seen", "<i8"),  # lines of the source when it was seen last
        ("template", "<u8"),  # its first one; 0 once there was another
        ("slot", "<u8"),  # its first one
        ("lines", "<f8"),
    ],
    align=True,
)
"""A tracked value."""
SLOT = np.dtype(
    [("key", "<u8"), ("seen", "<i8"), ("total", "<f8"), ("linked", "<f8"), ("lines", "<f8")], align=True
)
"""A slot: of its tracked lines how many there were, how many were linked, and the sum of log lines of their values."""
CHOICE = np.dtype([("key", "<u8"), ("seen", "<i8"), ("slot", "<u8"), ("lines", "<i8")], align=True)
"""A template: the slot that names its entities, 0 for none, and its lines."""


@helper(inline=True)
def kept(table: NDArray, key: np.uint64, now: int) -> int:
    """The place of a key, new or not; the one that was seen longest ago makes room. ``seen`` is what it was before."""
    place = place_of(table, key)
    if place < 0:
        base = -1 - place
        place = base
        for other in range(base, base + WAYS):
            if table[other].seen < table[place].seen:
                place = other
        table[place].key = np.uint64(0)
    return place


@helper
def note_value(
    known: NDArray, slots: NDArray, value: np.uint64, slot: np.uint64, template: np.uint64, now: int
) -> None:
    """Notes a tracked value in a slot."""
    one = known[kept(known, value, now)]
    if one.key != value:
        one.key, one.lines, one.template, one.slot = value, 0.0, template, slot
    if one.template != template and one.template != np.uint64(0):
        one.template = np.uint64(0)
        place = place_of(slots, one.slot)
        if place >= 0 and slots[place].key == one.slot:
            first = slots[place]
            first.linked = min(first.total, first.linked + one.lines)
    one.lines += 1.0
    one.seen = now
    where = slots[kept(slots, slot, now)]
    if where.key != slot:
        where.key, where.total, where.linked, where.lines = slot, 0.0, 0.0, 0.0
    if where.total >= MEMORY:
        where.total *= 0.5
        where.linked *= 0.5
        where.lines *= 0.5
    where.total += 1.0
    where.linked += one.template == np.uint64(0)
    where.lines += log(one.lines)
    where.seen = now


@helper
def chosen(
    slots: NDArray,
    keys: NDArray[np.uint64],
    spans: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
    begin: int,
    end: int,
    now: int,
) -> np.uint64:
    """Of the parts of a line, from ``begin`` to ``end``, the slot that names its entity, 0 for none."""
    best, most, limit = np.uint64(0), 0.0, log(max(2.0, MOST_LINES * now))
    for part in range(begin, end):
        place = place_of(slots, keys[part])
        if place >= 0 and slots[place].key == keys[part]:
            slot = slots[place]
            if slot.total >= ENOUGH and slot.linked >= LINKS * slot.total and slot.lines < limit * slot.total:
                linked, lines = slot.linked / slot.total, slot.lines / slot.total
                worth = linked * linked / (1.0 + lines)
                if is_number(spans[0], spans[1][part], spans[2][part]):
                    worth *= NUMBER
                if worth > most:
                    best, most = keys[part], worth
    return best


@helper
def population(key: np.uint64, kind: np.uint8) -> np.uint64:
    """What an entity is compared with: those of its column, or of its type in texts."""
    return joint(key, np.uint64(0)) if kind == 0 else joint(np.uint64(kind), np.uint64(1))


@helper(inline=True)
def ask_ahead(
    line: int,
    starts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    values: NDArray[np.uint64],
    types: NDArray[np.uint8],
    naming: NDArray[np.bool_],
    templates: NDArray[np.uint64],
    tables: tuple[NDArray, NDArray, NDArray, NDArray],
) -> None:
    """Lets what a later line, if there is one, is looked up by come into the cache.

    tables: tracked values, choices, entities, and what each had of a template.
    """
    known, choices, entities, own = tables
    if line + 1 < len(templates):
        ask_for(choices, templates[line + 1])
    if line < len(templates):
        template = templates[line]
        place = place_of(choices, template)
        slot = choices[place].slot if place >= 0 and choices[place].key == template else np.uint64(0)
        for part in range(starts[line], starts[line + 1]):
            if naming[part] and values[part] & TRACKED == TRACKED:
                ask_for(known, values[part])
            if naming[part] and keys[part] == slot:
                name = joint(values[part], population(keys[part], types[part]))
                ask_for(entities, name)
                ask_for(own, joint(name, template))


@helper
def entity_of(
    line: int,
    starts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    values: NDArray[np.uint64],
    types: NDArray[np.uint8],
    naming: NDArray[np.bool_],
    spans: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
    template: np.uint64,
    tables: tuple[NDArray, NDArray, NDArray],
    entities: NDArray,
    now: int,
) -> int:
    """The part of a line that names its entity, -1 for none; notes the line's values.

    A template too young to have a slot of its own is about an entity that is known. naming: whether a part may name
    one. entities: those, by ``key``.
    """
    known, slots, choices = tables
    for part in range(starts[line], starts[line + 1]):
        if values[part] & TRACKED == TRACKED and naming[part]:
            note_value(known, slots, values[part], keys[part], template, now)
    choice = choices[kept(choices, template, now)]
    if choice.key != template:
        choice.key, choice.slot, choice.lines = template, np.uint64(0), 0
    choice.lines += 1
    choice.seen = now
    lines = choice.lines
    if lines % CHOICES == 0 or (FIRST_CHOICE <= lines < CHOICES and lines & (lines - 1) == 0):
        choice.slot = chosen(slots, keys, spans, starts[line], starts[line + 1], now)
    young = choice.slot == np.uint64(0) and lines < CHOICES
    for part in range(starts[line], starts[line + 1]):
        if naming[part] and (young or keys[part] == choice.slot):
            name = joint(values[part], population(keys[part], types[part]))
            place = place_of(entities, name)
            if not young or (place >= 0 and entities[place].key == name):
                return part
    return -1
