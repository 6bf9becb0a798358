"""JSON by its shape: what is known of one object is used for all that look alike.

The text is split at its quotes. What stands between strings (braces, commas, numbers without their digits) and the
names tell the shape; the second time that one is seen its plan is made: which piece is which column. Then no object is
built. A text that a plan can't vouch for (an escaped quote, an odd number) is read in the plain way, which gives the
same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from connectors.formats.clock import UTC, Clock
from connectors.formats.pairs import SLOTS, Leaves
from connectors.formats.plans import Parts, Pick, Plan, picker
from connectors.records import Record

LONGEST = 65_536
"""Texts longer than this have no plan."""
LONGEST_SHAPE = 8_192
MOST_PLANS = 16
"""Of texts that have the same shape and differ by their names."""
SHAPES = 4_096
"""Plans and shapes that wait for one; more, and all begin anew."""

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


class JsonPlan(NamedTuple):
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
    columns: Plan


NO_PLAN = JsonPlan(("",), (), (), (), (), Plan.of({}))
"""Of a shape that can't be planned: a name alone is in no object."""


class Known(NamedTuple):
    """A text whose shape has a plan."""

    text: str
    plan: JsonPlan
    pieces: Parts


class Shape(NamedTuple):
    """All texts with the same structure between their strings: where their names are, and the plans by names."""

    pick: Pick
    plans: list[JsonPlan]


class JsonShapes:
    """The plans that were made.

    flatten: the plain way from an object to its leaves, which a plan repeats. messages: names of an object's own
    members that may be the message, the best first.
    """

    def __init__(self, flatten: Callable[[dict[str, Any]], Leaves], messages: Sequence[str]) -> None:
        self._flatten = flatten
        self._messages = messages
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
        pieces: Parts = text.split('"')
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
        return plan.columns.record("json", pieces, time, clock)

    def _learn(self, between: bytes, shape: Shape | None, pieces: Parts) -> None:
        """Makes a plan for a shape that was seen before."""
        if shape is not None and len(shape.plans) >= MOST_PLANS or len(between) > LONGEST_SHAPE:
            return
        if self._plans + len(self._shapes) > SHAPES:
            self.clear()
        if between not in self._shapes:
            self._shapes[between] = None
            return
        names = [at for at in range(1, len(pieces), 2) if pieces[at + 1].lstrip(" \t\r\n")[:1] == ":"]
        if shape is None:
            shape = self._shapes[between] = Shape(picker(names), [])
        self._plans += 1
        plan = self._plan(pieces, names)
        shape.plans.extend([plan] if plan is not None else [NO_PLAN] * MOST_PLANS)

    def _plan(self, pieces: Parts, names: list[int]) -> JsonPlan | None:
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
        if type(event) is not dict or not names or "\\u0000" in text:
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
        said = [event[name] for name in self._messages if type(event.get(name)) is str]
        messages = [int(marker[1:]) for marker in said if marker[:1] == "#" and int(marker[1:]) % 2]
        return JsonPlan(
            pieces=picker(names)(pieces),
            top=tuple(event),
            numbers=tuple(numbers),
            strings=tuple(strings),
            lists=tuple(lists),
            columns=Plan.of(fields, shown, messages),
        )


def _unescape(text: str, pieces: Parts, strings: tuple[int, ...]) -> bool:
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
