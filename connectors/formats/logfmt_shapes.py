"""Lines of ``key=value`` pairs by their shape: what is known of one is used for all that look alike.

What is in double quotes is set aside; the signs that are left (``=``, quotes, parentheses, blanks) are the shape. One
that is nothing but pairs, a blank between each, gets a plan for its names; all other lines are read in the plain way,
which gives the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from connectors.formats.clock import UTC, Clock
from connectors.formats.pairs import SLOTS
from connectors.formats.plans import Parts, Pick, Plan, picker
from connectors.formats.times import parse_time
from connectors.records import Record

LONGEST = 16_384
"""Lines longer than this have no plan."""
LONGEST_SHAPE = 2_048
PLANS = 2_048
"""More, and all begin anew."""
MOST_PLANS = 16
"""Of lines that have the same shape and differ by their names."""

_AUDIT = re.compile(r"type=([^\s=\"'(){}\[\]\\,;]+) msg=(audit\(([0-9]{1,12}\.[0-9]{1,9}):[0-9]+\):?)(?: |$)")
_SIGNS = b" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f=\"'(){}[]\\"
_NO_SIGNS = bytes(sorted(set(range(256)) - set(_SIGNS)))
_TO_EQUALS = bytes.maketrans(_SIGNS, b"=" * len(_SIGNS))
# A pair: bare, in double quotes (what they hold is set aside), in parentheses, in single ones, or pairs in those.
_PAIR = r"=(?:\"\"|\(\))?"
_PAIRS = rf"(?:{_PAIR}|=''|='{_PAIR}(?: {_PAIR})*')"
_SHAPE = re.compile(f"{_PAIRS}(?: {_PAIRS})*")
# The plain way strips these off a bare value.
_STRIPPED = re.compile(r"[,;](?:[ ']|$)")
_FIRST_OF_HEX = frozenset("0123456789ABCDEF")
MESSAGES = ("msg", "message")


class LogfmtPlan(NamedTuple):
    """How lines of one shape and with the same names become a record."""

    names: tuple[str, ...]
    hexed: tuple[int, ...]
    """The parts whose value may be written in hex."""
    day: tuple[int, int] | None
    """Where the parts ``date`` and ``time`` are."""
    columns: Plan


NO_PLAN = LogfmtPlan(("=",), (), None, Plan.of({}))
"""Of a shape that can't be planned: there is no such name."""


class Pair(NamedTuple):
    """A pair of a shape: which pieces are its name, the name of the pairs that it is one of, and its value."""

    name: int
    outer: int | None
    value: int
    """Below 0: -1 is the first of those that were set aside, -2 the second."""


class Shape(NamedTuple):
    """What all lines with the same signs have in common."""

    pairs: tuple[Pair, ...]
    names: Pick
    """The names, those around other pairs too."""
    empty: Pick
    """The pieces that are empty when the signs mean what they seem to."""
    bracketed: tuple[int, ...]
    """The values in parentheses."""
    plans: list[LogfmtPlan]


class LogfmtShapes:
    """The plans that were made.

    plain: the plain way to read a line. hexed: whether the values of a column of an audit record of that type may be
    written in hex; unhexed: such a value as text, any other as it is.
    """

    def __init__(
        self,
        plain: Callable[[str], Record | None],
        hexed: Callable[[str, str], bool],
        unhexed: Callable[[str], str],
    ) -> None:
        self._plain, self._hexed, self._unhexed = plain, hexed, unhexed
        self._shapes: dict[tuple[str, bytes], Shape | None] = {}
        self._plans = 0
        SLOTS.forgets.append(self.clear)

    def clear(self) -> None:
        """Forgets all."""
        self._shapes.clear()
        self._plans = 0

    @property
    def size(self) -> int:
        """Shapes and plans that are remembered."""
        return len(self._shapes) + self._plans

    def read(self, line: str, time: float | None, clock: Clock = UTC) -> Record | None:
        """The record of a line that has a plan; None for one that must be read in the plain way."""
        if not line.isascii() or "\\" in line or len(line) > LONGEST:
            return None
        audit = _AUDIT.match(line)
        kind, stamp, seconds = audit.groups() if audit else ("", "", "")
        outside = (line[audit.end() :] if audit else line).split('"')
        quoted = outside[1::2]
        rest = '""'.join(outside[::2])
        if len(outside) % 2 == 0 or ("'" in rest and "'" in "".join(quoted)):
            return None
        if (";" in rest or "," in rest) and _STRIPPED.search(rest):
            return None
        encoded = rest.encode()
        key = kind, encoded.translate(None, _NO_SIGNS)
        parts: Parts = encoded.translate(_TO_EQUALS).decode().split("=")
        shape = self._shapes.get(key)
        if shape is None or any(shape.empty(parts)):
            self._learn(key)
            return None
        plan = self._plan_for(shape, kind, parts, line)
        if plan is None:
            return None
        for place in shape.bracketed:
            parts[place] = f"({parts[place]})"
        parts += quoted
        parts += (kind, stamp)
        for place in plan.hexed:
            if parts[place][:1] in _FIRST_OF_HEX:
                parts[place] = self._unhexed(parts[place])
        if plan.day and (stated := parse_time(f"{parts[plan.day[0]]} {parts[plan.day[1]]}", clock)):
            time = stated
        return plan.columns.record("logfmt", parts, float(seconds) if audit else time, clock)

    def _plan_for(self, shape: Shape, kind: str, parts: Parts, line: str) -> LogfmtPlan | None:
        """The plan for a line's names, None while there is none; then it is made for the next one."""
        names = shape.names(parts)
        for plan in shape.plans:
            if plan.names == names:
                return plan
        if len(shape.plans) < MOST_PLANS:
            self._plans += 1
            shape.plans.append(self._plan(shape, kind, parts, line))
        return None

    def _learn(self, key: tuple[str, bytes]) -> None:
        """Notes a shape; the second time, what it consists of."""
        if self._plans + len(self._shapes) > PLANS:
            self.clear()
        if key not in self._shapes and len(key[1]) <= LONGEST_SHAPE:
            self._shapes[key] = None
        elif self._shapes.get(key, NOTHING) is None:
            self._shapes[key] = shape_of(key[1].decode())

    def _plan(self, shape: Shape, kind: str, pieces: Parts, line: str) -> LogfmtPlan:
        """The plan that the plain way takes for a line; NO_PLAN when its columns are others than its pairs."""
        quoted = sum(pair.value < 0 for pair in shape.pairs)
        header = (("type", len(pieces) + quoted), ("msg", len(pieces) + quoted + 1)) if kind else ()
        columns = [*header]
        for name, outer, value in shape.pairs:
            full = pieces[name] if outer is None else f"{pieces[outer]}.{pieces[name]}"
            columns.append((full, value if value >= 0 else len(pieces) - 1 - value))
        places = dict(columns)
        record = self._plain(line)
        if record is None or tuple(record.fields) != tuple([name for name, _ in columns]):
            return NO_PLAN
        if not kind and {"type", "msg"} <= places.keys():  # may turn out to be an audit record
            return NO_PLAN
        shown = {name: place for name, place in columns if not kind or name != "msg"}
        said = [] if kind else [places[name] for name in MESSAGES if name in places]
        plan = Plan.of(places, shown, said)
        return LogfmtPlan(
            names=shape.names(pieces),
            hexed=tuple([place for name, place in columns if kind and self._hexed(kind, name)]),
            day=None if kind or not {"date", "time"} <= places.keys() else (places["date"], places["time"]),
            columns=plan._replace(times=()) if kind else plan,
        )


NOTHING = Shape((), picker(()), picker(()), (), [NO_PLAN] * MOST_PLANS)
"""Of lines that are no such pairs."""


def shape_of(signs: str) -> Shape:
    """What lines with such signs consist of; NOTHING when that is not pairs alone."""
    if not _SHAPE.fullmatch(signs):
        return NOTHING
    pairs: list[Pair] = []
    empty: list[int] = []
    bracketed: list[int] = []
    names: list[int] = []
    outer = None
    at = quoted = 0
    while at < len(signs):
        if signs[at] != "=":  # a blank, or the quote that ends the pairs within
            if signs[at] == "'":
                outer = None
                empty.append(at + 1)
            at += 1
            continue
        names.append(at)
        opening, closing = signs[at + 1 : at + 2], signs[at + 2 : at + 3]
        if opening == "'" and outer is not None:
            opening = ""  # the end of the pairs within
        value, length = at + 1, 1
        if opening == "'" and closing != "'":
            outer = at
            empty.append(at + 1)
            at += 2
            continue
        if opening in ('"', "(") or (opening == "'" and closing == "'"):
            empty += (at + 1, at + 3)
            value, length = at + 2, 3
        if opening == '"':
            quoted += 1
            value = -quoted
        elif opening == "(":
            bracketed.append(value)
        pairs.append(Pair(at, outer, value))
        at += length
    return Shape(tuple(pairs), picker(names), picker(empty), tuple(bracketed), [])
