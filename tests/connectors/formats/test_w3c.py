"""W3C extended logs. All sample lines are made up."""

import calendar

import pytest

from connectors.formats import HeaderLines, parse_text
from connectors.records import ERROR, HOST, INFO, WARN

FIELDS = (
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status "
    "sc-substatus sc-win32-status time-taken"
)
ROW = "2026-11-25 10:00:00 192.0.2.1 GET /shop/cart id=7&q=hat 443 ana 198.51.100.4 Mozilla/5.0+(X11) 200 0 0 15"
TEN = calendar.timegm((2026, 11, 25, 10, 0, 0))


def read(*lines, stream="web1"):
    headers = HeaderLines()
    return [parse_text(line, headers, stream) for line in lines]


class TestHeaders:
    @pytest.mark.parametrize(
        "line",
        [
            "#Software: Internet Server 10.0",
            "#Version: 1.0",
            "#Date: 2026-11-25 10:00:00",
            "#Start-Date: 2026-11-25 10:00:00.128",
            "#Date: 25/Nov/2026 10:00:00",
            "#GMT-Offset: -0800",
            FIELDS,
        ],
    )
    def test_a_header_line_is_no_record(self, line):
        assert read(line) == [None]
        assert parse_text(line).text == line, "a line that came alone is text"

    @pytest.mark.parametrize(
        "line",
        [
            "#Remark: restarted by ana",
            "# Version: 1.0",
            "#Version: see the manual",
            "#Date: today\nlost",
            "#Fields",
        ],
    )
    def test_any_other_comment_is_a_record(self, line):
        assert read(line)[0].text == line

    def test_fields_name_the_columns_of_what_follows_in_the_same_stream(self):
        _, first, _, second = read(
            "#Fields: date time x-shop", "2026-11-25 10:00:00 hats", "#Version: 1.0", ROW
        )
        assert first.fields == {"date": "2026-11-25", "time": "10:00:00", "x-shop": "hats"}
        assert second.fields["cs-method"] == "GET", "as many columns as IIS has, none as many as named"

    def test_new_fields_take_the_place_of_the_former(self):
        rows = read("#Fields: time a b", "10:00:00 1 2", "#Fields: time b a", "10:00:00 1 2")
        assert [row.fields.get("a") for row in rows[1::2]] == ["1", "2"]

    def test_a_line_that_does_not_fit_is_no_row(self):
        _, row = read("#Fields: date time action", "started the server", stream="")
        assert row.format == "raw"
        _, row = read("#Fields: a b c", "started the server", stream="")
        assert row.format == "raw", "nothing tells a row from a sentence, and the stream is not known"


class TestRows:
    def test_a_request(self):
        _, row = read(FIELDS, ROW)
        assert row.format == "w3c"
        assert row.time == TEN
        assert row.severity == INFO
        assert row.text == (
            "cs-method=GET cs-uri-stem=/shop/cart?id=&q= sc-status=200 cs(User-Agent)=Mozilla/5.0 (X11)"
        )
        assert row.fields["cs-username"] == "ana" and row.fields["time-taken"] == "15"

    @pytest.mark.parametrize(("status", "severity"), [("304", INFO), ("404", WARN), ("503", ERROR)])
    def test_the_status_is_the_severity(self, status, severity):
        assert read(FIELDS, ROW.replace(" 200 ", f" {status} "))[1].severity == severity

    def test_a_row_without_its_header_is_read_when_it_has_the_columns_of_iis(self):
        assert read(ROW)[0] == read(FIELDS, ROW)[1]
        assert parse_text(ROW).format == "w3c"

    @pytest.mark.parametrize(
        "change", [("GET", "said"), ("10:00:00", "10-00-00"), ("443", "port"), (" 0 0 15", "")]
    )
    def test_another_line_of_as_many_words_is_not(self, change):
        assert parse_text(ROW.replace(*change)).format == "raw"

    def test_quotes_and_several_blanks(self):
        _, row = read(
            "#Fields:  c-ip  date  time  cs-uri  cs(User-Agent)",
            '192.0.2.7   2026-11-25\t10:00:00  /a  "Browser ""9"" of ana"',
        )
        assert row.fields["cs(User-Agent)"] == 'Browser "9" of ana'
        assert row.time == TEN

    def test_the_date_of_the_header_holds_for_rows_that_have_a_time_only(self):
        *_, row = read("#Date: 2026-11-25 09:00:00", "#Fields: time cs-method sc-status", "10:00:00 GET 200")
        assert row.time == TEN

    @pytest.mark.parametrize(
        ("headers", "time"),
        [
            (("#Fields: date time sc-status",), TEN + 3600),
            (("#Fields: date-local time-local sc-status",), TEN),
            (("#Time Format: Local", "#Fields: date time sc-status"), TEN),
        ],
    )
    def test_local_times_are_the_topics(self, headers, time):
        lines = HeaderLines()
        for line in headers:
            parse_text(line, lines, "web1", "Europe/Berlin")
        assert parse_text("2026-11-25 11:00:00 200", lines, "web1", "Europe/Berlin").time == time

    def test_other_tables_keep_all_but_what_is_new_in_every_row(self):
        *_, row = read(
            "#Fields: date time s-computername action protocol src-ip dst-ip src-port dst-port size",
            "2026-11-25 10:00:00 FW1 DROP UDP 192.0.2.1 192.0.2.2 1631 53 37",
        )
        assert row.text == "action=DROP protocol=UDP src-ip=192.0.2.1 dst-ip=192.0.2.2 dst-port=53"
        assert row.fields[HOST] == "FW1"
