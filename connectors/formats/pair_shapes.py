"""What is known of lines of pairs with the same names: the columns, and which of them say more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.formats.logfmt import MESSAGES, is_audit, may_be_hex, parse_plainly, unhexed
from connectors.formats.pairs import event_times
from connectors.formats.severity import level_names

SHAPES = 2_048
"""More, and all begin anew."""
VALUE, HEXED, TIME, LEVEL, FIRST_MESSAGE = range(5)
"""What a column says: nothing but its value, text that may be written in hex, the time, the level; FIRST_MESSAGE and
above, in order, what is for people."""


class PairShape(NamedTuple):
    """What lines with the same names have in common."""

    names: tuple[str, ...]
    roles: NDArray[np.uint8]
    """Of the columns, (names,)."""


class PairShapes:
    """The shapes that were learned, by the code of their lines."""

    def __init__(self) -> None:
        self._shapes: dict[int, PairShape | None] = {}

    def __len__(self) -> int:
        return len(self._shapes)

    def of(self, code: int, line: bytes, spans: NDArray[np.int64], audit: bool) -> PairShape | None:
        """The shape of lines with a code; None when the plain way sees others. It is learned of the first one: its
        bytes, and where in them its values are; audit: whether it looks like one of the Linux audit log.
        """
        try:
            return self._shapes[code]
        except KeyError:
            pass
        if len(self._shapes) >= SHAPES:
            self._shapes.clear()
        text = line.decode()
        self._shapes[code] = shape = _learned(text, [text[begin:end] for begin, end in spans.tolist()], audit)
        return shape


def _learned(line: str, values: Sequence[str], audit: bool) -> PairShape | None:
    record = parse_plainly(line)
    if record is None or len(record.fields) != len(values):
        return None
    fields, names = record.fields, tuple(record.fields)
    may_be_audit = {"type", "msg"} <= fields.keys()
    if is_audit(fields) != audit or (may_be_audit and not audit) or {"date", "time"} <= fields.keys():
        return None
    roles = dict.fromkeys(names, VALUE)
    for name, value in zip(names, values, strict=True):
        if audit and may_be_hex(fields["type"], name):
            roles[name] = HEXED
            value = unhexed(value)
        if value != fields[name]:
            return None
    if not audit:
        roles |= {name: FIRST_MESSAGE + place for place, name in enumerate(MESSAGES) if name in fields}
        roles |= dict.fromkeys(event_times(names)[:1], TIME)
    for name in level_names(names)[:1]:
        if roles[name] != VALUE:
            return None
        roles[name] = LEVEL
    return PairShape(names, np.array(list(roles.values()), np.uint8))
