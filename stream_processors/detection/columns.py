"""The columns of lines that are counted: those that say something of it, not where in a program it was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.formats.json_bytes import KEY, hashed, mixed
from connectors.formats.numbers import Numbers
from connectors.formats.rows import Layout, Rows
from connectors.kernels import kernel
from connectors.records import LOGGER, SERVICE
from encoder_core.templates.batch import decoded
from stream_processors.detection.hashing import hash_texts

MOST_COUNTED = 8_192
"""Layouts, each with every service, that are remembered; more, and all begin anew."""
Array = NDArray[Any]


class Counted(NamedTuple):
    """What is counted of lines, by number of layout and service."""

    kinds: NDArray[np.uint64]
    """Hash of what a line's words and columns are counted with: format and service."""
    starts: NDArray[np.int64]
    """The counted columns of number ``i`` are those from ``starts[i]`` to ``starts[i + 1]``."""
    places: NDArray[np.int64]
    """Place of each among the columns of the layout."""
    slots: NDArray[np.uint64]
    """Hash of kind and name of each."""


class CountedColumns:
    """Knows what is counted of which lines. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._begin()

    def _begin(self) -> None:
        self._numbers = Numbers()
        self._layouts: dict[Layout, int] = {}
        self._rows: list[tuple[np.uint64, NDArray[np.int64], NDArray[np.uint64]]] = []
        self._arrays = _arrays([])

    def of(
        self, buffer: NDArray[np.uint8], layouts: Sequence[Layout], rows: Rows
    ) -> tuple[NDArray[np.int64], Counted]:
        """The number of each line, int64 (lines,), and what the numbers stand for. buffer: of the spans of rows."""
        numbers, services = np.zeros((2, len(layouts)), np.int64)
        with self._lock:
            if max(len(self._layouts), len(self._rows)) > MOST_COUNTED:
                self._begin()
            for number in np.unique(rows.layouts).tolist():
                layout = layouts[number]
                numbers[number] = self._layouts.setdefault(layout, len(self._layouts))
                services[number] = layout.names.index(SERVICE) if SERVICE in layout.names else -1
            of, service_of = numbers[rows.layouts], services[rows.layouts]
            keys = _keys(buffer, rows.starts, rows.begins, rows.ends, of, service_of, KEY)
            found = self._numbers.find(keys)
            new = np.flatnonzero(found < 0)
            if len(new):
                distinct, first = np.unique(keys[new], return_index=True)
                begin = len(self._rows)
                for line in new[first].tolist():
                    service = ""
                    if service_of[line] >= 0:
                        at = rows.starts[line] + service_of[line]
                        service = decoded(buffer[rows.begins[at] : rows.ends[at]].tobytes())
                    self._rows.append(_counted(layouts[rows.layouts[line]], service))
                self._numbers.add(distinct.tolist(), range(begin, len(self._rows)))
                self._arrays = _arrays(self._rows)
                found[new] = self._numbers.find(keys[new])
            return found, self._arrays


def counted_names(names: Iterable[str]) -> list[str]:
    """Of the names of a layout's columns those that are counted, in their order."""
    return [name for name in names if name != LOGGER]


def _counted(layout: Layout, service: str) -> tuple[np.uint64, NDArray[np.int64], NDArray[np.uint64]]:
    """Hash of the kind, the places of the columns that are counted, and the hashes of their slots."""
    kind = f"{layout.format}/{service}"
    places = [place for place, name in enumerate(layout.names) if name != LOGGER]
    slots = hash_texts([f"{kind}/{name}" for name in counted_names(layout.names)])
    return hash_texts([kind])[0], np.array(places, np.int64), slots


def _arrays(rows: Sequence[tuple[np.uint64, NDArray[np.int64], NDArray[np.uint64]]]) -> Counted:
    return Counted(
        np.array([row[0] for row in rows], np.uint64),
        np.cumsum([0, *(len(row[1]) for row in rows)], dtype=np.int64),
        np.concatenate([np.zeros(0, np.int64), *(row[1] for row in rows)]),
        np.concatenate([np.zeros(0, np.uint64), *(row[2] for row in rows)]),
    )


@kernel
def _keys(
    buffer: Array, starts: Array, begins: Array, ends: Array, layouts: Array, services: Array, key: Array
) -> NDArray[np.uint64]:
    """Hashes of the lines' layouts and services. services: which column says it, -1 for none."""
    found = np.empty(len(layouts), np.uint64)
    for line in range(len(layouts)):
        state = mixed(key[0], np.uint64(layouts[line]), key)
        if services[line] >= 0:
            at = starts[line] + services[line]
            state = hashed(buffer, begins[at], ends[at], state, key)
        found[line] = state
    return found
