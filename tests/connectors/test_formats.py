"""What `connectors.formats.parse` promises. All sample lines are made up."""

import calendar
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats import FORMATS, MAX_PARSED_BYTES, parse
from connectors.records import Record

MOMENT = calendar.timegm((2024, 1, 2, 3, 4, 5))
"""The time that most sample lines state, in epoch seconds."""


def epoch(*parts):
    return float(calendar.timegm((*parts, 0, 0, 0)[:6]))


@pytest.fixture
def at(monkeypatch):
    """Sets the clock that a time without a year is read against."""

    def set_clock(*parts):
        now = epoch(*parts)
        monkeypatch.setattr("connectors.formats.times.time.time", lambda: now)
        return now

    return set_clock


class TestAnyValue:
    @pytest.mark.parametrize("value", [None, b"", b"\n", b"\r\n", b"  \t", b"\xef\xbb\xbf"])
    def test_nothing_in_the_value_is_an_empty_record(self, value):
        assert parse(value) == Record(text="", format="raw", parse_error="empty value")

    def test_invalid_utf8_is_kept_as_replacement_characters(self):
        assert parse(b"caf\xe9 closed").text == "caf\ufffd closed"

    def test_nul_characters_become_replacement_characters(self):
        assert parse(b"a\x00b").text == "a\ufffdb"
        assert parse(b'{"a":"x\x00y"}').fields == {"a": "x\ufffdy"}
        escaped = parse(rb'{"a":"x\u0000y","b":["\u0000","z"]}')
        assert escaped.fields == {"a": "x\ufffdy", "b": "\ufffd,z"}
        assert "\x00" not in escaped.text

    def test_byte_order_mark_and_line_end_are_removed(self):
        assert parse(b"\xef\xbb\xbfhello there\r\n").text == "hello there"

    def test_a_long_line_is_cut_and_flagged(self):
        record = parse(b"word " * 100, max_text=42)
        assert len(record.text) == 42
        assert record.cut
        assert not parse(b"word " * 8, max_text=42).cut

    @pytest.mark.parametrize("unit", [b"x", "é".encode(), "🔥".encode()])
    def test_five_megabytes_become_exactly_the_first_characters(self, unit):
        record = parse(unit * (5_000_000 // len(unit)))
        assert record.text == unit.decode() * 65_536
        assert record.cut
        assert "over the parsing limit" in record.parse_error

    def test_an_oversize_line_is_cut_before_it_is_parsed(self):
        record = parse(b'{"a":"' + b"x" * MAX_PARSED_BYTES + b'"}')
        assert (record.format, record.fields, record.cut) == ("raw", {}, True)

    def test_json_longer_than_the_text_limit_is_parsed_whole(self):
        record = parse(b'{"a":"' + b"x" * 70_000 + b'","b":"y"}')
        assert record.format == "json"
        assert record.fields["b"] == "y"
        assert len(record.fields["a"]) == 70_000
        assert not record.cut  # the text holds 256 characters of the value

    @pytest.mark.parametrize(
        "value",
        [b"<13>", b"<999>hello", b"<13", b"<13>1 - - - - - -", b"CEF:0|a", b"LEEF:", b"{", b"[", b"="],
    )
    def test_a_header_alone_still_has_text(self, value):
        assert parse(value).text

    def test_a_negative_limit_is_refused(self):
        with pytest.raises(ValueError, match="-1"):
            parse(b"x", max_text=-1)

    def test_a_parsers_own_mistake_does_not_lose_the_line(self, monkeypatch):
        def broken(_line):
            raise KeyError("oops")

        monkeypatch.setattr("connectors.formats.structured.parse_json", broken)
        record = parse(b'{"a":1}')
        assert record.text == '{"a":1}'
        assert record.parse_error == "KeyError: 'oops'"


class TestProperties:
    STARTS = st.sampled_from(
        [
            b"",
            b"{",
            b'{"a":',
            b"<34>",
            b"<34>1 - h p - - [x",
            b"CEF:0|a|b|c|d|e|f|",
            b"LEEF:2.0|a|b|c|d|^|",
            b"Jun 14 15:16:01 ",
            b"2024-01-02T03:04:05Z ",
            b"type=X msg=audit(1.1:2): ",
            b"a=1 b=2 c=",
            b"[",
            b'1 - - [10/Oct/2023:13:55:36 +0000] "',
            b"1700000000 ",
            b"081109 203615 ",
        ]
    )
    WILD = st.one_of(st.binary(), st.text(alphabet="a1 =\"\\{}[]|:,()<>-.'\n\x00é").map(lambda s: s.encode()))

    @given(start=STARTS, rest=WILD, max_text=st.integers(0, 50))
    def test_any_bytes_give_a_record_within_the_limit(self, start, rest, max_text):
        record = parse(start + rest, max_text=max_text)
        assert len(record.text) <= max_text
        assert record.format in FORMATS
        assert all(isinstance(value, str) for value in record.fields.values())
        (record.text + "".join(record.fields)).encode()  # no lone surrogate
        assert "Error:" not in (record.parse_error or "")  # no parser stumbled
        assert "\x00" not in record.text
        assert record.time is None or isinstance(record.time, float)

    LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text())
    OBJECTS = st.dictionaries(
        st.text(),
        st.recursive(
            LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
        ),
    )

    @given(OBJECTS)
    def test_any_json_object_is_json(self, value):
        record = parse(orjson.dumps(value))
        assert (record.format, record.parse_error) == ("json", None)

    @given(st.binary(min_size=1))
    def test_a_line_with_content_has_text(self, value):
        record = parse(value)
        assert record.text or record.parse_error == "empty value"

    @pytest.mark.parametrize(
        "value",
        [
            b"a=1 b=2 c=3 " + b"a='x " * 12_000,
            b"a=1 b=2 c=3 " + b"a=( " * 15_000,
            b'a=1 b=2 c=3 d="' + b'\\"' * 30_000,
            b"a=1 " * 15_000,
            b"a." * 30_000 + b"=",
            b"CEF:0|" + b"\\" * 60_000,
            b"CEF:0|a|b|c|d|e|f|" + b" " * 60_000,
            b"CEF:0|a|b|c|d|e|f|" + b"a= " * 20_000,
            b"<34>1 - - - - - " + b'[a b="' * 10_000,
            b"<34>1 - - - - - [a" + b' b="c"' * 10_000,
            b"<34>" + b"h" * 60_000,
            b"<34>Jun 14 15:16:01 h" + b" " * 60_000,
            b"2024-01-02 03:04:05" + b" " * 60_000,
            b'1 - - [10/Oct/2023:13:55:36 +0000] "' + b'\\"' * 30_000,
            b'1 - - [10/Oct/2023:13:55:36 +0000] "' + b'" "' * 20_000,
            b'{"a":[' + b'{"b":1},' * 7_000 + b"1]}",
            b"[" * 60_000,
        ],
    )
    def test_hostile_lines_of_sixty_thousand_characters_finish(self, value):
        assert parse(value).text


class TestRawText:
    @pytest.mark.parametrize(
        "stamp",
        [
            "2024-01-02T03:04:05Z ",
            "2024-01-02T03:04:05+00:00 ",
            "2024-01-02T05:04:05+0200: ",
            "2024-01-01T22:04:05-05:00 - ",
            "2024-01-02 03:04:05 ",
            "2024-01-02 03:04:05, ",
            "2024/01/02 03:04:05 ",
            "2024-01-02 03:04:05 UTC ",
            "2024-01-02 03:04:05|",
            "[2024-01-02 03:04:05] ",
            "[2024-01-02 03:04:05]",
            "[Tue Jan 02 03:04:05 2024] ",
            "Tue Jan  2 03:04:05 2024 ",
            "Jan 02 2024 03:04:05 ",
            "2 Jan 2024 03:04:05 ",
            "02-Jan-2024 03:04:05.000 ",  # BIND
            "[02/Jan/2024:03:04:05 +0000] ",
            "240102 030405 ",
            "1704164645 ",
            "1704164645000\t",
            "[1704164645] ",
        ],
    )
    def test_a_leading_timestamp_is_read_and_removed(self, stamp):
        record = parse(f"{stamp}disk sdb is slow".encode())
        assert (record.text, record.time, record.format) == ("disk sdb is slow", MOMENT, "raw")

    @pytest.mark.parametrize(
        "stamp", ["2024-01-02 03:04:05,250", "1704164645.25", "2024-01-02T03:04:05.250000Z"]
    )
    def test_fractions_of_a_second_are_kept(self, stamp):
        assert parse(f"{stamp} disk is slow".encode()).time == MOMENT + 0.25

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
            "[error] x",
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


class TestJson:
    def test_nested_objects_become_dotted_fields_and_short_keys_in_the_text(self):
        record = parse(b'{"user":{"name":"eve","groups":["ops","dev"]},"ok":true,"ratio":0.5}')
        assert record.fields == {
            "user.name": "eve",
            "user.groups": "ops,dev",
            "ok": "true",
            "ratio": "0.5",
        }
        assert record.text == "name=eve groups=ops,dev ok=true ratio=0.5"
        assert record.format == "json"

    def test_objects_in_a_list_share_one_name(self):
        record = parse(b'{"rule":[{"id":"a"},{"id":"b"},"c"]}')
        assert record.fields == {"rule.id": "a,b", "rule": "c"}

    @pytest.mark.parametrize(
        "pair",
        [
            '"time":"noon"',
            '"@timestamp":"x"',
            '"eventTime":"x"',
            '"ts":1.5',
            '"date":"today"',
            '"x":"2024-01-02"',
            '"x":"2024-01-02T03:04:05.123Z"',
            '"x":"2024-01-02 03:04:05"',
            '"x":"5f0c7a52-1b7e-4d7e-9f3c-0a1b2c3d4e5f"',
            '"x":"{5F0C7A52-1B7E-4D7E-9F3C-0A1B2C3D4E5F}"',
            '"x":"0123456789abcdef"',
            '"x":12345',
            '"x":"-98765"',
            '"x":""',
            '"x":null',
            '"x":["12345","67890"]',
        ],
    )
    def test_volatile_and_empty_values_are_fields_but_not_text(self, pair):
        record = parse(f'{{"event":"login",{pair}}}'.encode())
        assert record.text == "event=login"
        assert len(record.fields) == 2

    @pytest.mark.parametrize(
        "value", ["1234", "0123456789abcde", "4.5", "v2024-01-02", "runtime", "12345 bytes"]
    )
    def test_stable_values_stay_in_the_text(self, value):
        assert parse(orjson.dumps({"x": value})).text == f"x={value}"

    def test_a_record_of_volatile_values_only_shows_its_names(self):
        assert parse(b'{"uptime":123456,"host":{"id":9876543}}').text == "uptime= id="

    def test_text_values_are_cut_to_256_characters_and_fields_are_whole(self):
        record = parse(orjson.dumps({"m": "é" * 300}))
        assert record.text == "m=" + "é" * 256
        assert record.fields["m"] == "é" * 300

    def test_at_most_200_fields_and_32_levels_are_kept(self):
        many = parse(orjson.dumps({f"k{number}": "v" for number in range(300)}))
        assert len(many.fields) == 200
        deep = parse(b'{"a":' * 31 + b'{"x":1}' + b"}" * 31)
        assert deep.fields == {"a." * 31 + "x": "1"}
        assert parse(b'{"a":' * 32 + b'{"x":1}' + b"}" * 32).fields == {}

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ('"2024-01-02T03:04:05Z"', 0),
            ('"2024-01-02T03:04:05.5+00:00"', 0.5),
            ("1704164645", 0),
            ("1704164645500", 0.5),
            ("1704164645.5", 0.5),
            ('"1704164645500"', 0.5),
        ],
    )
    def test_the_events_time_is_read(self, value, seconds):
        assert parse(f'{{"id":7,"timestamp":{value}}}'.encode()).time == MOMENT + seconds

    @pytest.mark.parametrize(
        "line",
        ['{"a":1', "{a:1}", '{"a":1} tail', "{}}", '{"a":' * 10_000 + "1" + "}" * 10_000, '{"a":"\\ud800"}'],
    )
    def test_a_brace_without_valid_json_is_raw_with_an_error(self, line):
        record = parse(line.encode())
        assert (record.format, record.text, record.fields) == ("raw", line, {})
        assert record.parse_error.startswith("invalid JSON")

    @pytest.mark.parametrize("line", ["[1,2]", "42", '"text"', "null", '[{"a":1}]'])
    def test_json_that_is_no_object_is_raw(self, line):
        record = parse(line.encode())
        assert (record.format, record.text, record.parse_error) == ("raw", line, None)

    def test_json_may_follow_a_timestamp_or_blanks(self):
        record = parse(b'2024-01-02T03:04:05Z {"a":"b"}')
        assert (record.format, record.time, record.text) == ("json", MOMENT, "a=b")
        assert parse(b'  {"a":"b"}').format == "json"
        assert parse(b"2024-01-02T03:04:05Z {a} b").parse_error is None


class TestLogfmt:
    def test_quoted_bare_and_parenthesised_values_are_read(self):
        record = parse(b'level=warn msg="queue \\"a\\" full" mode=\'read only\' peer=(two hosts) n=3,')
        assert record.format == "logfmt"
        assert record.fields == {
            "level": "warn",
            "msg": 'queue "a" full',
            "mode": "read only",
            "peer": "(two hosts)",
            "n": "3",
        }

    def test_the_text_leaves_out_volatile_values_and_keeps_the_order(self):
        record = parse(b"time=2024-01-02T03:04:05Z level=info bytes=123456 path=/v1/x empty= code=200")
        assert record.text == "level=info path=/v1/x code=200"
        assert record.time == MOMENT
        assert record.fields["empty"] == ""

    def test_date_and_time_in_two_fields_are_one_time(self):
        assert parse(b"date=2024-01-02 time=03:04:05 dev=fw1 act=deny").time == MOMENT

    def test_words_between_the_pairs_are_kept(self):
        record = parse(b"level=info component=scheduler worker=alpha retry now attempt=3")
        assert record.text == "level=info component=scheduler worker=alpha attempt=3 retry now"
        assert record.fields["words"] == "retry now"

    @pytest.mark.parametrize(
        "line",
        [
            "a=1 b=2",
            "x=1 y=2 z=3 " + "then a long sentence follows " * 3,
            "sum a=1 b=2 c=3",
            "if (a==b) c=d",
            "====",
        ],
    )
    def test_fewer_pairs_or_mostly_other_text_is_raw(self, line):
        assert parse(line.encode()).format == "raw"

    def test_an_audit_record_has_its_time_and_no_serial_in_the_text(self):
        record = parse(
            b'type=SYSCALL msg=audit(1704164645.250:99): syscall=59 a0=2F62 exit=0 comm="tar" key=(null)'
        )
        assert record.format == "logfmt"
        assert record.text == "type=SYSCALL syscall=59 a0=2F62 exit=0 comm=tar key=(null)"
        assert record.time == MOMENT + 0.25
        assert record.fields["msg"] == "audit(1704164645.250:99):"

    def test_an_audit_records_inner_message_gives_dotted_fields(self):
        record = parse(
            b"type=USER_AUTH msg=audit(1704164645.0:7): pid=8 msg='op=PAM:auth acct=\"eve\" res=failed'"
        )
        assert record.text == "type=USER_AUTH pid=8 op=PAM:auth acct=eve res=failed"
        assert record.fields["msg.acct"] == "eve"

    def test_hex_encoded_audit_fields_are_decoded(self):
        title = b"ls\0-la".hex().upper()
        assert (
            parse(f"type=PROCTITLE msg=audit(1.5:7): proctitle={title}".encode()).fields["proctitle"]
            == "ls -la"
        )
        record = parse(b"type=EXECVE msg=audit(1.5:7): argc=2 a0=6C73 a1=2D6C")
        assert record.text == "type=EXECVE argc=2 a0=ls a1=-l"

    def test_an_audit_record_without_fields_is_still_one(self):
        assert parse(b"type=EOE msg=audit(1704164645.0:7):").text == "type=EOE"


class TestRfc3164:
    def test_header_fields_are_columns_and_the_text_is_program_and_message(self, at):
        at(2024, 6, 15)
        record = parse(b"<38>Jun 14 15:16:01 gate1 sshd[421]: Accepted key for eve")
        assert record == Record(
            text="sshd: Accepted key for eve",
            format="rfc3164",
            fields={
                "host.name": "gate1",
                "service.name": "sshd",
                "process.pid": "421",
                "facility": "auth",
                "severity": "info",
            },
            time=epoch(2024, 6, 14, 15, 16, 1),
        )

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("Jun 14 15:16:01 gate1 su(pam_unix)[42]: session opened", "su(pam_unix): session opened"),
            ("Jun  4 15:16:01 gate1 kernel: link is up", "kernel: link is up"),
            ("2024-01-02T03:04:05.678901+00:00 gate1 cron[3]: job started", "cron: job started"),
            ("Jun 14 15:16:01 gate1 Web Browser[42]: page crashed", "Web Browser: page crashed"),
            ("Jun 14 15:16:01 gate1 last message repeated 3 times", "last message repeated 3 times"),
            ("Jun 14 15:16:01 192.0.2.8 link is up", "link is up"),
            ("Jun 14 15:16:01 gate1 app[1]: 2024-01-02 03:04:05 job started", "app: job started"),
        ],
    )
    def test_lines_of_a_daemons_file_have_no_priority(self, line, text):
        record = parse(line.encode())
        assert (record.format, record.text) == ("rfc3164", text)
        assert "severity" not in record.fields

    @pytest.mark.parametrize(
        ("line", "text", "fields"),
        [
            ("<13>agent: ready", "agent: ready", {"service.name": "agent"}),
            ("<13>ready", "ready", {}),
            ("<13> Jun 14 15:16:01 gate1 %LINK up: port 4", "%LINK up: port 4", {"host.name": "gate1"}),
            ("<13>Jun 14 15:16:01 gate1 link is up", "link is up", {"host.name": "gate1"}),
            ("<13>Jun 14 15:16:01 agent: ready", "agent: ready", {"service.name": "agent"}),
            ("<13>Jun 14 15:16:01 gate1 agent:", "agent", {"service.name": "agent"}),
        ],
    )
    def test_parts_of_the_header_may_be_missing(self, line, text, fields):
        record = parse(line.encode())
        assert (record.format, record.text) == ("rfc3164", text)
        assert fields.items() <= record.fields.items()
        assert record.fields["severity"] == "notice"

    @pytest.mark.parametrize(
        "line",
        [
            "<192>Jun 14 15:16:01 h p: m",
            "<a>b",
            "<Event/>",
            "2024-01-02T03:04:05Z INFO main: started",
            "2024-01-02T03:04:05Z [INFO] core: started",
            "Jun 14 15:16:01 nothing else here",
        ],
    )
    def test_other_lines_are_raw(self, line):
        record = parse(line.encode())
        assert (record.format, record.parse_error) == ("raw", None)

    @pytest.mark.parametrize(
        ("now", "stamp", "expected"),
        [
            ((2024, 1, 3), "Jan  2 03:04:05", (2024, 1, 2, 3, 4, 5)),
            ((2024, 1, 3), "Dec 31 23:59:59", (2023, 12, 31, 23, 59, 59)),
            ((2023, 3, 1), "Feb 29 00:00:00", (2020, 2, 29)),
            ((2024, 1, 3), "Jan  3 05:00:00", (2024, 1, 3)),
            ((2023, 12, 31, 23), "Jan  1 00:30:00", (2023, 12, 31, 23)),
        ],
        ids=["this year", "last year", "leap day", "clock ahead means now", "clock ahead over new year"],
    )
    def test_the_year_is_the_latest_that_is_not_in_the_future(self, at, now, stamp, expected):
        at(*now)
        assert parse(f"{stamp} gate1 app: x".encode()).time == epoch(*expected)

    def test_the_real_clock_is_never_exceeded(self):
        for month in ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]:
            assert parse(f"{month} 15 12:00:00 gate1 app: x".encode()).time <= time.time()


class TestRfc5424:
    def test_header_structured_data_and_message(self):
        record = parse(
            b'<165>1 2024-01-02T03:04:05.25Z gate1 app 77 ID9 [ex@9 a="1" b="x \\"y\\" \\]"][z q=""] '
            b"\xef\xbb\xbfhello"
        )
        assert record == Record(
            text="app: hello",
            format="rfc5424",
            fields={
                "host.name": "gate1",
                "service.name": "app",
                "process.pid": "77",
                "facility": "local4",
                "severity": "notice",
                "msgid": "ID9",
                "ex@9.a": "1",
                "ex@9.b": 'x "y" ]',
                "z.q": "",
            },
            time=MOMENT + 0.25,
        )

    def test_dashes_stand_for_nothing(self):
        record = parse(b"<14>1 - - - - - - hello")
        assert (record.text, record.time) == ("hello", None)
        assert record.fields == {"facility": "user", "severity": "info"}

    def test_without_a_message_the_structured_data_is_the_text(self):
        assert parse(b'<14>1 - fw1 app - - [s a="drop" n="123456"]').text == "app: a=drop"

    def test_broken_structured_data_stays_in_the_message(self):
        assert parse(b'<14>1 - fw1 app - - [s a="drop').text == 'app: [s a="drop'


class TestPayloadInSyslog:
    def test_json_gives_its_fields_beside_the_headers(self):
        record = parse(b'<14>Jun 14 15:16:01 gate1 app[5]: {"event":"login","host":"inner","id":123456}')
        assert (record.format, record.text) == ("json", "app: event=login host=inner")
        assert record.fields == {
            "host.name": "gate1",
            "service.name": "app",
            "process.pid": "5",
            "facility": "user",
            "severity": "info",
            "event": "login",
            "host": "inner",
            "id": "123456",
        }

    @pytest.mark.parametrize(
        "header",
        [
            "<14>Jun 14 15:16:01 gate1 ",
            "Jun 14 15:16:01 gate1 ",
            "<14>1 2024-01-02T03:04:05Z gate1 - - - - ",
            "2024-01-02T03:04:05Z gate1 ",
        ],
    )
    def test_cef_without_a_program(self, header):
        record = parse(f"{header}CEF:0|Acme|Wall|1|9|Scan|5|src=192.0.2.1 act=deny".encode())
        assert record.format == "cef"
        assert record.fields["host.name"] == "gate1"
        assert record.fields["src"] == "192.0.2.1"
        assert record.text.startswith("deviceVendor=Acme")

    def test_an_access_line_and_logfmt(self):
        access = parse(
            b'Jun 14 15:16:01 h nginx: 192.0.2.1 - - [02/Jan/2024:03:04:05 +0000] "GET / HTTP/1.1" 200 5'
        )
        assert (access.format, access.text) == ("access", "nginx: method=GET path=/ status=200")
        logfmt = parse(b"Jun 14 15:16:01 h dockerd[9]: time=2024-01-02T03:04:05Z level=info msg=ready")
        assert (logfmt.format, logfmt.text) == ("logfmt", "dockerd: level=info msg=ready")

    def test_a_broken_payload_is_a_plain_message(self):
        record = parse(b"<14>Jun 14 15:16:01 gate1 app: {oops")
        assert (record.format, record.text, record.parse_error) == ("rfc3164", "app: {oops", None)


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


class TestAccessLines:
    def test_combined_format(self):
        record = parse(
            b'192.0.2.9 - eve [02/Jan/2024:04:04:05 +0100] "GET /shop?id=42&q=tea+pot HTTP/1.1" 200 2326'
            b' "https://example.org/" "Agent/1.0 (X11)"'
        )
        assert record == Record(
            text="method=GET path=/shop?id=&q= status=200 agent=Agent/1.0 (X11)",
            format="access",
            fields={
                "remote": "192.0.2.9",
                "user": "eve",
                "method": "GET",
                "path": "/shop",
                "query": "id=42&q=tea+pot",
                "protocol": "HTTP/1.1",
                "status": "200",
                "bytes": "2326",
                "referer": "https://example.org/",
                "agent": "Agent/1.0 (X11)",
            },
            time=MOMENT,
        )

    def test_common_format_and_dashes(self):
        record = parse(b'host.example - - [02/Jan/2024:03:04:05 +0000] "HEAD /a HTTP/1.0" 304 -')
        assert record.text == "method=HEAD path=/a status=304"
        assert not {"user", "bytes", "agent", "query"} & record.fields.keys()

    def test_a_request_that_is_no_request_is_kept_whole(self):
        record = parse(rb'192.0.2.9 - - [02/Jan/2024:03:04:05 +0000] "\x16\x03\x01" 400 0 "-" "-"')
        assert record.text == r"request=\x16\x03\x01 status=400"

    def test_what_follows_the_agent_is_a_field(self):
        record = parse(
            b'::1 - - [02/Jan/2024:03:04:05 +0000] "GET / HTTP/2.0" 200 1 "-" "a" "192.0.2.1" rt=0.1'
        )
        assert record.fields["extra"] == '"192.0.2.1" rt=0.1'

    def test_a_line_that_only_resembles_one_is_raw(self):
        assert parse(b'job [nightly] "backup" 200 rows').format == "raw"
