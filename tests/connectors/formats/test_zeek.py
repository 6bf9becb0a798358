"""Zeek's tables. All sample lines are made up."""

import pytest

from connectors.formats import HeaderLines, parse_text

CONNECTION = "1764064800.125000\tCabcdef1234567890\t192.0.2.10\t52025\t198.51.100.80\t80"
HEADER = (
    "#separator \\x09",
    "#set_separator\t,",
    "#empty_field\t(empty)",
    "#unset_field\t-",
    "#path\tshop",
    "#open\t2026-11-25-10-00-00",
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tnote\ttook\tparts\titems",
    "#types\ttime\tstring\taddr\tport\taddr\tport\tstring\tinterval\tset[string]\tcount",
)
ROW = CONNECTION + "\tsold\\x09a \\xc3\\xa9toile\t2.5\t(empty)\t7"


def read(*lines, stream="sensor"):
    headers = HeaderLines()
    return [parse_text(line, headers, stream) for line in lines]


class TestHeaders:
    def test_header_lines_are_no_records_and_name_the_columns(self):
        *headers, row, close = read(*HEADER, ROW, "#close\t2026-11-25-11-00-00")
        assert headers == [None] * len(HEADER) and close is None
        assert row.format == "zeek"
        assert row.time == 1764064800.125
        assert row.fields["_path"] == "shop"
        assert row.fields["note"] == "sold\ta étoile", "escapes of bytes are undone"
        assert "parts" not in row.fields, "an empty value is no column"

    def test_all_columns_but_the_time_are_the_text(self):
        assert read(*HEADER, ROW)[-1].text == (
            "_path=shop uid=Cabcdef1234567890 orig_h=192.0.2.10 orig_p=52025 resp_h=198.51.100.80 resp_p=80 "
            "note=sold\ta étoile took=2.5 items=7"
        )

    @pytest.mark.parametrize(
        "line", ["#path shop", "#separator a", "#opening\tthe shop", "#fields", "#path\ta\nb"]
    )
    def test_any_other_comment_is_a_record(self, line):
        assert read(line)[0].text == line

    def test_another_separator(self):
        *_, row = read("#separator \\x7c", "#fields|ts|uid|query", "1764064800.125000|Cabcdef1234567890|hats")
        assert row.text == "uid=Cabcdef1234567890 query=hats"

    def test_a_row_of_another_table_is_not_taken_for_one(self):
        *_, row = read(*HEADER, "a\tb\tc\td\te\tf\tg\th\ti\tj")
        assert row.format == "raw"


class TestWithoutHeaders:
    def test_the_columns_of_a_connection_are_known(self):
        row = parse_text(
            CONNECTION + "\ttcp\thttp\t0.1\t10\t20\tSF\t-\t-\t0\tShADad\t5\t100\t6\t200\t(empty)",
        )
        assert row.text == (
            "_path=conn uid=Cabcdef1234567890 orig_h=192.0.2.10 orig_p=52025 resp_h=198.51.100.80 resp_p=80 "
            "proto=tcp service=http duration=0.1 orig_bytes=10 resp_bytes=20 conn_state=SF missed_bytes=0 "
            "history=ShADad orig_pkts=5 orig_ip_bytes=100 resp_pkts=6 resp_ip_bytes=200"
        )

    def test_columns_of_another_kind_have_a_number(self):
        row = parse_text(CONNECTION + "\tlogin\tana\t-\t17\tFabcdef1234567890")
        assert row.fields["column7"] == "login" and row.fields["column11"] == "Fabcdef1234567890"
        assert row.text.endswith("resp_p=80 column7=login column8=ana column10=17 column11=Fabcdef1234567890")

    @pytest.mark.parametrize(
        "line",
        [
            "1764064800.125000\tstarted\tthe\tserver\ton\tport\t80\tnow",
            CONNECTION,
            "a\tb",
            "\t\t\t\t\t\t\t\t",
        ],
    )
    def test_another_line_with_tabs_is_raw(self, line):
        assert parse_text(line).format == "raw"
