"""MessagePack, as Fluent Bit and Fluentd write it: maps, and ``[time, map]`` pairs, one or many a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.plain import plain

MAX_EVENTS = 50_000
"""Of one value; a value of so many is an error."""
_MAPS = frozenset((*range(0x81, 0x90), 0xDE, 0xDF))
_ARRAYS = frozenset((*range(0x91, 0xA0), 0xDC, 0xDD))
_STRINGS = frozenset((*range(0xA1, 0xC0), 0xD9, 0xDA))
_EVENT_TIME = 0
"""Type of the extension that Fluentd calls EventTime: seconds and nanoseconds, 4 bytes each."""


class MessagePack:
    """One or more maps or pairs after one another, told by the first byte and by reading to the last one."""

    name = "msgpack"
    firsts = bytes(_MAPS | _ARRAYS)

    def unwrap(self, value: bytes) -> list[Inner | bytes] | None:
        """One line a map. Raises ValueError for one that is cut or broken after its first name."""
        if len(value) < 2 or not (value[0] in _MAPS or value[0] in _ARRAYS):
            return None
        import msgpack

        unpacker = msgpack.Unpacker(
            raw=False,
            unicode_errors="replace",
            strict_map_key=False,
            timestamp=1,
            ext_hook=_extension,
            max_buffer_size=len(value),
        )
        unpacker.feed(value)
        lines: list[Inner | bytes] = []
        try:
            while unpacker.tell() < len(value):
                lines.extend(_events(unpacker.unpack()))
                if len(lines) > MAX_EVENTS:
                    raise ValueError(f"more than {MAX_EVENTS} events")
        except Exception as error:  # msgpack has exceptions of many kinds for what is none
            if value[0] in _MAPS and value[1] in _STRINGS:
                reason = (
                    "the value ends in the middle" if isinstance(error, msgpack.OutOfData) else str(error)
                )
                raise ValueError(f"msgpack: {reason or type(error).__name__}") from error
            return None
        return lines


def _events(value: Any) -> Iterator[Inner]:
    """The events of a map, a pair, or an array of pairs. Raises ValueError for anything else."""
    if isinstance(value, dict):
        yield Inner(plain(value))
        return
    if not isinstance(value, list):
        raise ValueError("no map")
    time = _time(value[0]) if len(value) == 2 and isinstance(value[1], dict) else None
    if time is not None:
        yield Inner(plain(value[1]), time=time)
        return
    for item in value:
        yield from _events(item)


def _time(value: Any) -> float | None:
    """Epoch seconds of a pair's first member, which may hold metadata too; None when it is no time."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict):
        value = value[0]
    return float(value) if type(value) in (int, float) and 0 <= value < 1e11 else None


def _extension(code: int, data: bytes) -> Any:
    """Epoch seconds of an EventTime; other extensions are their bytes."""
    if code == _EVENT_TIME and len(data) == 8:
        return int.from_bytes(data[:4], "big") + int.from_bytes(data[4:], "big") / 1e9
    return data
