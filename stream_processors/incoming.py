"""What people hand to a ``Detector``, as messages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import orjson

from connectors.records import Message
from stream_processors.detection.texts import compact

Item = str | bytes | bytearray | memoryview | Mapping[str, Any] | Message | None
"""A line or a whole message of lines as text, UTF-8 or not; a record, which is read as JSON; a message with its time
and key. None is a message without a value."""
ONE = (str, bytes, bytearray, memoryview, Mapping, Message)
JSON = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def messages_of(
    items: Iterable[Item], timestamps: Iterable[float | None] | float | None, now: float
) -> list[Message]:
    """Items with their times. now: seconds since the epoch; a later time counts as now, one below 0 or nan as none.

    Raises TypeError or ValueError, in one line, for what is none of these.
    """
    if isinstance(items, ONE) or not isinstance(items, Iterable):
        raise TypeError(f"lines: expected an iterable of lines, got {type(items).__name__}")
    values = list(items)
    times = _times(timestamps, len(values))
    return [
        _message(value, time, number, now)
        for number, (value, time) in enumerate(zip(values, times, strict=True))
    ]


def _times(timestamps: Iterable[float | None] | float | None, count: int) -> list[float | None]:
    if timestamps is None or isinstance(timestamps, Real):
        return [None if timestamps is None else float(timestamps)] * count
    if isinstance(timestamps, str | bytes) or not isinstance(timestamps, Iterable):
        raise TypeError(f"timestamps: expected seconds since the epoch, got {type(timestamps).__name__}")
    times = list(timestamps)
    if len(times) != count:
        raise ValueError(f"timestamps: {len(times)} for {count} lines")
    for number, time in enumerate(times):
        if time is not None and not isinstance(time, Real):
            raise TypeError(
                f"timestamps[{number}]: expected seconds since the epoch or None, got {type(time).__name__}"
            )
    return [None if time is None else float(time) for time in times]


def _message(item: Item, time: float | None, number: int, now: float) -> Message:
    if isinstance(item, Message):
        stated = item.timestamp if time is None else time
        return Message(0, believable(stated, now), item.value, item.key, tuple(item.headers))
    return Message(0, believable(time, now), _value(item, number))


def believable(time: float | None, now: float) -> float:
    """A time that is not after now; 0 for none."""
    return min(float(time), now) if time is not None and time > 0 and not math.isnan(time) else 0.0


def _value(item: Item, number: int) -> bytes | None:
    if isinstance(item, bytes) or item is None:
        return item
    if isinstance(item, str):
        return item.encode("utf-8", "surrogatepass")
    if isinstance(item, bytearray | memoryview):
        return bytes(item)
    if not isinstance(item, Mapping):
        raise TypeError(
            f"lines[{number}]: expected text, bytes, a record or a Message, got {type(item).__name__}"
        )
    try:
        return orjson.dumps(dict(item), default=str, option=JSON)
    except orjson.JSONEncodeError as error:  # numbers of more than 64 bits, lone surrogates
        if (text := compact(dict(item))) is None:
            raise ValueError(f"lines[{number}]: a record that is no JSON: {error}") from error
        return text.encode("utf-8", "surrogatepass")
