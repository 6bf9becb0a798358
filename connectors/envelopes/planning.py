"""From an object to how all like it are undone: its envelope undoes it once more, with marks in place of values.

What an envelope passes on (``Passing``) is marked; where the marks come out says where the values of others go. So the
plain way stays the only definition of what an envelope does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import orjson

from connectors.envelopes.envelope import Inner
from connectors.envelopes.passing import BESIDE, CONTENT, HEADLINE, KEPT, LINE, TIME, Passing, Path
from connectors.formats.plans import Pick, Plan, picker
from connectors.formats.structured import MESSAGES, flatten

_MARK = "\uf8ff"
_FIRST_INTEGER, _FIRST_REAL = 700_000_000_000_000_000, 900_000_000_000_000.0
_ANY_MARK = re.compile(f"{_MARK}|7000000000000[0-9]{{5}}|900000000000[0-9]{{3}}\\.0")
_OTHER_TIMES = {
    str: ("2001-02-03T04:05:06.789Z", "981173106789000000"),
    int: (981_173_106,),
    float: (981_173_106.7,),
}


class Undoes(Protocol):
    """What of an envelope is needed here."""

    name: str

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The lines of an object."""


class Leaf(NamedTuple):
    """A value that is no object and no list, and where it is."""

    owner: Any
    key: Any
    path: Path
    value: Any


class Columns(NamedTuple):
    """How the leaves of objects that are lines become the columns of records."""

    plan: Plan
    scalars: tuple[int, ...]
    """Leaves that JSON spells in another way than columns do."""
    lists: tuple[Pick, ...]
    """As in ``connectors.formats.object_shapes``."""
    constants: tuple[str, ...]
    """Values that all of them have, behind the leaves."""
    leaves: int
    """How many leaves there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Undone:
    """What all objects of one shape with the same values around the line are."""

    inner: Inner
    """Its line, time and shipper aside."""
    name: str
    line: int | None
    """Which leaf is the line; None when it is an object."""
    strips: bool
    time: int | None
    passing: Passing
    headline: int | None
    columns: Columns | None


def leaves_of(node: Any, path: Path = ()) -> Iterator[Leaf]:
    """The leaves of an object in the order of its text."""
    items = node.items() if type(node) is dict else enumerate(node)
    for key, value in items:
        below = (*path, str(key)) if type(node) is dict else path
        if type(value) is dict or type(value) is list:
            yield from leaves_of(value, below)
        else:
            yield Leaf(node, key, below, value)


def roles_of(event: dict[str, Any], passing: Passing) -> list[int]:
    """What each leaf is; words (``true``, ``null``) count as looked at, and a line or time of another type."""
    roles = []
    for leaf in leaves_of(event):
        role, kind = passing.role(leaf.path), type(leaf.value)
        is_text = kind is str
        if (role in (LINE, HEADLINE) and not is_text) or kind is bool or leaf.value is None:
            role = KEPT
        roles.append(role)
    return roles


def undone(text: bytes, envelope: Undoes, passing: Passing, *, streams: bool) -> Undone | None:
    """How an object is undone; None when what its envelope passes on does not show in what is left of it.

    streams: whether it is to be known which stream a line is of.
    """
    event = orjson.loads(text)
    roles = roles_of(event, passing)
    places = {role: place for place, role in enumerate(roles)}
    inner = _marked(text, envelope, roles, other_time=False)
    again = _marked(text, envelope, roles, other_time=True)
    if inner is None or again is None or inner.partial or inner.error or inner.program is not None:
        return None
    stamp = places.get(TIME)
    leaves = list(leaves_of(event))
    stated = None if stamp is None else passing.seconds(leaves[stamp].value)
    if inner.time != stated or (stamp is not None and stated is None):
        return None
    for one in (inner, again):
        one.time = one.shipper = None
        one.stream = one.stream if streams else ""
    if inner != again or _ANY_MARK.search("\n".join((inner.stream, *inner.columns, *inner.columns.values()))):
        return None
    line = places.get(LINE)
    columns = None
    if isinstance(inner.line, str):
        if line is None or inner.line != f"{_MARK}{line}{_MARK}" or roles.count(LINE) > 1:
            return None
    elif (columns := columns_of(inner.line, leaves)) is None:
        return None
    else:
        line = None
    return Undone(
        replace(inner, line=""),
        envelope.name,
        line,
        passing.strips,
        stamp,
        passing,
        places.get(HEADLINE),
        columns,
    )


def _marked(text: bytes, envelope: Undoes, roles: list[int], *, other_time: bool) -> Inner | None:
    """The one line of an object whose values are marks."""
    event = orjson.loads(text)
    for place, (leaf, role) in enumerate(zip(list(leaves_of(event)), roles, strict=True)):
        if role in (CONTENT, LINE, HEADLINE, BESIDE):
            leaf.owner[leaf.key] = mark_of(leaf.value, place)
        elif role == TIME and other_time:
            others = _OTHER_TIMES.get(type(leaf.value), ())
            digits = type(leaf.value) is str and leaf.value.isdigit()
            leaf.owner[leaf.key] = others[-1 if digits else 0] if others else leaf.value
    found = envelope.unwrap(event)
    return found[0] if found is not None and len(found) == 1 else None


def mark_of(value: Any, place: int) -> Any:
    """A value of the same type that stands for the one at a place; text for a word."""
    if type(value) is str or type(value) is bool:
        return f"{_MARK}{place}{_MARK}"
    return _FIRST_REAL + place if type(value) is float else _FIRST_INTEGER + place


def columns_of(line: dict[str, Any], leaves: list[Leaf]) -> Columns | None:
    """How a line becomes columns, an object whose values are marks; what is no mark is what all such lines have."""
    places = {
        str(mark_of(leaf.value, place)): place for place, leaf in enumerate(leaves) if leaf.value is not None
    }
    constants: list[str] = []
    lists: list[Pick] = []
    fields: dict[str, int] = {}
    shown: dict[str, int] = {}
    found = flatten(line)
    if "\x00" in "".join(found):
        return None

    def place_of(value: str) -> int:
        if (place := places.get(value)) is None:
            place = len(leaves) + len(constants)
            constants.append(value)
        return place

    single = {name: place_of(leaf) for name, leaf in found.items() if type(leaf) is str}
    several = {name: [place_of(item) for item in leaf] for name, leaf in found.items() if type(leaf) is list}
    if any(_ANY_MARK.search(constant) for constant in (*constants, *found)):
        return None
    texts = [line[name] for name in MESSAGES if name in line and type(line[name]) is str]
    said = [
        place for place in map(place_of, texts) if place >= len(leaves) or type(leaves[place].value) is str
    ]
    for name in found:
        if name in single:
            fields[name] = shown[name] = single[name]
        else:
            fields[name] = len(leaves) + len(constants) + 2 * len(lists)
            shown[name] = fields[name] + 1
            lists.append(picker(several[name]))
    scalars = tuple(p for p, leaf in enumerate(leaves) if type(leaf.value) is float)
    return Columns(Plan.of(fields, shown, said), scalars, tuple(lists), tuple(constants), len(leaves))


def columns_of_line(text: bytes) -> Columns | None:
    """How an object that is a line by itself becomes columns, by its shape alone."""
    event = orjson.loads(text)
    leaves = list(leaves_of(orjson.loads(text)))
    for place, leaf in enumerate(list(leaves_of(event))):
        if leaf.value is not None:
            leaf.owner[leaf.key] = mark_of(leaf.value, place)
    return columns_of(event, leaves)
