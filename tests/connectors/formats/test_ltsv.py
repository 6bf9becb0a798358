"""Labeled Tab-separated Values. All sample lines are made up."""

import pytest

from connectors.formats import parse, parse_text
from connectors.records import ERROR, INFO, WARN

REQUEST = (
    "time:[25/Nov/2026:11:00:00 +0100]\thost:192.0.2.1\treq:GET /shop?id=7&q=hat HTTP/1.1\tstatus:200\tsize:316"
    "\treferer:-\tua:Browser/9\treqtime:0.02"
)


class TestLtsv:
    def test_a_request(self):
        record = parse_text(REQUEST)
        assert record.format == "ltsv"
        assert record.time == 1795600800
        assert record.severity == INFO
        assert record.text == "req=GET /shop?id=&q= HTTP/1.1 status=200 ua=Browser/9"
        assert record.fields["req"] == "GET /shop?id=7&q=hat HTTP/1.1" and record.fields["size"] == "316"
        assert "referer" not in record.fields
        assert parse_text(REQUEST.replace("200", "502")).severity == ERROR

    def test_any_other_record_keeps_all_its_values(self):
        record = parse_text("time:2026-11-25T10:00:00Z\tmsg:sold: a hat\tcount:2\tseen:123456")
        assert record.text == "msg=sold: a hat count=2 seen=123456" and record.time == 1795600800
        assert record.fields["seen"] == "123456"

    def test_level_and_local_time(self):
        record = parse_text("time:2026-11-25 11:00:00\tlevel:warn\tmsg:low", zone="Europe/Berlin")
        assert record.severity == WARN and record.time == 1795600800

    def test_inside_a_syslog_message(self):
        record = parse(b"<13>Nov 25 10:00:00 web1 shop: a:x\tb:y\tc:z")
        assert record.format == "ltsv" and record.fields["b"] == "y"

    @pytest.mark.parametrize(
        "line",
        [
            "a:1\tb:2",
            "a:1\tb:2\tthe end",
            "a b:1\tc:2\td:3",
            "a:1\tb c:2\td:3",
            "a:1\t\tb:2\tc:3",
            ":1\tb:2\tc:3",
        ],
    )
    def test_another_line_is_raw(self, line):
        assert parse_text(line).format == "raw"
