"""Plans for columns as arrays, numbered: of objects that are lines, with what their envelopes add."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.envelopes.envelope import Inner
from connectors.envelopes.gathering import Plans
from connectors.envelopes.planning import Columns
from connectors.formats.plans import Level
from connectors.formats.rows import MOST_LAYOUTS, Layouts
from connectors.records import ORIGIN

_PLACES = frozenset(ORIGIN)


class PlanBook:
    """The plans of one reader; ``clear`` when it is full."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets all."""
        self.layouts = Layouts()
        self.levels: list[list[tuple[Level, int]]] = []
        """Of each plan, the values that may state a severity, and the entry of each."""
        self.times: list[tuple[int, ...]] = []
        self._numbers: dict[tuple[int, int], int] = {}
        self._kept: list[tuple[Columns, Inner | None]] = []
        self._level_numbers: dict[str, int] = {}
        self._rows: list[tuple[list[int], list[int], list[int], list[int]]] = []
        self._parts: list[list[list[int]]] = []
        self._columns: list[int] = []
        self._layouts: list[int] = []
        self._constants: dict[bytes, int] = {b"": 1}
        self._arrays: Plans | None = None

    @property
    def is_full(self) -> bool:
        """Whether it is to be cleared."""
        return len(self.layouts) > MOST_LAYOUTS or len(self._columns) > MOST_LAYOUTS

    def number(self, columns: Columns, around: Inner | None) -> int:
        """The number of a plan. around: what the envelopes around such objects say."""
        key = id(columns), id(around)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._add(columns, around)
            self._kept.append((columns, around))  # so that no other object gets their ids
        return number

    def constant(self, value: str) -> int:
        """A constant as a part of an entry."""
        text = value.encode("utf-8", "surrogatepass")
        return -self._constants.setdefault(text, len(self._constants) + 1)

    def _add(self, columns: Columns, around: Inner | None) -> int:
        plan, many = columns.plan, columns.leaves
        entries: list[list[int]] = []
        place_of: dict[int, int] = {}

        def entry(place: int) -> int:
            if place not in place_of:
                place_of[place] = len(entries)
                entries.append(self._parts_of(place, many, columns))
            return place_of[place]

        given = {} if around is None else around.columns
        visible = list(plan.names)
        places = plan.take([*range(many + len(columns.constants) + 2 * len(columns.lists))])
        for place in places:
            entries.append(self._parts_of(place, many, columns))
            place_of.setdefault(place, len(entries) - 1)
        for name, value in given.items():
            if name not in plan.names and name not in _PLACES:
                visible.append(name)
                entries.append([self.constant(value)])
        self._columns.append(len(entries))
        self._layouts.append(self.layouts.number("json", tuple(visible)))
        levels = [(level, entry(place)) for level, place in plan.levels]
        numbers = [
            self._level_numbers.setdefault(level.name, len(self._level_numbers) + 1) for level, _ in levels
        ]
        times = [entry(place) for place in plan.times]
        self.levels.append(levels)
        self.times.append(tuple(times))
        self._rows.append(([entry(p) for p in plan.messages], times, [at for _, at in levels], numbers))
        self._parts.append(entries)
        self._arrays = None
        return len(self._columns) - 1

    def _parts_of(self, place: int, many: int, columns: Columns) -> list[int]:
        """The leaves and constants that a part of a plan is made of."""
        if place < many:
            return [place]
        if place < many + len(columns.constants):
            return [self.constant(columns.constants[place - many])]
        held = many + len(columns.constants)
        items = columns.lists[(place - held) // 2]([*range(held)])
        return [item if item < many else self.constant(columns.constants[item - many]) for item in items]

    def level_number(self, level: Level) -> int:
        """The number that a level's values are known with."""
        return self._level_numbers[level.name]

    def arrays(self) -> Plans:
        """All plans."""
        if self._arrays is None:
            entries = [entry for plan in self._parts for entry in plan]
            texts = [*self._constants]
            messages, times, levels, numbers = ([row[at] for row in self._rows] for at in range(4))
            self._arrays = Plans(
                layouts=np.array(self._layouts, np.int32),
                columns=np.array(self._columns, np.int64),
                entry_starts=_starts(map(len, self._parts)),
                message_starts=_starts(map(len, messages)),
                time_starts=_starts(map(len, times)),
                level_starts=_starts(map(len, levels)),
                part_starts=_starts(map(len, entries)),
                parts=_flat(entries),
                messages=_flat(messages),
                times=_flat(times),
                levels=_flat(levels),
                level_numbers=_flat(numbers),
                constants=np.frombuffer(b"".join(texts) or b"\0", np.uint8),
                constant_starts=_starts(map(len, texts)),
            )
        return self._arrays


def _starts(counts: Iterable[int]) -> NDArray[np.int64]:
    return np.cumsum([0, *counts], dtype=np.int64)


def _flat(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.array([item for one in lists for item in one], np.int64)
