"""The records of OTLP messages one by one: what is around them is the same in many messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from connectors.envelopes.envelope import Inner
from connectors.envelopes.otlp import OtlpJson, record_seconds
from connectors.envelopes.otlp_records import NAME
from connectors.envelopes.passing import Passing
from connectors.envelopes.split import BEGINS, ENDS, groups_of

SKELETONS = 2_048
"""Groups without their records that are remembered; more, and all begin anew."""
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
    """The records of a message."""

    spans: NDArray[np.int64]
    """Where each begins and ends, (records, 2)."""
    holders: list[HeldRecords]
    of: NDArray[np.int64]
    """Which of them holds each, (records,)."""


class Records:
    """Takes the records out of messages. otlp: the envelope that undoes them."""

    def __init__(self, otlp: OtlpJson) -> None:
        self._otlp = otlp
        self._skeletons: dict[tuple[bytes, ...], Skeleton | None] = {}
        self._number = 1

    def of(self, data: NDArray[np.uint8], begin: int, end: int) -> Held | None:
        """The records of a message, which is from one place to another, in order; None for one that is to be undone as
        a whole.
        """
        groups = groups_of(data, begin, end)
        if groups is None:
            return None
        holders: list[HeldRecords] = []
        spans, of = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
        for pieces, records, lists in groups:
            skeleton = self._skeletons.get(pieces)
            if skeleton is None and (skeleton := self._learn(pieces)) is None:
                return None
            spans.append(records)
            of.append(lists + len(holders))
            holders += skeleton.lists
        return Held(np.concatenate(spans), holders, np.concatenate(of))

    def _learn(self, pieces: tuple[bytes, ...]) -> Skeleton | None:
        if pieces in self._skeletons or sum(map(len, pieces)) > LONGEST_SKELETON:
            return None
        if len(self._skeletons) >= SKELETONS:
            self._skeletons.clear()
        try:
            skeleton: Skeleton | None = Skeleton(self._otlp, pieces, self._number)
        except ValueError:
            skeleton = None
        self._number += len(pieces)
        self._skeletons[pieces] = skeleton
        return skeleton
