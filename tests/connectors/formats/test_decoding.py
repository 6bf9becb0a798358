"""From bytes to text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats import decode, parse
from connectors.formats.decoding import is_text

LINE = "2024-01-02 03:04:05 caf\u00e9 is open"


class TestEncodings:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
    )
    def test_each_encoding_gives_the_same_line(self, encoding):
        record = parse(LINE.encode(encoding))
        assert (record.text, record.time, record.parse_error) == ("caf\u00e9 is open", 1704164645, None)

    def test_the_quotes_of_windows(self):
        assert (
            decode("it\u2019s \u201copen\u201d \u20ac5".encode("cp1252"))
            == "it\u2019s \u201copen\u201d \u20ac5"
        )

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_a_file_of_utf16_cut_at_its_line_feeds(self, encoding):
        cut = "first line\r\nsecond line\r\nthird line".encode(encoding).split(b"\n")
        assert [decode(line) for line in cut] == ["first line", "second line", "third line"]

    def test_utf8_that_was_cut_within_a_character_stays_utf8(self):
        assert decode("caf\u00e9".encode()[:-1]) == "caf\ufffd"

    def test_damaged_utf8_stays_utf8(self):
        assert decode("caf\u00e9 ".encode() + b"\xff open") == "caf\u00e9 \ufffd open"

    def test_a_single_nul_is_replaced(self):
        assert decode(b"a\x00b and more of it") == "a\ufffdb and more of it"

    def test_byte_order_mark_and_line_end_are_removed(self):
        assert decode(b"\xef\xbb\xbfhello there\r\n") == "hello there"


class TestOtherBytes:
    @pytest.mark.parametrize(
        "value",
        [
            bytes(range(32)) * 8,
            bytes(range(256)) * 4,
            b"\x0a\x1f\x12\x05\x08\x01\x10\x02\x1a\x80\x01\xff\xfe\xfd" * 5,
            b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x01\x00\x00\x00\x01\x00\x08\x06\x00\x00\x00",
        ],
        ids=["control characters", "all bytes", "protobuf", "an image"],
    )
    def test_they_become_replacement_characters_and_an_error_says_so(self, value):
        record = parse(value)
        assert record.parse_error == "bytes that are no text"
        assert "\ufffd" in record.text
        assert not set(record.text) & {chr(code) for code in range(32) if chr(code) not in "\t\n\r\x1b"}

    @pytest.mark.parametrize(
        "text",
        ["\u0416\u0443\u0440\u043d\u0430\u043b", "\u65e5\u672c\u8a9e", "\x1b[31mred\x1b[0m", "a\tb\tc"],
    )
    def test_text_of_any_script_is_text(self, text):
        assert parse(text.encode()).parse_error is None

    @given(st.binary())
    def test_any_bytes_are_decoded(self, value):
        line = decode(value)
        assert "\x00" not in line
        line.encode()  # no lone surrogate

    @given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1))
    def test_text_without_control_characters_is_kept(self, text):
        assert decode(text.encode()) == text.removeprefix("\ufeff")
        assert is_text(text) or text.count("\ufffd") > 0
