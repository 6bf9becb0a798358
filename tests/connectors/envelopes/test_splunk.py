"""Cribl's and the HTTP Event Collector's events. All messages are made up."""

import pytest

from connectors.records import HOST
from tests.connectors.envelopes.messages import is_plain, read_one, same_as_alone

LINE = "Nov 25 10:00:00 gate sshd[812]: Connection closed by 192.0.2.9"
CRIBL = {
    "_raw": LINE,
    "_time": 1795600800.25,
    "host": "gate",
    "source": "/var/log/auth.log",
    "sourcetype": "linux_secure",
    "cribl_pipe": "main",
    "cribl_breaker": "Break on newlines",
    "team": "edge",
}
HEC = {
    "time": "1795600800.250",
    "host": "web2",
    "source": "app",
    "sourcetype": "shop",
    "event": "cart emptied",
}


class TestCribl:
    def test_raw_is_the_line(self):
        record = read_one(CRIBL)
        assert same_as_alone(record, LINE)
        assert record.envelope == "cribl"
        assert record.fields["team"] == "edge"
        assert not {"cribl_pipe", "sourcetype", "source"} & record.fields.keys()
        assert record.shipper["cribl"]["cribl_pipe"] == "main"

    def test_its_time_counts_where_the_line_has_none(self):
        assert read_one({**CRIBL, "_raw": "worker ready"}).time == 1795600800.25

    def test_raw_may_be_an_object(self):
        record = read_one({**CRIBL, "_raw": {"user": "amy", "n": 2}})
        assert (record.text, record.time) == ("user=amy n=2", 1795600800.25)


class TestCollector:
    def test_the_event_is_the_line(self):
        record = read_one(HEC)
        assert (record.text, record.time, record.fields) == ("cart emptied", 1795600800.25, {HOST: "web2"})
        assert record.envelope == "hec"

    def test_the_event_may_be_an_object_and_indexed_fields_are_columns(self):
        record = read_one({**HEC, "event": {"user": "amy"}, "fields": {"region": "eu", "n": 3}})
        assert record.text == "user=amy"
        assert (record.fields["region"], record.fields["n"]) == ("eu", "3")


@pytest.mark.parametrize(
    "event",
    [
        {"event": "login", "host": "web2", "time": 1795600800, "source": "form"},
        {**HEC, "user": "amy"},
        {**HEC, "event": 5},
        {"_raw": "x", "user": "amy"},
        {**CRIBL, "_raw": None},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
