"""Times as shippers state them: text in ISO 8601, or a number since the epoch. Seconds, UTC."""

from __future__ import annotations

from typing import Any

from connectors.formats.times import parse_time

EARLIEST, LATEST = 946_684_800.0, 4_102_444_800.0
"""2000 to 2100: a number outside is no time."""
MINUTES = 4096
"""Minutes whose seconds since the epoch are remembered."""

_minutes: dict[str, float] = {}


def seconds(value: Any) -> float | None:
    """The time that a shipper's member states, None when it is none.

    Numbers are seconds, milli-, micro- or nanoseconds by their size.
    """
    if type(value) is str:
        minute = _minutes.get(value[:17])
        if minute is not None and value[-1] == "Z":
            try:
                second = float(value[17:-1])
            except ValueError:
                return None
            return minute + second if 0 <= second < 61 else None
        return _first_of_minute(value)
    if type(value) is float and EARLIEST <= value < LATEST:
        return value
    if type(value) is int or type(value) is float:
        return since_epoch(value)
    return None


def since_epoch(number: float) -> float | None:
    """Seconds of a number that counts seconds, milli-, micro- or nanoseconds; None outside 2000 to 2100."""
    for scale in (1, 1_000, 1_000_000, 1_000_000_000):
        if EARLIEST * scale <= number < LATEST * scale:
            return number / scale
    return None


def _first_of_minute(value: str) -> float | None:
    """As above, and what it has in common with the others of its minute is remembered."""
    stated = parse_time(value)
    if stated is not None and value[10:11] == "T" and value[16:17] == ":" and value[-1] == "Z":
        minute = parse_time(value[:17] + "00Z")
        if minute is not None:
            if len(_minutes) >= MINUTES:
                _minutes.clear()
            _minutes[value[:17]] = minute
    return stated
