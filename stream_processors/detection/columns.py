"""The columns of records that are counted, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from connectors.records import LOGGER, SERVICE, Record
from stream_processors.detection.hashing import hash_texts, joined_bytes

MOST_COLUMNS = 256
"""Columns of a record whose names are remembered."""
_Plan = tuple[np.uint64, tuple[str, ...], NDArray[np.uint64]]


@dataclass(frozen=True, slots=True)
class CountedColumns:
    """Columns of n records, m in all: those that say something of the line, not where in a program it was written."""

    kinds: NDArray[np.uint64]
    """Hash of what a record's words and columns are counted with, (n,)."""
    starts: NDArray[np.int64]
    """The columns of record ``i`` are those from ``starts[i]`` to ``starts[i + 1]``, (n + 1,)."""
    slots: NDArray[np.uint64]
    """Hash of kind and name, (m,)."""
    buffer: NDArray[np.uint8]
    """All values in UTF-8."""
    begins: NDArray[np.int64]
    """Where each value begins in it, (m,)."""
    ends: NDArray[np.int64]
    """Where each ends, (m,)."""

    @classmethod
    def of(cls, records: Sequence[Record]) -> CountedColumns:
        """The columns of records in their order."""
        kinds, counts, slots, values = [], [0], [], []
        for record in records:
            fields = record.fields
            plan = _plan_of(record)
            kinds.append(plan[0])
            counts.append(len(plan[1]))
            slots.append(plan[2])
            values += [fields[name] for name in plan[1]]
        return cls(
            np.array(kinds, dtype=np.uint64),
            np.cumsum(counts, dtype=np.int64),
            np.concatenate(slots) if slots else np.zeros(0, dtype=np.uint64),
            *joined_bytes(values),
        )


def kind_of(record: Record) -> str:
    """What a line's words and columns are counted with: format and service, unless only an envelope names it."""
    service = "" if SERVICE in record.given else record.fields.get(SERVICE, "")
    return f"{record.format}/{service}"


def counted_names(record: Record) -> tuple[str, ...]:
    """Names of the columns of a record that are counted, in their order."""
    return _plan_of(record)[1]


def _plan_of(record: Record) -> _Plan:
    names = tuple(record.fields)
    remembered = _plan if len(names) <= MOST_COLUMNS else _plan.__wrapped__
    return remembered(kind_of(record), names, record.given)


@lru_cache(maxsize=4_096)
def _plan(kind: str, names: tuple[str, ...], given: tuple[str, ...]) -> _Plan:
    """Hash of the kind, the names that are counted, and the hashes of their slots."""
    counted = tuple(name for name in names if name != LOGGER and name not in given)
    return hash_texts([kind])[0], counted, hash_texts([f"{kind}/{name}" for name in counted])
