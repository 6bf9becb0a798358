"""JSON by its shape: what is known of one object is used for all that look alike.

The text is split at its quotes. What stands between strings (braces, commas, numbers without their digits) and the
names tell the shape; the second time that one is seen its plan is made: which piece is which column. Then no object is
built. A text that a plan can't vouch for (an escaped quote, an odd number) is read in the plain way, which gives the
same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import getitem, itemgetter
from typing import Any, NamedTuple

import orjson

from connectors.formats.clock import UTC, Clock
from connectors.formats.pairs import SLOTS, Leaves, SilentSlot, Slot, bare, event_times
from connectors.formats.severity import level_names, severity_of_field
from connectors.formats.times import parse_time
from connectors.records import UNSTATED, Record

LONGEST = 65_536
"""Texts longer than this have no plan."""
LONGEST_SHAPE = 8_192
MOST_PLANS = 16
"""Of texts that have the same shape and differ by their names."""
SHAPES = 4_096
"""Plans and shapes that wait for one; more, and all begin anew."""

Pieces = list[Any]
"""A text's parts at its quotes, strings at odd places; a plan replaces and adds some."""
Pick = Callable[[Pieces], tuple[Any, ...]]

_DIGITS = b"0123456789"
_NO_CONTROL = bytes(0x20) + bytes(range(0x20, 0x100))
"""Translates what has no control characters into itself."""
_CONSTANTS = ("", "true", "false")
_NUMBER_TOKEN = re.compile(r"-?[0-9][0-9.eE+-]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LONGEST_INTEGER = 18


class Number(NamedTuple):
    """Where a number is: in which piece, between how many characters of structure before and after."""

    piece: int
    before: int
    after: int


class Level(dict[str, int]):
    """Severities of the values of one name, remembered."""

    __slots__ = ("name",)
    VALUES = 64

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __missing__(self, value: str) -> int:
        severity = severity_of_field(self.name, value)
        if len(self) < self.VALUES and len(value) <= self.VALUES:
            self[value] = severity
        return severity


class Plan(NamedTuple):
    """How the pieces of all texts of one shape and with the same names become a record."""

    pieces: tuple[str, ...]
    """The names as the text has them."""
    top: tuple[str, ...]
    """The names of the object itself, not of what is nested in it."""
    numbers: tuple[Number, ...]
    strings: tuple[int, ...]
    """The pieces that are values."""
    lists: tuple[Pick, ...]
    """The values of each name that has several: joined and as they are, they become two pieces more."""
    names: tuple[str, ...]
    take: Pick
    slots: tuple[Slot, ...]
    show: Pick
    bare: str
    times: tuple[int, ...]
    levels: tuple[tuple[Level, int], ...]
    message: int | None


class Known(NamedTuple):
    """A text whose shape has a plan."""

    text: str
    plan: Plan
    pieces: Pieces


class Shape(NamedTuple):
    """All texts with the same structure between their strings: where their names are, and the plans by names."""

    pick: Pick
    plans: list[Plan]


class JsonShapes:
    """The plans that were made.

    flatten: the plain way from an object to its leaves, which a plan repeats.
    """

    def __init__(
        self, flatten: Callable[[dict[str, Any]], Leaves], message_of: Callable[[dict[str, Any]], Any]
    ) -> None:
        self._flatten = flatten
        self._message_of = message_of
        self._shapes: dict[bytes, Shape | None] = {}
        self._plans = 0
        SLOTS.forgets.append(self.clear)

    def clear(self) -> None:
        """Forgets all."""
        self._shapes.clear()
        self._plans = 0

    def find(self, text: str) -> Known | None:
        """The plan of a text, None while it has none. It is JSON for sure when ``record`` gives one."""
        if len(text) > LONGEST or ("\\" in text and '\\"' in text):
            return None
        pieces: Pieces = text.split('"')
        if len(pieces) % 2 == 0:  # a string without an end
            return None
        between = '"'.join(pieces[::2]).encode("utf-8", "surrogatepass").translate(None, _DIGITS)
        shape = self._shapes.get(between)
        if shape is not None:
            names = shape.pick(pieces)
            for plan in shape.plans:
                if plan.pieces == names:
                    return Known(text, plan, pieces)
        self._learn(between, shape, pieces)
        return None

    def record(self, known: Known, time: float | None = None, clock: Clock = UTC) -> Record | None:
        """The record of a text that has a plan; None for one that must be read in the plain way."""
        text, plan, pieces = known
        encoded = text.encode("utf-8", "surrogatepass")
        if encoded.translate(_NO_CONTROL) is not encoded:
            return None
        for piece, before, after in plan.numbers:
            digits = pieces[piece]
            digits = digits[before : len(digits) - after]
            if not digits.isdigit() or len(digits) > _LONGEST_INTEGER or digits[0] == "0" != digits:
                if _NUMBER.fullmatch(digits) is None:
                    return None
                try:
                    digits = str(orjson.loads(digits))
                except orjson.JSONDecodeError:
                    return None
            pieces[piece] = digits
        if "\\" in text and not _unescape(text, pieces, plan.strings):
            return None
        pieces += _CONSTANTS
        for pick in plan.lists:
            items = pick(pieces)
            pieces += (",".join(items), items)
        for piece in plan.times:
            if (stated := parse_time(pieces[piece], clock)) is not None:
                time = stated
                break
        severity = UNSTATED
        for level, piece in plan.levels:
            if severity := level[pieces[piece]]:
                break
        return Record(
            " ".join(filter(None, map(getitem, plan.slots, plan.show(pieces)))) or plan.bare,
            "json",
            dict(zip(plan.names, plan.take(pieces))),  # noqa: B905 (as many by plan)
            time,
            severity,
            None,
            False,
            None if plan.message is None else pieces[plan.message] or None,
        )

    def _learn(self, between: bytes, shape: Shape | None, pieces: Pieces) -> None:
        """Makes a plan for a shape that was seen before."""
        if len(between) > LONGEST_SHAPE:
            return
        if self._plans + len(self._shapes) > SHAPES:
            self.clear()
        if between not in self._shapes:
            self._shapes[between] = None
            return
        names = [at for at in range(1, len(pieces), 2) if pieces[at + 1].lstrip(" \t\r\n")[:1] == ":"]
        if shape is None:
            shape = self._shapes[between] = Shape(picker(names), [])
        if len(shape.plans) < MOST_PLANS and (plan := self._plan(pieces, names)):
            self._plans += 1
            shape.plans.append(plan)

    def _plan(self, pieces: Pieces, names: list[int]) -> Plan | None:
        """The plan that the plain way takes for a text whose values are the numbers of their pieces."""
        marked, numbers = [], []
        keys = frozenset(names)
        strings = [at for at in range(1, len(pieces), 2) if at not in keys]
        for at, piece in enumerate(pieces):
            if at % 2:
                marked.append(piece if at in keys else f"#{at}")
                continue
            tokens = list(_NUMBER_TOKEN.finditer(piece))
            if len(tokens) > 1:
                return None
            for token in tokens:
                numbers.append(Number(at, token.start(), len(piece) - token.end()))
                piece = f'{piece[: token.start()]}"#{at}"{piece[token.end() :]}'
            marked.append(piece)
        text = '"'.join(marked)
        try:
            event = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        if type(event) is not dict or "\\u0000" in text:
            return None
        leaves = self._flatten(event)
        constants = {text: len(pieces) + place for place, text in enumerate(_CONSTANTS)}

        def piece_of(marker: str) -> int:
            return int(marker[1:]) if marker[:1] == "#" else constants[marker]

        fields, shown, lists = {}, {}, []
        for name, leaf in leaves.items():
            if type(leaf) is str:
                fields[name] = shown[name] = piece_of(leaf)
            else:
                fields[name] = len(pieces) + len(_CONSTANTS) + 2 * len(lists)
                shown[name] = fields[name] + 1
                lists.append(picker([piece_of(marker) for marker in leaf]))
        visible = [name for name in shown if type(SLOTS[name]) is not SilentSlot]
        message = self._message_of(event)
        return Plan(
            pieces=picker(names)(pieces),
            top=tuple(event),
            numbers=tuple(numbers),
            strings=tuple(strings),
            lists=tuple(lists),
            names=tuple(fields),
            take=picker(fields.values()),
            slots=tuple([SLOTS[name] for name in visible]),
            show=picker([shown[name] for name in visible]),
            bare=bare(fields),
            times=tuple([fields[name] for name in event_times(tuple(fields))]),
            levels=tuple([(Level(name), fields[name]) for name in level_names(tuple(fields))]),
            message=None if message is None or int(message[1:]) % 2 == 0 else int(message[1:]),
        )


def _unescape(text: str, pieces: Pieces, strings: tuple[int, ...]) -> bool:
    """Replaces the values that have escapes; False when one has such as the plain way knows better."""
    if "\\u0000" in text:
        return False
    for at in strings:
        piece = pieces[at]
        if "\\" in piece:
            try:
                pieces[at] = orjson.loads(f'"{piece}"')
            except orjson.JSONDecodeError:
                return False
    return True


def picker(places: Iterable[int]) -> Pick:
    """What takes the pieces at so many places as a tuple."""
    places = tuple(places)
    if len(places) > 1:
        return itemgetter(*places)
    return (lambda pieces: (pieces[places[0]],)) if places else (lambda pieces: ())
