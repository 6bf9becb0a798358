"""Spellings of times. All sample lines are made up."""

import calendar
import time

import pytest

from connectors.formats import parse, parse_text
from connectors.formats.clock import clock_of
from connectors.formats.times import find_time, parse_time, split_time

MOMENT = calendar.timegm((2024, 1, 2, 3, 4, 5))
"""The time that the sample lines state, in epoch seconds."""

SPELLINGS = [
    "2024-01-02T03:04:05Z ",
    "2024-01-02T03:04:05+00:00 ",
    "2024-01-02T05:04:05+0200: ",
    "2024-01-01T22:04:05-05:00 - ",
    "2024-01-02 05:04:05+02 ",
    "2024-01-02 03:04:05 ",
    "2024-01-02  3:04:05 ",
    "2024-01-02 03:04:05, ",
    "2024/01/02 03:04:05 ",
    "2024.01.02 03:04:05 ",
    "2024-01-02_03:04:05 ",
    "2024-01-02 03:04:05 UTC ",
    "2024-01-02 04:04:05 CET ",
    "2024-01-01 22:04:05 EST ",
    "2024-01-01 19:04:05 -0800 ",
    "2024-01-02T04:04:05+01:00[Europe/Berlin] ",
    "2024-01-02 03:04:05|",
    "[2024-01-02 03:04:05] ",
    "[2024-01-02 03:04:05]",
    "(Tue Jan 02 03:04:05 2024) ",
    "[Tue Jan 02 03:04:05 2024] ",
    "Tue Jan  2 03:04:05 2024 ",
    "Tue Jan  2 03:04:05 UTC 2024 ",
    "Tue, 02 Jan 2024 03:04:05 GMT ",
    "Jan 02 2024 03:04:05 ",
    "Jan 2, 2024 3:04:05 AM ",
    "2 Jan 2024 03:04:05 ",
    "02-Jan-2024 03:04:05.000 ",
    "02Jan2024 03:04:05.000 ",
    "[02/Jan/2024:03:04:05 +0000] ",
    "02.01.2024 03:04:05 ",
    "1/2/2024 3:04:05 AM ",
    "24/01/02 03:04:05 ",
    "240102 030405 ",
    "240102  3:04:05 ",
    "20240102T030405Z ",
    "20240102 03:04:05 ",
    "20240102-03:04:05:000|",
    "2024-01-02-03.04.05.000000 ",
    "1704164645 ",
    "1704164645000\t",
    "1704164645000000 ",
    "1704164645000000000 ",
    "1704164645.000000 ",
    "[1704164645] ",
]


class TestSpellings:
    @pytest.mark.parametrize("stamp", SPELLINGS)
    def test_a_leading_timestamp_is_read_and_removed(self, stamp):
        record = parse(f"{stamp}disk sdb is slow".encode())
        assert (record.text, record.time, record.format) == ("disk sdb is slow", MOMENT, "raw")

    def test_the_times_of_alerts(self, at):
        at(2024, 1, 3)
        for stamp in ("01/02/2024-03:04:05.000000", "01/02-03:04:05.000000"):
            record = parse(f"{stamp}  [**] [1:2100498:7] attack response [**] {{TCP}} 192.0.2.7:80".encode())
            assert record.time == MOMENT
            assert record.text == "attack response [**] {TCP} 192.0.2.7:80"
            assert record.fields == {"header": "1:2100498:7"}

    @pytest.mark.parametrize("stamp", ["01-02 03:04:05.000 ", "[01.02 03:04:05] ", "Jan  2 03:04:05 "])
    def test_one_without_a_year(self, stamp, at):
        at(2024, 1, 3)
        record = parse(f"{stamp}disk sdb is slow".encode())
        assert (record.text, record.time) == ("disk sdb is slow", MOMENT)

    @pytest.mark.parametrize(
        "stamp",
        ["2024-01-02 03:04:05,250", "1704164645.25", "1704164645250", "2024-01-02T03:04:05.250000Z"],
    )
    def test_fractions_of_a_second_are_kept(self, stamp):
        assert parse(f"{stamp} disk is slow".encode()).time == MOMENT + 0.25

    def test_seconds_may_be_missing(self):
        assert parse_time("2024-01-02T03:04Z") == MOMENT - 5

    def test_noon_and_midnight(self):
        assert parse_time("Jan 2, 2024 12:04:05 AM") == MOMENT - 3 * 3600
        assert parse_time("Jan 2, 2024 12:04:05 PM") == MOMENT + 9 * 3600
        assert parse_time("1/2/2024 3:04:05 PM") == MOMENT + 12 * 3600

    @pytest.mark.parametrize(
        "value",
        [
            *("2024-13-02 03:04:05", "2024-02-30 03:04:05", "2024-01-02 24:04:05", "2024-01-02 03:04:61"),
            *("Foo 02 2024 03:04:05", "240230 030405", "13/1/2024 3:04:05 AM", "Jan 2, 2024 13:04:05 PM"),
            *("9999999999999999999", "12345", "170416464", "1704164645x", "", "x", "2024-01-02T03:04:05X"),
        ],
    )
    def test_what_is_no_time(self, value):
        assert parse_time(value) is None

    def test_a_time_is_found_within_a_text(self):
        found = find_time("at 2024-01-02T03:04:05Z, then", 3)
        assert (found.time, found.end, found.is_syslog) == (MOMENT, 23, True)

    def test_a_line_is_split_behind_its_time(self):
        assert split_time("[2024-01-02 03:04:05] - x") == (MOMENT, "- x", False)
        assert split_time("no time") == (None, "no time", False)
        assert split_time("[2024-01-02 03:04:05 x") == (None, "[2024-01-02 03:04:05 x", False)


class TestZones:
    BERLIN = "Europe/Berlin"

    @pytest.mark.parametrize(
        "stamp",
        ["2024-01-02 04:04:05", "02.01.2024 04:04:05", "240102 040405", "Tue Jan 02 04:04:05 2024"],
    )
    def test_a_time_without_a_zone_is_the_topics(self, stamp):
        assert parse_text(f"{stamp} disk is slow", zone=self.BERLIN).time == MOMENT
        assert parse_text(f"{stamp} disk is slow").time == MOMENT + 3600

    @pytest.mark.parametrize("stamp", ["2024-01-02 03:04:05Z", "1704164645", "2024-01-02 03:04:05 UTC"])
    def test_a_time_that_states_one_is_not(self, stamp):
        assert parse_text(f"{stamp} disk is slow", zone=self.BERLIN).time == MOMENT

    def test_headers_and_syslog_too(self, at):
        at(2024, 1, 3)
        java = "2024-01-02 04:04:05,000 INFO [main] org.example.Shop: x"
        for line in (java, "<38>Jan  2 04:04:05 gate1 app: x", "[Tue Jan 02 04:04:05 2024] [error] x"):
            assert parse_text(line, zone=self.BERLIN).time == MOMENT

    @pytest.mark.parametrize(
        ("local", "utc"),
        [
            ("2024-03-31 01:59:00", (2024, 3, 31, 0, 59)),
            ("2024-03-31 02:30:00", (2024, 3, 31, 1, 30)),
            ("2024-03-31 03:00:00", (2024, 3, 31, 1, 0)),
            ("2024-10-27 01:59:00", (2024, 10, 26, 23, 59)),
            ("2024-10-27 02:30:00", (2024, 10, 27, 0, 30)),
            ("2024-10-27 03:00:00", (2024, 10, 27, 2, 0)),
        ],
        ids=[
            "before the gap",
            "in the gap",
            "after it",
            "before the fold",
            "in the fold: the first",
            "after it",
        ],
    )
    def test_summer_time_begins_and_ends(self, local, utc):
        assert parse_time(local, clock_of(self.BERLIN)) == calendar.timegm((*utc, 0))

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "/etc/passwd", "\x00", "CEST2"])
    def test_an_unknown_zone_is_refused(self, zone):
        with pytest.raises(ValueError, match="unknown time zone"):
            clock_of(zone)

    def test_two_zones_do_not_mix(self):
        line = "2024-01-02 03:04:05 x"
        zones = [self.BERLIN, "UTC", "America/New_York"] * 2
        assert [parse_text(line, zone=zone).time - MOMENT for zone in zones] == [-3600, 0, 18000] * 2


class TestYears:
    @pytest.mark.parametrize(
        ("now", "stamp", "expected"),
        [
            ((2024, 1, 3), "Jan  2 03:04:05", (2024, 1, 2, 3, 4, 5)),
            ((2024, 1, 3), "Dec 31 23:59:59", (2023, 12, 31, 23, 59, 59)),
            ((2024, 1, 3), "Jan  4 00:00:00", (2024, 1, 4)),
            ((2024, 1, 3), "Jan  4 00:01:00", (2023, 1, 4, 0, 1)),
            ((2023, 12, 31, 23), "Jan  1 00:30:00", (2024, 1, 1, 0, 30)),
            ((2023, 3, 1), "Feb 29 00:00:00", (2020, 2, 29)),
            ((2024, 3, 1), "Feb 29 00:00:00", (2024, 2, 29)),
            ((2103, 3, 1), "Feb 29 00:00:00", (2096, 2, 29)),
        ],
        ids=[
            *("this year", "last year", "a day ahead", "more than a day ahead", "ahead over new year"),
            *("leap day of an earlier year", "leap day", "leap day over 2100"),
        ],
    )
    def test_the_latest_that_is_at_most_a_day_ahead(self, at, now, stamp, expected):
        at(*now)
        assert parse_time(stamp) == calendar.timegm((*expected, 0, 0, 0)[:6])

    def test_the_year_turns_while_a_worker_runs(self, at):
        at(2023, 6, 1)
        assert parse_time("Jul  1 12:00:00") == calendar.timegm((2022, 7, 1, 12, 0, 0))
        at(2023, 7, 2)
        assert parse_time("Jul  1 12:00:00") == calendar.timegm((2023, 7, 1, 12, 0, 0))

    def test_the_real_clock_is_exceeded_by_a_day_at_most(self):
        for month in ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]:
            assert parse(f"{month} 15 12:00:00 gate1 app: x".encode()).time <= time.time() + 86_460
