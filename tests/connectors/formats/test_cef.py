"""CEF and LEEF. All sample lines are made up."""

import calendar

import pytest

from connectors.formats import parse

MOMENT = calendar.timegm((2024, 1, 2, 3, 4, 5))
"""The time that most sample lines state, in epoch seconds."""


class TestCefAndLeef:
    def test_cef_header_and_extension(self):
        record = parse(
            rb"CEF:0|Acme\|Co|Wall|1.2|100|Port scan|5|src=192.0.2.1 msg=many ports, a\=b"
            rb" rt=1704164645000 fname=a\\b"
        )
        assert record.fields == {
            "deviceVendor": "Acme|Co",
            "deviceProduct": "Wall",
            "deviceVersion": "1.2",
            "signatureId": "100",
            "name": "Port scan",
            "severity": "5",
            "src": "192.0.2.1",
            "msg": "many ports, a=b",
            "rt": "1704164645000",
            "fname": "a\\b",
        }
        assert record.time == MOMENT
        assert record.text.endswith("severity=5 src=192.0.2.1 msg=many ports, a=b fname=a\\b")

    def test_cef_without_an_extension(self):
        assert parse(b"CEF:0|Acme|Wall|1.2|100|Port scan|5").fields["severity"] == "5"

    def test_escaped_line_breaks_in_cef_values(self):
        assert parse(rb"CEF:0|a|b|c|d|e|f|msg=one\ntwo\rthree").fields["msg"] == "one\ntwo\rthree"

    def test_at_most_200_cef_fields_are_kept(self):
        extension = " ".join(f"k{number}=v" for number in range(300))
        assert len(parse(f"CEF:0|a|b|c|d|e|f|{extension}".encode()).fields) == 200

    @pytest.mark.parametrize(
        ("version", "delimiter"),
        [("1.0|", "\t"), ("2.0|", "\t"), ("2.0|^|", "^"), ("2.0|x7C|", "|"), ("1.0|", " ")],
    )
    def test_leef_with_each_delimiter(self, version, delimiter):
        version, _, declared = version.partition("|")
        pairs = delimiter.join(["src=192.0.2.1", "cat=scan", "usrName=eve"])
        record = parse(f"LEEF:{version}|Acme|Wall|1.2|77|{declared}{pairs}".encode())
        assert record.format == "leef"
        assert (
            record.text
            == "vendor=Acme product=Wall version=1.2 eventId=77 src=192.0.2.1 cat=scan usrName=eve"
        )

    @pytest.mark.parametrize("line", ["CEF:0|Acme|Wall", "LEEF:1.0|Acme"])
    def test_an_incomplete_header_is_raw_with_an_error(self, line):
        record = parse(line.encode())
        assert (record.format, record.text) == ("raw", line)
        assert record.parse_error.startswith("invalid")
