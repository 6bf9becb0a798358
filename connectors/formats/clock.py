"""From calendar times to epoch seconds.

- A time with a zone is what it says; one without is a local time of the clock's zone.
- In the hour that a zone skips in spring, the offset before the change counts (02:30 is what 03:30 is after it); of
  the hour that comes twice in autumn, the first.
- A time without a year gets the latest year in which it is at most a day ahead of the clock of this machine; 29
  February goes back to a leap year.
- A calendar time that does not exist (month 13, 30 February, hour 24) is none; second 60 is the next minute.
- Whether a stated time can be believed at all is for whoever knows when the line was received: ``believed``.
"""

from __future__ import annotations

import re
import time
from calendar import timegm
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY = 86_400.0
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, start=1)}
_PARTS = re.compile(r"[0-9]+|[A-Za-z]+")
_REMEMBERED = 20_000

_HOURS_OF_NAMES = {
    name: hours
    for hours, names in {
        -10: "HST",
        -9: "AKST",
        -8: "PST AKDT",
        -7: "MST PDT",
        -6: "CST MDT",
        -5: "EST CDT",
        -4: "EDT",
        0: "UTC GMT WET",
        1: "CET WEST BST",
        2: "EET CEST",
        3: "MSK EEST",
        5: "PKT",
        8: "HKT SGT",
        9: "JST KST",
        10: "AEST",
        11: "AEDT",
        12: "NZST",
        13: "NZDT",
    }.items()
    for name in names.split()
}
ZONE_NAMES = tuple(_HOURS_OF_NAMES)
"""Names of zones that are read; what RFC 822 names means North America."""


class Clock:
    """Reads the local times of one zone; get one with ``clock_of``."""

    def __init__(self, zone: ZoneInfo | None) -> None:
        self._zone = zone
        self.minutes: dict[str, float] = {}
        """Minutes that were read, for a quick look."""
        self._recent: dict[str, float] = {}
        self._recent_at = 0.0

    def minute(self, text: str, order: str) -> float | None:
        """Epoch seconds of a minute as it is written, e.g. ``2026-11-25 10:00``; None when there is no such one.

        order: what its parts are, of ``YMDbhmp`` (b: a month's name, p: AM or PM). A year may be missing. The same
        text must always come with the same order.
        """
        if (known := self.minutes.get(text)) is not None:
            return known
        now = time.time()
        if now - self._recent_at > 60 or now < self._recent_at:
            self._recent_at = now
            self._recent.clear()
        if (known := self._recent.get(text)) is not None:
            return known
        seconds, has_year = self._read(text, order, now)
        if seconds is not None:
            cache = self.minutes if has_year else self._recent
            if len(cache) >= _REMEMBERED:
                cache.clear()
            cache[text] = seconds
        return seconds

    def _read(self, text: str, order: str, now: float) -> tuple[float | None, bool]:
        parts = _PARTS.findall(text)
        if len(parts[0]) > 4:  # 20261125 or 261125
            parts[:1] = [parts[0][:-4], parts[0][-4:-2], parts[0][-2:]]
        parts = [part for part in parts if part != "T"]
        if len(parts[-1]) == 4 and order[-1] == "m":  # 1000
            parts[-1:] = [parts[-1][:2], parts[-1][2:]]
        if len(parts) == len(order) - 1:
            order = order.replace("Y", "")
        found = dict(zip(order, parts, strict=True))
        month = _MONTH_NUMBERS.get(found.get("b", "")) or int(found.get("M", "0"))
        day, hour, minute = int(found["D"]), int(found["h"]), int(found["m"])
        if half := found.get("p"):
            if not 1 <= hour <= 12:
                return None, True
            hour = hour % 12 + (12 if half[0] in "Pp" else 0)
        if "Y" not in found:
            return self._latest(month, day, hour, minute, now), False
        year = int(found["Y"])
        return self.seconds(year + 2000 if year < 100 else year, month, day, hour, minute), True

    def seconds(self, year: int, month: int, day: int, hour: int, minute: int) -> float | None:
        """Epoch seconds of a local minute; None when the calendar has no such one."""
        if not 1900 <= year <= 9998:
            return None
        try:
            local = datetime(year, month, day, hour, minute, tzinfo=self._zone)
        except ValueError:
            return None
        return float(timegm(local.timetuple())) if self._zone is None else local.timestamp()

    def _latest(self, month: int, day: int, hour: int, minute: int, now: float) -> float | None:
        this_year = time.gmtime(now).tm_year
        # Eight years back reach a leap year from anywhere, 29 February across 2100 included.
        for year in range(this_year + 1, this_year - 9, -1):
            seconds = self.seconds(year, month, day, hour, minute)
            if seconds is not None and seconds <= now + DAY:
                return seconds
        return None


@lru_cache(maxsize=256)
def clock_of(zone: str) -> Clock:
    """The clock of a zone, an IANA name such as ``Europe/Berlin``. Raises ValueError for one that is not known."""
    if zone in ("UTC", "Z", ""):
        return Clock(None)
    try:
        return Clock(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {zone!r}") from error


UTC = clock_of("UTC")


def believed(stated: float | None, received: float, now: float) -> float:
    """When a line happened that says ``stated`` and was received at ``received``: epoch seconds, as is ``now``.

    A clock that is ahead by up to a day means now, so that a zone nobody told us of does no harm. What is further
    ahead, or before 1990 (a clock that was never set), counts as unstated: the line happened when it was received.
    """
    if stated is None or not NEVER_SET < stated <= now + DAY:
        return received
    return min(stated, now)


NEVER_SET = 631_152_000.0
"""1990: what a clock says before was never set."""


@lru_cache(maxsize=256)
def zone_seconds(zone: str) -> float:
    """Seconds east of Greenwich: of ``Z``, ``+01:00``, ``-0530``, ``+05`` or one of ZONE_NAMES."""
    if zone[0] not in "+-":
        return _HOURS_OF_NAMES.get(zone, 0) * 3600.0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600.0 + int(digits[2:] or 0) * 60.0
    return -seconds if zone[0] == "-" else seconds
