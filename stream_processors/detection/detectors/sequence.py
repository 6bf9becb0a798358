"""Entities that do what entities like them do not: a template too often, or templates in an unusual combination."""

from __future__ import annotations

from collections.abc import Iterable
from math import log

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper, kernel
from stream_processors.detection.counting import ENTRY, FADE, count_in, moved, place_of
from stream_processors.detection.detectors.entities import (
    CHOICE,
    MOST_LINES,
    SLOT,
    VALUE,
    ask_ahead,
    entity_of,
    kept,
    population,
)
from stream_processors.detection.detectors.kind import NO_CAUSE, Reason, Seen, Surprises
from stream_processors.detection.detectors.named import NamedColumns, named_part
from stream_processors.detection.detectors.slotcounts import NEW, RARITIES, rarity_of, share_and_count, shown
from stream_processors.detection.hashing import joint, scrambled

PLACES = {
    "values": 8_192,
    "slots": 4_096,
    "choices": 4_096,
    "populations": 256,
    "entities": 16_384,
    "own": 65_536,
    "all": 65_536,
}
"""Places of each table: 4.3 MiB in all. What was seen longest ago, or counts least, makes room."""
ENTITY = np.dtype(
    [
        ("key", "<u8"),
        ("seen", "<i8"),
        ("templates", "<u8"),  # the sum of the hashes of those that it had
        ("lines", "<i8"),
        ("often", "<f4"),  # its most surprising count of a template
        ("together", "<f4"),  # its most surprising set of templates
    ],
    align=True,
)
POPULATION = np.dtype(
    [
        ("key", "<u8"),
        ("seen", "<i8"),
        ("total", "<f8"),
        ("lines", "<i8"),
        ("times", "<f4", (RARITIES,)),
        ("sets", "<f4", (RARITIES,)),
    ],
    align=True,
)
"""Entities of a kind: how many there were, faded and in all."""
MEMORY = 50_000.0
"""Steps of a population that are remembered."""
USUAL = 3.0
"""Nats of an entity that is not unusual: of lines that have one, most are."""
STAYS = 0.995
"""What is left of an entity's surprises one line of it later."""
FEW_LINES = 100
_TIMES, _SET = np.uint64(0x8EBC6AF09C88C6E3), np.uint64(0x589965CC75374CC3)
Tables = tuple[NDArray, ...]


@helper
def surprise(
    entries: NDArray,
    taken: NDArray[np.int64],
    key: np.uint64,
    of: NDArray,
    rarities: NDArray[np.float32],
    now: int,
) -> float:
    """-log of the share of a population's steps that were as rare as this, which is counted in.

    of: (1,) POPULATION. rarities: its steps by how few of its entities came to them.
    """
    before = count_in(entries, taken, key, of[0].lines, now)
    found = -log(share_and_count(rarities, rarity_of(before, of[0].total), rarities.sum()))
    if rarities.sum() >= MEMORY:
        for rarity in range(RARITIES):
            rarities[rarity] *= 0.5
    return found


@kernel
def follow_lines(
    clock: int,
    starts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    values: NDArray[np.uint64],
    types: NDArray[np.uint8],
    naming: NDArray[np.bool_],
    spans: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
    templates: NDArray[np.uint64],
    ranks: NDArray[np.uint8],
    tables: Tables,
    scores: NDArray[np.float32],
    causes: NDArray[np.int64],
    details: NDArray[np.float64],
) -> None:
    """Scores lines and counts them in.

    details: (lines, 4) the entity's most surprising count and set of templates, times it had this one, and entities.
    """
    known, slots, choices, populations, entities, own, of_all = tables
    taken = np.zeros(4, dtype=np.int64)
    for line in range(len(templates)):
        ask_ahead(line + 1, starts, keys, values, types, naming, templates, (known, choices, entities, own))
        now, template = clock + line, templates[line]
        part = named_part(ranks, starts[line], starts[line + 1], spans)
        if part < 0:
            tables_of = known, slots, choices
            part = entity_of(
                line, starts, keys, values, types, naming, spans, template, tables_of, entities, now
            )
        if part < 0:
            continue
        kind = population(keys[part], types[part])
        at = kept(populations, kind, now)
        of = populations[at : at + 1]
        if of[0].key != kind:
            of[0].key, of[0].total, of[0].lines = kind, 0.0, 0
            of[0].times[:], of[0].sets[:] = 0.0, 0.0
        of[0].seen = now
        name = joint(values[part], kind)
        entity = entities[kept(entities, name, now)]
        if entity.key != name:
            entity.key, entity.templates, entity.lines = name, np.uint64(0), 0
            entity.often, entity.together = 0.0, 0.0
            of[0].total = of[0].total * FADE + 1.0
            of[0].lines += 1
        entity.seen = now
        entity.lines += 1
        if entity.lines > FEW_LINES + MOST_LINES * now:
            continue  # it is everywhere: no single thing
        entity.often *= STAYS
        entity.together *= STAYS
        times = int(count_in(own, taken, joint(name, template), 0, now)) + 1
        if times == 1:
            entity.templates += scrambled(template)
            found = surprise(of_all, taken, joint(joint(kind, _SET), entity.templates), of, of[0].sets, now)
            entity.together = max(entity.together, found)
        if times < 8 or times & (times - 1) == 0:
            key = joint(joint(kind, _TIMES), joint(template, np.uint64(times)))
            found = surprise(of_all, taken, key, of, of[0].times, now)
            entity.often = max(entity.often, found)
        scores[line], causes[line] = max(0.0, entity.often + entity.together - USUAL), part
        details[line, 0], details[line, 1] = entity.often, entity.together
        details[line, 2], details[line, 3] = times, of[0].total


@kernel
def forget(
    places: NDArray[np.int64],
    starts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    values: NDArray[np.uint64],
    types: NDArray[np.uint8],
    templates: NDArray[np.uint64],
    tables: Tables,
) -> None:
    """Counts one entity less that had the template of a line so often, and one that had this set of templates."""
    _, _, choices, populations, entities, own, of_all = tables
    for line in places:
        template = templates[line]
        at = place_of(choices, template)
        slot = choices[at].slot if at >= 0 and choices[at].key == template else np.uint64(0)
        for part in range(starts[line], starts[line + 1]):
            kind = population(keys[part], types[part])
            name = joint(values[part], kind)
            at, mine = place_of(entities, name), place_of(own, joint(name, template))
            if at < 0 or entities[at].key != name or slot not in (np.uint64(0), keys[part]) or mine < 0:
                continue
            for key in (
                joint(joint(kind, _TIMES), joint(template, np.uint64(own[mine].count))),
                joint(joint(kind, _SET), entities[at].templates),
            ):
                place = place_of(of_all, key)
                if place >= 0 and of_all[place].key == key:
                    of_all[place].count = max(0.0, of_all[place].count - 1.0)
            steps = place_of(populations, kind)
            if steps >= 0 and populations[steps].key == kind:
                of = populations[steps]
                of.times[NEW], of.sets[NEW] = max(0.0, of.times[NEW] - 1.0), max(0.0, of.sets[NEW] - 1.0)
            break


class Sequence:
    """-log of the share of steps of entities that were as rare as its own, beyond USUAL nats.

    A step is a template that an entity has once more, rare when few entities had it as often, or for the first time,
    rare when few had the same set of templates. The order of templates does not matter: of things that run at once it
    is chance. What an entity did stays with it, so that its later lines are surprising too: the score is the highest of
    each so far, added. An entity is forgotten when others were seen later and its place is needed.

    named: columns that say what a line is about; lines without one are about what is found in them.
    """

    name = "sequence"

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._named = NamedColumns(named)
        kinds = (VALUE, SLOT, CHOICE, POPULATION, ENTITY, ENTRY, ENTRY)
        self._tables = {
            name: np.zeros(size, dtype=kind) for (name, size), kind in zip(PLACES.items(), kinds, strict=True)
        }
        self._lines = 0
        self._said = Surprises(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64))
        self._details = np.zeros((0, 4))

    def observe(self, seen: Seen) -> Surprises:
        """Scores each line with what came before it, and learns it."""
        batch = seen.batch
        scores = np.zeros(len(seen), dtype=np.float32)
        causes, details = np.full(len(seen), NO_CAUSE), np.zeros((len(seen), 4))
        follow_lines(
            self._lines,
            batch.starts,
            batch.slots,
            batch.values,
            batch.types,
            seen.naming,
            (batch.buffer, batch.begins, batch.ends),
            seen.templates,
            self._named.ranks(batch),
            (*self._tables.values(),),
            scores,
            causes,
            details,
        )
        self._lines += len(seen)
        self._said, self._details = Surprises(scores, causes), details
        return self._said

    def unlearn(self, seen: Seen, places: NDArray[np.int64]) -> None:
        """Takes back that the entities of those lines came to what they came to."""
        batch = seen.batch
        forget(
            places,
            batch.starts,
            batch.slots,
            batch.values,
            batch.types,
            seen.templates,
            (*self._tables.values(),),
        )

    def explain(self, seen: Seen, place: int) -> Reason:
        """How often the entity had a template, and how many entities came to what it came to."""
        score, part = float(self._said.scores[place]), int(self._said.causes[place])
        if part == NO_CAUSE:
            return Reason(self.name, score, "about no entity that is known", {})
        often, together, times, entities = self._details[place].tolist()
        name, value = shown(seen.batch.part(place, part))
        share = 100 * float(np.exp(-max(often, together)))
        what = "so many lines of one template" if often > together else "such a set of templates"
        alike = f"of {round(entities):,} like it {share:.2g} % of the steps were as rare"
        text = f"{name} {value!r} has {what}: {alike}"
        numbers: dict[str, float | str] = {
            name: value,
            "times": round(times),
            "share": share,
            "entities": round(entities),
        }
        return Reason(self.name, score, text, numbers)

    def state(self) -> dict[str, NDArray]:
        """The places that are taken of each table, as bytes, and the lines seen."""
        found = {
            name: np.frombuffer(table[table["key"] != 0].tobytes(), dtype=np.uint8)
            for name, table in self._tables.items()
        }
        return {**found, "lines": np.array([self._lines])}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Takes up a saved state."""
        for name, table in self._tables.items():
            table[:] = np.zeros(1, dtype=table.dtype)
            moved(np.frombuffer(state[name].tobytes(), dtype=table.dtype), table)
        self._lines = int(state["lines"][0])
