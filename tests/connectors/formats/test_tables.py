"""Whatever the line, a table's parser neither raises, nor hangs, nor loses it. All sample lines are made up."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats import FORMATS, MAX_PARSED_BYTES, HeaderLines, parse_text
from tests.connectors.formats import test_cisco, test_ltsv, test_vpcflow, test_w3c, test_winxml, test_zeek

LINES = (
    *(test_w3c.FIELDS, test_w3c.ROW, *test_zeek.HEADER, test_zeek.ROW, test_vpcflow.ROW, test_ltsv.REQUEST),
    *(
        "start action srcaddr dstaddr",
        test_winxml.EVENT,
        "<189>521: sw1: *Nov 25 10:00:00: " + test_cisco.LINK,
    ),
)
PIECES = ("\t", " ", '"', "<", ">", "'", "&", ":", "-", "%", "\\x", "#", "=", "0", "\n", "\ufffd", "é", "")


@st.composite
def spoilt(draw):
    """A line of one of the formats, with parts left out, doubled or replaced."""
    line = draw(st.sampled_from(LINES))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(line)))
        end = draw(st.integers(start, min(len(line), start + 40)))
        line = line[:start] + draw(st.sampled_from(PIECES)) * draw(st.integers(1, 3)) + line[end:]
    return line


class TestAnyLine:
    @given(st.lists(st.one_of(spoilt(), st.text(max_size=60)), min_size=1, max_size=8))
    def test_a_line_is_a_record_or_a_header(self, lines):
        headers = HeaderLines()
        for line in lines:
            record = parse_text(line, headers, "")
            if record is None:
                assert "\n" not in line
                continue
            assert record.format in FORMATS
            assert record.text or not line.strip()
            assert record.parse_error is None or not record.parse_error.startswith(
                ("IndexError", "ValueError", "TypeError")
            )
            assert all(isinstance(value, str) and "\x00" not in value for value in record.fields.values())
        again = HeaderLines()
        again.restore(headers.state())
        assert again.state() == headers.state()

    @pytest.mark.parametrize(
        "unit",
        [
            *(
                '"a"" ',
                '"',
                '"" ',
                "a\t",
                "\t",
                "a:b\t",
                "#",
                "%LINK-3-",
                "%A-",
                "<Event>",
                "<Event><System>",
                "2026-11-25 ",
            ),
            *(
                "<Data>",
                "<Data Name='a",
                " ",
                "\\x00",
                "\\x",
                "version ",
                "action ",
                "1:",
                "Nov 25 ",
                "a/",
                "::",
                "0 ",
            ),
        ],
    )
    @pytest.mark.parametrize("start", ("", "#Fields: ", "#fields\t", "<189>", *LINES[-2:]))
    def test_a_megabyte_takes_no_longer_than_its_length_asks(self, start, unit):
        headers = HeaderLines()
        for line in LINES[:-3]:
            parse_text(line, headers, "")

        def took(size):
            line = (start + unit * size)[:size]
            begin = time.process_time()
            parse_text(line, headers, "")
            return time.process_time() - begin

        small = max(min(took(MAX_PARSED_BYTES // 16) for _ in range(3)), 0.002)
        assert min(took(MAX_PARSED_BYTES) for _ in range(3)) < 100 * small, (
            "16 times as long in proportion, 256 times when it is quadratic"
        )
