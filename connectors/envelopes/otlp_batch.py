"""The records of OTLP messages one by one: what is around them is the same in many messages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from connectors.envelopes.envelope import Inner
from connectors.envelopes.otlp import OtlpJson, record_seconds
from connectors.envelopes.otlp_records import NAME
from connectors.envelopes.passing import Passing
from connectors.envelopes.split import BEGINS, ENDS, Split
from connectors.envelopes.unwrapping import MAX_LINES
from connectors.formats.numbers import Numbers

SKELETONS = 2_048
"""Groups without their records that are remembered; more, and all begin anew."""
ONCE = 16_384
"""Those that came once are remembered too, so many."""
MANY = 16
"""Records that make one worth to be learned when it comes first: what never comes again is not."""
LONGEST_SKELETON = 8_192
_RECORD = b'{"body":{"stringValue":"-"}}'
_BESIDE_LINE = (("observedTimeUnixNano",), ("traceId",), ("spanId",), ("flags",), ("droppedAttributesCount",))
_MEMBERS_OF_RECORD = frozenset(
    {
        "timeUnixNano",
        "body",
        "attributes",
        "severityNumber",
        "severityText",
        *(path[0] for path in _BESIDE_LINE),
    }
)


class Skeleton:
    """A group without its records. pieces: its bytes in front of its lists of records, between and behind them;
    numbers: where those of its lists begin, below ``HeldRecords.number``. Raises ValueError when it holds none.
    """

    def __init__(self, otlp: OtlpJson, pieces: Sequence[bytes], number: int) -> None:
        self._otlp = otlp
        self.lists = [HeldRecords(otlp, pieces, place, number + place) for place in range(len(pieces) - 1)]
        empty = otlp.unwrap(orjson.loads(BEGINS + b"".join(pieces) + ENDS))
        filled = otlp.unwrap(orjson.loads(BEGINS + _RECORD.join(pieces) + ENDS))
        if empty != [] or filled is None or len(filled) != len(self.lists):
            raise ValueError("not the skeleton of a group")


class HeldRecords:
    """One of the lists of records in a group: it undoes each of them as a message does."""

    name = NAME

    def __init__(self, otlp: OtlpJson, pieces: Sequence[bytes], place: int, number: int) -> None:
        self._otlp, self.number = otlp, number
        self._before = BEGINS + b"".join(pieces[: place + 1])
        self._behind = b"".join(pieces[place + 1 :]) + ENDS

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The line of one record."""
        return self._otlp.unwrap(orjson.loads(self._before + orjson.dumps(event) + self._behind))

    @staticmethod
    def passing(event: dict[str, Any]) -> Passing | None:
        """The text of a record's body, its time and its ids."""
        body = event.get("body")
        if type(body) is not dict or [*body] != ["stringValue"] or not _MEMBERS_OF_RECORD.issuperset(event):
            return None
        stamp = "timeUnixNano" if "timeUnixNano" in event else "observedTimeUnixNano"
        return Passing(("body", "stringValue"), time=(stamp,), seconds=record_seconds, beside=_BESIDE_LINE)


class Held(NamedTuple):
    """The records of messages, in order."""

    spans: NDArray[np.int64]
    """Where each begins and ends, (records, 2)."""
    messages: NDArray[np.int64]
    """The message of each, (records,)."""
    indexes: NDArray[np.int64]
    """Its place in it, (records,)."""
    holders: NDArray[np.int64]
    """Which of the holders of ``Records`` holds it, (records,)."""
    good: NDArray[np.bool_]
    """Whether a message has its records here; any other is to be undone as a whole, (messages,)."""


class Records:
    """Takes the records out of messages. otlp: the envelope that undoes them."""

    def __init__(self, otlp: OtlpJson) -> None:
        self._otlp = otlp
        self._number = 1
        self._forget()

    def _forget(self) -> None:
        self._skeletons = Numbers()
        self._firsts: list[int] = []
        self._once: set[int] = set()
        self.holders: list[HeldRecords] = []
        """Of the skeletons that are known."""

    def of(self, data: NDArray[np.uint8], found: Split) -> Held:
        """The records of messages. found: what is in them."""
        if len(self._firsts) > SKELETONS or len(self._once) > ONCE:
            self._forget()
        lists, groups = found.records[:, 2], found.lists[found.records[:, 2], 2]
        skeletons = self._skeletons.find(found.keys)
        new = np.flatnonzero(skeletons < 0)
        if len(new):
            keys, first, of = np.unique(found.keys[new], return_index=True, return_inverse=True)
            records = np.bincount(groups, minlength=len(skeletons))[new]
            many = np.bincount(of.reshape(-1), records) >= MANY
            added, before = [], len(self._firsts)
            for key, group, worth in zip(keys.tolist(), new[first].tolist(), many.tolist(), strict=True):
                if worth or key in self._once:
                    self._learn(found.pieces(data, group))
                    added.append(key)
                else:
                    self._once.add(key)
            self._skeletons.add(added, range(before, len(self._firsts)))
            skeletons = self._skeletons.find(found.keys)
        firsts = np.array([*self._firsts, -1], np.int64)[skeletons]
        good = found.good
        good[found.groups[firsts < 0, 2]] = False
        messages = found.groups[groups, 2]
        first_lists = np.searchsorted(found.lists[:, 2], np.arange(len(firsts)))
        good &= np.bincount(messages, minlength=len(good)) <= MAX_LINES
        kept = good[messages]
        indexes = np.arange(len(messages)) - np.searchsorted(messages, messages)
        holders = firsts[groups] + lists - first_lists[groups]
        return Held(found.records[kept, :2], messages[kept], indexes[kept], holders[kept], good)

    def _learn(self, pieces: tuple[bytes, ...]) -> None:
        """Notes the skeleton of a group; of one that is none that its message is to be undone as a whole."""
        first = -1
        if sum(map(len, pieces)) <= LONGEST_SKELETON:
            with suppress(ValueError):
                held = Skeleton(self._otlp, pieces, self._number).lists
                first = len(self.holders)
                self.holders += held
        self._firsts.append(first)
        self._number += len(pieces)
