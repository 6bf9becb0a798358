"""VPC flow logs. All sample lines are made up."""

import pytest

from connectors.formats import HeaderLines, parse_text

ROW = "2 123456789012 eni-0a1b2c3d4e5f60718 192.0.2.4 198.51.100.9 49152 22 6 20 4249 1764064800 1764064860 REJECT OK"


class TestVersion2:
    def test_a_flow(self):
        record = parse_text(ROW)
        assert record.format == "vpcflow"
        assert record.time == 1764064800
        assert (
            record.text
            == "srcaddr=192.0.2.4 dstaddr=198.51.100.9 dstport=22 protocol=6 action=REJECT log-status=OK"
        )
        assert record.fields["account-id"] == "123456789012" and record.fields["bytes"] == "4249"

    def test_an_interval_without_data(self):
        record = parse_text("2 123456789012 eni-0a1b2c3d - - - - - - - 1764064800 1764064860 - NODATA")
        assert record.text == "log-status=NODATA"
        assert "srcaddr" not in record.fields

    def test_more_columns_are_in_the_order_of_the_documentation(self):
        record = parse_text(ROW.replace("2", "5", 1) + " vpc-0a1b2c3d subnet-0a1b2c3d i-0a1b2c3d 19 IPv4")
        assert record.fields["vpc-id"] == "vpc-0a1b2c3d" and record.fields["tcp-flags"] == "19"

    @pytest.mark.parametrize(
        "line",
        [ROW.replace("REJECT", "maybe"), ROW.replace(" 6 ", " tcp "), ROW.rpartition(" ")[0], ROW + " shop"],
    )
    def test_another_line_is_raw(self, line):
        assert parse_text(line).format == "raw"


class TestHeader:
    def test_a_header_line_names_the_columns(self):
        headers = HeaderLines()
        assert parse_text("dstport action start srcaddr dstaddr", headers, "a") is None
        record = parse_text("443 ACCEPT 1764064800 192.0.2.4 198.51.100.9", headers, "a")
        assert record.format == "vpcflow" and record.time == 1764064800
        assert record.text == "dstport=443 action=ACCEPT srcaddr=192.0.2.4 dstaddr=198.51.100.9"
        assert parse_text("443 users bought 12 hats", headers, "a").format == "raw"
        assert parse_text("443 ACCEPT 1764064800 192.0.2.4 198.51.100.9", headers, "b").format == "raw"

    @pytest.mark.parametrize(
        "line", ["start end", "start the action now", "action", "type of region is protocol"]
    )
    def test_a_sentence_is_no_header(self, line):
        assert parse_text(line, HeaderLines(), "a").text == line
