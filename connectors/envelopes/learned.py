"""What was learned of objects, by number: how all of one shape, or all with the same values around the line, are
undone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from connectors.envelopes.compiled import contexts
from connectors.envelopes.envelope import Inner
from connectors.envelopes.passing import KEPT, Passes, Passing
from connectors.envelopes.planning import (
    Columns,
    Undoes,
    Undone,
    columns_of_line,
    leaves_of,
    roles_of,
    undone,
)
from connectors.formats.json_scan import Scan
from connectors.formats.numbers import Numbers

SHAPES, CONTEXTS = 4_096, 16_384
"""What is remembered; more, and it begins anew."""


class Known(NamedTuple):
    """What is known of a shape."""

    columns: Columns | None = None
    """Of objects that are a line by themselves."""
    envelope: Undoes | None = None
    """Of those that an envelope may undo; neither is there for objects that are left to the plain way."""
    passing: Passing | None = None
    mask: int = 0
    """Which of the masks says what the envelope looks at."""


class Holder(Protocol):
    """What holds one of several objects of a message, which it undoes as an envelope does."""

    name: str
    number: int
    """Tells it from others, above 0."""

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """As an envelope's."""


class Holders(NamedTuple):
    """What holds each of many objects."""

    known: Sequence[Holder]
    of: NDArray[np.int64]
    """Which of them each, (objects,)."""


class Around(NamedTuple):
    """What the envelopes around a line said together, times and shippers aside."""

    inner: Inner
    names: str
    """Theirs, the outermost first."""


class Learned:
    """What one reader has learned. candidates: the envelopes that an object may have, the first to be asked first."""

    def __init__(self, candidates: Callable[[dict[str, Any]], Sequence[Any]]) -> None:
        self._candidates = candidates
        self._shapes, self._contexts = Numbers(), Numbers()
        self.shapes: list[Known] = []
        """By number."""
        self.contexts: list[Undone | None] = []
        """By number; None for what only the plain way undoes."""
        self.streams = False
        """Whether it is to be known which stream a line is of."""
        self._once: set[int] = set()
        self._masks: list[NDArray[np.bool_]] = []

    @property
    def is_full(self) -> bool:
        """Whether it is to be cleared."""
        return len(self.shapes) > SHAPES or max(len(self.contexts), len(self._once)) > CONTEXTS

    def clear(self) -> None:
        """Begins anew."""
        self._shapes.clear()
        self._contexts.clear()
        for held in (self.shapes, self.contexts, self._masks):
            held.clear()
        self._once.clear()

    def shape_numbers(self, scan: Scan, text_of: Callable[[int], bytes]) -> NDArray[np.int64]:
        """The number of each object's shape, -1 where it has none. text_of: the bytes of an object."""
        numbers = self._shapes.find(scan.shapes)
        new = np.flatnonzero((numbers < 0) & (scan.shapes != 0))
        if len(new):
            keys, first = np.unique(scan.shapes[new], return_index=True)
            begin = len(self.shapes)
            for row in new[first].tolist():
                self.shapes.append(self._learn(text_of(row), int(scan.starts[row + 1] - scan.starts[row])))
            self._shapes.add(keys.tolist(), range(begin, len(self.shapes)))
            numbers = self._shapes.find(scan.shapes)
        numbers[scan.shapes == 0] = -1
        return numbers

    def _learn(self, text: bytes, leaves: int) -> Known:
        """What objects of a shape are that have so many leaves. text: one of them."""
        event = orjson.loads(text)
        candidates = self._candidates(event)
        if len(list(leaves_of(event))) != leaves:  # a name comes twice
            return Known()
        if not candidates:
            return Known(columns=columns_of_line(text))
        if isinstance(candidates[0], Passes) and (passing := candidates[0].passing(event)) is not None:
            if not self.streams:
                passing = passing.without_streams()
            self._masks.append(np.array([role == KEPT for role in roles_of(event, passing)], np.bool_))
            return Known(None, candidates[0], passing, len(self._masks) - 1)
        return Known()

    def context_numbers(
        self,
        data: NDArray[np.uint8],
        scan: Scan,
        rows: NDArray[np.int64],
        shapes: NDArray[np.int64],
        holders: Holders | None,
        text_of: Callable[[int], bytes],
    ) -> NDArray[np.int64]:
        """The number of how each of these objects is undone, -1 where that is not known yet.

        rows: of the scan, those in an envelope. shapes: their numbers. holders: of all rows of the scan, where they are
        some of several in a message. What never comes again is not worth a plan, so the first one has none.
        """
        ends = np.cumsum([len(mask) for mask in self._masks])
        salts = np.zeros(len(rows), np.int64)
        if holders is not None:
            salts = np.array([holder.number for holder in holders.known], np.int64)[holders.of[rows]]
        keys = contexts(
            data,
            scan,
            rows,
            np.array([known.mask for known in self.shapes], np.int64)[shapes],
            salts,
            np.concatenate(self._masks),
            np.concatenate(([0], ends)),
        )
        numbers = self._contexts.find(keys)
        new = np.flatnonzero(numbers < 0)
        if not len(new):
            return numbers
        found, first, counts = np.unique(keys[new], return_index=True, return_counts=True)
        added, begin = [], len(self.contexts)
        for key, place, count in zip(found.tolist(), new[first].tolist(), counts.tolist(), strict=True):
            if count == 1 and key not in self._once:
                self._once.add(key)
                continue
            row, known = int(rows[place]), self.shapes[int(shapes[place])]
            assert known.envelope is not None
            assert known.passing is not None
            holder = known.envelope if holders is None else holders.known[holders.of[row]]
            self.contexts.append(undone(text_of(row), holder, known.passing, streams=self.streams))
            added.append(key)
        self._contexts.add(added, range(begin, len(self.contexts)))
        return self._contexts.find(keys)
