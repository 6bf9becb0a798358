"""One instant, written the way each log format writes it: UTC, English months whatever the locale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class _Second:
    date: str
    clock: str
    day: int
    month: str
    year: int


@lru_cache(maxsize=16)  # a stream asks for the same second again and again, and never goes back
def _second(second: int) -> _Second:
    at = _EPOCH + timedelta(seconds=second)
    return _Second(
        date=f"{at.year:04d}-{at.month:02d}-{at.day:02d}",
        clock=f"{at.hour:02d}:{at.minute:02d}:{at.second:02d}",
        day=at.day,
        month=_MONTHS[at.month - 1],
        year=at.year,
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant in whole microseconds since the epoch: integers do not drift when they are summed."""

    micros: int

    @property
    def seconds(self) -> float:
        """Seconds since the epoch."""
        return self.micros / 1_000_000

    @property
    def _parts(self) -> tuple[_Second, int]:
        second, micros = divmod(self.micros, 1_000_000)
        return _second(second), micros

    def later(self, micros: int) -> Moment:
        """Return the instant that many microseconds later (earlier when negative)."""
        return Moment(self.micros + micros)

    def counter(self, first: int, period: int) -> int:
        """Return a number that grows by one every `period` microseconds: record ids, audit serials."""
        return first + self.micros % 10**13 // period

    def syslog(self) -> str:
        """RFC 3164: `Mar  1 09:14:07`."""
        at, _ = self._parts
        return f"{at.month} {at.day:2d} {at.clock}"

    def iso_seconds(self) -> str:
        """`2025-03-01T09:14:07Z`."""
        at, _ = self._parts
        return f"{at.date}T{at.clock}Z"

    def iso_millis(self) -> str:
        """`2025-03-01T09:14:07.123Z`."""
        at, micros = self._parts
        return f"{at.date}T{at.clock}.{micros // 1000:03d}Z"

    def iso_micros(self) -> str:
        """`2025-03-01T09:14:07.123456Z`."""
        at, micros = self._parts
        return f"{at.date}T{at.clock}.{micros:06d}Z"

    def access(self) -> str:
        """Web servers' access logs: `01/Mar/2025:09:14:07 +0000`."""
        at, _ = self._parts
        return f"{at.day:02d}/{at.month}/{at.year}:{at.clock} +0000"

    def log4j(self) -> str:
        """Log4j's ISO8601: `2025-03-01 09:14:07,123`."""
        at, micros = self._parts
        return f"{at.date} {at.clock},{micros // 1000:03d}"

    def bind(self) -> str:
        """BIND: `01-Mar-2025 09:14:07.123`."""
        at, micros = self._parts
        return f"{at.day:02d}-{at.month}-{at.year} {at.clock}.{micros // 1000:03d}"

    def audit(self) -> str:
        """Auditd: `1740820447.123`."""
        second, micros = divmod(self.micros, 1_000_000)
        return f"{second}.{micros // 1000:03d}"
