"""Plain text, with a time in front or without. All sample lines are made up."""

import calendar

import pytest

from connectors.formats import parse

MOMENT = calendar.timegm((2024, 1, 2, 3, 4, 5))
"""The time that most sample lines state, in epoch seconds."""


class TestRawText:
    def test_a_timestamp_with_unclear_day_and_month_is_removed_but_not_read(self):
        record = parse(b"03/04/2024 05:06:07 disk is slow")
        assert (record.text, record.time) == ("disk is slow", None)

    @pytest.mark.parametrize(
        "line",
        [
            "2024-13-45 03:04:05 x",
            "991399 203615 x",
            "9999999999 x",
            "2024-01-02 25:00:00 x",
            "Feb 31 2024 10:00:00 x",
            "12 monkeys",
            "1704164645x",
            "Jungle 14 x",
            "at line 3",
            "(a) = (b)",
            "2024-01-02",
        ],
    )
    def test_what_only_resembles_a_timestamp_stays(self, line):
        record = parse(line.encode())
        assert (record.text, record.time, record.format) == (line, None, "raw")

    def test_a_line_that_is_only_a_timestamp_keeps_it(self):
        record = parse(b"2024-01-02 03:04:05")
        assert (record.text, record.time) == ("2024-01-02 03:04:05", MOMENT)

    def test_raw_text_has_no_fields_and_no_error(self):
        record = parse(b"the quick brown fox")
        assert (record.fields, record.parse_error) == ({}, None)

    def test_blanks_in_front_stay_unless_a_header_follows(self):
        assert parse(b"    at org.example.Shop.sell").text == "    at org.example.Shop.sell"
        assert parse(b"  2024-01-02 03:04:05 disk is slow").text == "disk is slow"


class TestHeaderAndPayload:
    def test_a_payload_gives_the_format_and_the_header_its_columns(self):
        record = parse(b'2024-01-02 03:04:05,678 WARN [main] org.example.Shop: {"event":"sold","level":"x"}')
        assert (record.format, record.text, record.severity) == ("json", "event=sold level=x", 13)
        assert record.fields == {
            "event": "sold",
            "level": "x",
            "otel.scope.name": "org.example.Shop",
            "thread.name": "main",
        }
        assert record.time == MOMENT + 0.678

    def test_a_line_of_a_header_alone_keeps_it(self):
        record = parse(b"2024-01-02 03:04:05 ERROR")
        assert (record.text, record.severity) == ("2024-01-02 03:04:05 ERROR", 17)

    @pytest.mark.parametrize(
        ("line", "severity"),
        [
            ("error: no such file", 17),
            ("Warning: deprecated", 13),
            ("ERROR 7 occurred", 17),
            ("Info desk", 0),
        ],
    )
    def test_a_level_that_could_be_the_messages_stays_and_counts(self, line, severity):
        record = parse(line.encode())
        assert (record.text, record.severity) == (line, severity)
