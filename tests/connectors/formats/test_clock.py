"""Which times are believed, and what a clock keeps."""

import calendar

import pytest

from connectors.formats import clock
from connectors.formats.clock import DAY, believed, clock_of

NOW = float(calendar.timegm((2026, 11, 25, 10, 0, 0)))
RECEIVED = NOW - 5


class TestBelieved:
    @pytest.mark.parametrize(
        ("stated", "counts"),
        [
            (NOW - 60, NOW - 60),
            (NOW - 5 * 365 * DAY, NOW - 5 * 365 * DAY),
            (NOW + 1, NOW),
            (NOW + DAY, NOW),
            (NOW + DAY + 1, RECEIVED),
            (NOW + 1e9, RECEIVED),
            (0.0, RECEIVED),
            (-1.0, RECEIVED),
            (86_400.0 * 365, RECEIVED),
            (None, RECEIVED),
        ],
        ids=[
            *("a minute ago", "years ago", "just ahead", "a day ahead", "more than a day ahead", "far ahead"),
            *("a clock at its beginning", "before it", "a clock never set", "no time"),
        ],
    )
    def test_what_a_line_says(self, stated, counts):
        assert believed(stated, RECEIVED, NOW) == counts


def test_a_clock_keeps_a_bounded_number_of_minutes(monkeypatch):
    monkeypatch.setattr(clock, "_REMEMBERED", 100)
    local = clock_of("Asia/Tokyo")
    for number in range(1_000):
        assert local.minute(f"2024-01-02 {number // 60:02}:{number % 60:02}", "YMDhm") is not None
        assert len(local.minutes) <= 100
