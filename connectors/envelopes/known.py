"""What was learned of objects: how all of one shape, or all with the same values around the line, are undone."""

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
from connectors.envelopes.spans import Spans
from connectors.envelopes.unread import within
from connectors.records import ORIGIN

SHAPES, CONTEXTS = 4_096, 16_384
"""What is remembered; more, and it begins anew."""
_PLACES = frozenset(ORIGIN)


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


class Around:
    """What the envelopes around a line said together, times and shippers aside."""

    __slots__ = ("_given", "inner", "inside", "names")

    def __init__(self, inner: Inner, names: str) -> None:
        self.inner, self.names = inner, names
        self.inside: dict[Undone, Around] = {}
        self._given: dict[tuple[str, ...], tuple[str, ...]] = {}

    def given(self, own: tuple[str, ...]) -> tuple[str, ...]:
        """Columns of ``ORIGIN`` that only the envelopes state. own: the line's columns."""
        given = self._given.get(own)
        if given is None:
            names = self.inner.columns
            self._given[own] = given = tuple([name for name in names if name in _PLACES and name not in own])
        return given


class Memory:
    """What one reader has learned. candidates: the envelopes that an object may have, the first to be asked first."""

    def __init__(self, candidates: Callable[[dict[str, Any]], Sequence[Any]]) -> None:
        self._candidates = candidates
        self._shapes: dict[int, Known] = {}
        self._masks: list[NDArray[np.bool_]] = []
        self._contexts: dict[int, Undone | None] = {}
        self._outermost: dict[Undone, Around] = {}
        self.shape = self._shapes.get

    def forget(self) -> None:
        """Begins anew where there is too much."""
        if len(self._shapes) > SHAPES:
            self._shapes.clear()
            self._masks.clear()
            self._contexts.clear()
        if len(self._contexts) > CONTEXTS:
            self._contexts.clear()
        if not self._contexts:
            self._outermost.clear()

    def learn(self, shape: int, text: bytes, leaves: int) -> Known:
        """Notes what objects of a shape are that have so many leaves. text: one of them."""
        event = orjson.loads(text)
        known = Known()
        candidates = self._candidates(event)
        if len(list(leaves_of(event))) != leaves:  # a name comes twice
            pass
        elif not candidates:
            known = Known(columns=columns_of_line(text))
        elif isinstance(candidates[0], Passes) and (passing := candidates[0].passing(event)) is not None:
            self._masks.append(np.array([role == KEPT for role in roles_of(event, passing)], np.bool_))
            known = Known(None, candidates[0], passing, len(self._masks) - 1)
        self._shapes[shape] = known
        return known

    def contexts(
        self, spans: Spans, rows: list[int], knowns: list[Known], holders: list[Holder | None]
    ) -> list[Undone | None]:
        """How each of these objects is undone; None where it is not known, or only in the plain way.

        holders: of those that are one of several in a message.
        """
        ends = np.cumsum([len(mask) for mask in self._masks])
        keys = contexts(
            spans.array,
            spans.scan,
            np.array(rows, np.int64),
            np.array([known.mask for known in knowns], np.int64),
            np.array([holder.number if holder else 0 for holder in holders], np.int64),
            np.concatenate(self._masks),
            np.concatenate(([0], ends)),
        )
        found = []
        for row, known, holder, key in zip(rows, knowns, holders, keys.tolist(), strict=True):
            context = self._contexts.get(key, _NEW)
            if context is _NEW:
                self._contexts[key] = _ONCE
            elif context is _ONCE:
                assert known.envelope is not None
                assert known.passing is not None
                self._contexts[key] = undone(spans.bytes_of(row), holder or known.envelope, known.passing)
            else:
                found.append(context)
                continue
            found.append(None)
        return found

    def around(self, outer: Around | None, context: Undone) -> Around:
        """What an envelope said, and those around it."""
        made = self._outermost if outer is None else outer.inside
        around = made.get(context)
        if around is None:
            if outer is None:
                around = Around(context.inner, context.name)
            else:
                around = Around(within(context.inner, outer.inner), f"{outer.names}/{context.name}")
            made[context] = around
        return around


_NEW = Undone(Inner(""), "", None, False, None, Passing(), None, None)
_ONCE = Undone(Inner(""), "", None, False, None, Passing(), None, None)
"""Of a context that was not seen yet, and of one that was seen once: what never comes again is not worth a plan."""
