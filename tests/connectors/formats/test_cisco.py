"""Cisco's messages, with the headers that devices write. All sample lines are made up."""

import calendar

import pytest

from connectors.formats import parse_text
from connectors.records import HOST, LEVEL, PID, SERVICE

TEN = float(calendar.timegm((2026, 11, 25, 10, 0, 0)))
LINK = "%LINK-3-UPDOWN: Interface Ethernet1/1, changed state to down"


class TestHeaders:
    @pytest.mark.parametrize(
        ("head", "time", "host"),
        [
            ("", None, None),
            ("3w4d: ", None, None),
            ("*00:00:46.123: ", None, None),
            ("022701: ", None, None),
            ("Nov 25 2026 10:00:00: ", TEN, None),
            ("*Nov 25 2026 10:00:00.500: ", TEN + 0.5, None),
            ("022701: .Nov 25 2026 10:00:00.500 UTC: ", TEN + 0.5, None),
            ("<189>521: sw1: *Nov 25 2026 10:00:00.500: ", TEN + 0.5, "sw1"),
            ("<189>521: sw1: 000522: Nov 25 2026 11:00:00.500 +0100: ", TEN + 0.5, "sw1"),
            ("<166>Nov 25 2026 10:00:00 fw1 : ", TEN, "fw1"),
            ("<166>Nov 25 2026 10:00:00 192.0.2.1 ", TEN, "192.0.2.1"),
            ("<166>Nov 25 2026 10:00:00 2001:db8::1 : ", TEN, "2001:db8::1"),
            ("<190>2026 Nov 25 10:00:00 sw1 ", TEN, "sw1"),
            ("<190>: 2026 Nov 25 11:00:00 CET: ", TEN, None),
            ("<190>: 2026 Nov 25 10:00:00 XYZ: ", TEN, None),
            ("<166>2026-11-25T10:00:00Z fw1 : ", TEN, "fw1"),
            ("2026-11-25T10:00:01Z relay1 521: relay1: *Nov 25 2026 10:00:00: ", TEN, "relay1"),
        ],
    )
    def test_time_and_host(self, head, time, host):
        record = parse_text(head + LINK)
        assert record.format == "cisco"
        assert (record.time, record.fields.get(HOST)) == (time, host)
        assert record.text == LINK
        assert record.message == "Interface Ethernet1/1, changed state to down"

    def test_a_local_time_is_the_topics(self):
        line = "<189>521: sw1: *Nov 25 2026 11:00:00: " + LINK
        assert parse_text(line, zone="Europe/Berlin").time == TEN

    def test_node_and_process_of_ios_xr(self):
        record = parse_text(
            "<189>47: r1 RP/0/RSP1/CPU0:Nov 25 2026 10:00:00.500 UTC: bgp[1051]: %ROUTING-BGP-5-MAXPFX : Many"
        )
        assert record.time == TEN + 0.5
        assert record.text == "bgp: %ROUTING-BGP-5-MAXPFX : Many" and record.message == "Many"
        assert (record.fields[HOST], record.fields[SERVICE], record.fields[PID]) == ("r1", "bgp", "1051")
        assert record.fields["node"] == "RP/0/RSP1/CPU0" and record.fields["facility"] == "ROUTING-BGP"

    @pytest.mark.parametrize(
        "line",
        [
            "the manual explains " + LINK,
            "ana: " + LINK,
            "Nov 25 2026 10:00:00 one two three " + LINK,
            "<999>" + LINK,
            "%LINK-9-UPDOWN: no such level",
            "%LINK-3-UPDOWN and so on",
            "100% of 3-4: sold",
            "x" * 500 + " " + LINK,
        ],
    )
    def test_a_sentence_is_no_header(self, line):
        assert parse_text(line).format != "cisco"


class TestMessages:
    @pytest.mark.parametrize(
        ("digit", "severity"), [(0, 21), (1, 19), (2, 18), (3, 17), (4, 13), (5, 10), (6, 9), (7, 5)]
    )
    def test_the_digit_is_the_severity(self, digit, severity):
        record = parse_text(f"<166>Nov 25 2026 10:00:00: %ASA-{digit}-302013: Built a connection")
        assert record.severity == severity
        assert record.fields["mnemonic"] == "302013" and record.fields["facility"] == "ASA"

    def test_columns(self):
        fields = parse_text("<189>521: sw1: *Nov 25 2026 10:00:00: " + LINK).fields
        assert fields == {
            "facility": "LINK",
            "mnemonic": "UPDOWN",
            LEVEL: "error",
            "syslog.facility": "local7",
            "sequence": "521",
            HOST: "sw1",
        }

    def test_inside_a_header_of_another_kind(self):
        record = parse_text(
            '<166>1 2026-11-25T10:00:00Z fw1 ASA - - [a@1 b="c"] %ASA-6-302013: Built a connection'
        )
        assert record.format == "cisco" and record.fields[HOST] == "fw1" and record.time == TEN
