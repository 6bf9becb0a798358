"""What `connectors.formats.parse` promises whatever the value. All sample lines are made up."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats import FORMATS, MAX_PARSED_BYTES, parse
from connectors.records import Record


class TestAnyValue:
    @pytest.mark.parametrize("value", [None, b"", b"\n", b"\r\n", b"  \t", b"\xef\xbb\xbf"])
    def test_nothing_in_the_value_is_an_empty_record(self, value):
        assert parse(value) == Record(text="", format="raw", parse_error="empty value")

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
            b"[Tue Jan 02 03:04:05 2024] [",
            b"2024-01-02 03:04:05 INFO [main] ",
            b"2024-01-02 03:04:05,1 - a.b - ",
            b"I1125 10:00:00.1 7 ",
            b"11-25 10:00:00.123  17  23 D ",
            b"7:M 25 Nov 2026 10:00:00.123 ",
            b"INFO [a] ",
            b"\x1b[31m",
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
            b"(" * 60_000,
            b"[" + b"a " * 30_000,
            b"2024-01-02 03:04:05 " + b"[a" * 30_000,
            b"2024-01-02 03:04:05 " + b"a.b:" * 15_000,
            b"2024-01-02 03:04:05 INFO " + b"A.b" * 20_000,
            b"2024-01-02 03:04:05 E " + b"x " * 30_000,
            b"2024-01-02 03:04:05 (" + b"a(b)" * 15_000,
            b"- " * 30_000,
            b"1 " * 30_000,
            b"a1:" * 20_000,
            b"\x1b[" * 30_000,
            b"\x1b]8;;" * 10_000,
            b"I1125 " + b"1" * 60_000,
            b"Nov 25 10:00:00 " + b"h " * 30_000,
        ],
    )
    def test_hostile_lines_of_sixty_thousand_characters_finish(self, value):
        assert parse(value).text
