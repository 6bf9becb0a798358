"""Objects by their shape: what is known of one is used for all that look alike.

The names and types of all values, those within others behind them, are the shape. The second time that one is seen its
plan is made: which value is which column. An object that has none (too large, a NUL in a name) is read in the plain
way, which gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from connectors.formats.clock import Clock
from connectors.formats.pairs import SLOTS, Leaves
from connectors.formats.plans import Parts, Pick, Plan, picker
from connectors.records import Record

MOST_VALUES = 512
"""Objects with more have no plan."""
LONGEST_SHAPE = 8_192
"""Characters of all names together."""
SHAPES = 4_096
"""Shapes that are remembered; more, and all begin anew."""


class ObjectPlan(NamedTuple):
    """How the values of all objects of one shape become a record."""

    scalars: tuple[int, ...]
    """Those that are no text yet."""
    lists: tuple[Pick, ...]
    """The values of each column that has several: joined and as they are, they become two values more."""
    columns: Plan


class ObjectShapes:
    """The plans that were made.

    flatten: the plain way from an object to its leaves, which a plan repeats; scalar: how it spells what is no text.
    messages: names of an object's own members that may be the message, the best first.
    """

    def __init__(
        self,
        flatten: Callable[[dict[str, Any]], Leaves],
        scalar: Callable[[Any], str],
        messages: Sequence[str],
    ) -> None:
        self._flatten, self._scalar = flatten, scalar
        self._messages = messages
        self._plans: dict[tuple[Any, ...], ObjectPlan | None] = {}
        SLOTS.forgets.append(self.clear)

    def clear(self) -> None:
        """Forgets all."""
        self._plans.clear()

    @property
    def size(self) -> int:
        """Shapes that are remembered."""
        return len(self._plans)

    def record(self, event: dict[str, Any], time: float | None, clock: Clock, nul: bool) -> Record | None:
        """The record of an object whose shape has a plan; None for one that must be read in the plain way.

        nul: whether there may be NULs in it.
        """
        values: Parts = [*event.values()]
        names: list[Any] = [*event]
        for value in values:
            kind = type(value)
            if kind is str:
                continue
            if kind is dict:
                values += value.values()
                names += value
                names.append(None)  # where they end
            elif kind is list:
                values += value
                names.append(len(value))
        if len(values) > MOST_VALUES:
            return None
        shape = (*names, *map(type, values))
        plan = self._plans.get(shape)
        if plan is None:
            self._learn(shape, event)
            return None
        scalars, lists, columns = plan
        for place in scalars:
            values[place] = self._scalar(values[place])
        for pick in lists:
            items = pick(values)
            values += (",".join(items), items)
        record = columns.record("json", values, time, clock)
        return None if nul and "\x00" in "".join(record.fields.values()) else record

    def _learn(self, shape: tuple[Any, ...], event: dict[str, Any]) -> None:
        """Notes a shape; the second time, its plan."""
        if shape in self._plans:
            self._plans[shape] = self._plan(event)
            return
        if len(self._plans) >= SHAPES:
            self.clear()
        names = [name for name in shape if type(name) is str]
        if sum(map(len, names)) <= LONGEST_SHAPE and "\x00" not in "".join(names):
            self._plans[shape] = None

    def _plan(self, event: dict[str, Any]) -> ObjectPlan:
        """The plan that the plain way takes for an object whose values are their places."""
        values: list[Any] = [*event.values()]
        marked: dict[str, Any] = dict(zip(event, map(str, range(len(values))), strict=True))
        owners: list[tuple[Any, Any]] = [(marked, name) for name in event]
        scalars: list[int] = []
        for place, value in enumerate(values):
            owner, name = owners[place]
            if type(value) is dict or type(value) is list:
                places = [str(len(values) + at) for at in range(len(value))]
                inner: Any = dict(zip(value, places, strict=True)) if type(value) is dict else places
                owner[name] = inner
                owners += [(inner, key) for key in (value if type(value) is dict else range(len(value)))]
                values += value.values() if type(value) is dict else value
            elif type(value) is not str:
                scalars.append(place)
        fields: dict[str, int] = {}
        shown: dict[str, int] = {}
        lists: list[Pick] = []
        for name, leaf in self._flatten(marked).items():
            if type(leaf) is str:
                fields[name] = shown[name] = int(leaf)
            else:
                fields[name] = len(values) + 2 * len(lists)
                shown[name] = fields[name] + 1
                lists.append(picker([int(place) for place in leaf]))
        messages = [int(marked[name]) for name in self._messages if type(event.get(name)) is str]
        return ObjectPlan(tuple(scalars), tuple(lists), Plan.of(fields, shown, messages))
