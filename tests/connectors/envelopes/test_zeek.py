"""Zeek's records as its scripts for Kafka write them. All messages are made up."""

import pytest

from connectors.records import HOST, SERVICE
from tests.connectors.envelopes.messages import is_plain, read_one

PLAIN = {
    "ts": 1795600800.25,
    "uid": "CAbcd1234efGH5678",
    "id.orig_h": "192.0.2.6",
    "id.orig_p": 4242,
    "id.resp_h": "198.51.100.4",
    "id.resp_p": 53,
    "proto": "udp",
    "conn_state": "SF",
}
TEXT = "orig_h=192.0.2.6 orig_p=4242 resp_h=198.51.100.4 resp_p=53 proto=udp conn_state=SF"


def test_plain_records_are_told_by_their_ids_which_are_not_the_text():
    record = read_one(PLAIN)
    assert (record.text, record.time, record.envelope) == (TEXT, 1795600800.25, "zeek")
    assert record.fields["uid"] == "CAbcd1234efGH5678"
    assert record.fields[SERVICE] == "zeek"


@pytest.mark.parametrize(
    ("event", "host"),
    [
        ({"conn": PLAIN}, None),
        ({"@stream": "conn", "@system": "sensor1", "@proc": "zeek", **PLAIN}, "sensor1"),
        (
            {"_path": "conn", "_system_name": "sensor1", "_write_ts": "2026-11-25T10:00:05Z", **PLAIN},
            "sensor1",
        ),
    ],
)
def test_the_logs_name_comes_first_however_it_is_given(event, host):
    record = read_one(event)
    assert (record.text, record.time) == ("_path=conn " + TEXT, 1795600800.25)
    assert record.fields.get(HOST) == host
    assert record.envelope == "zeek"


def test_records_without_a_connection_are_told_by_the_writers_names():
    record = read_one(
        {"@stream": "stats", "@system": "sensor1", "@proc": "zeek", "ts": 1795600800.0, "mem": 96}
    )
    assert record.text == "_path=stats mem=96"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"ts": 1795600800.0, "fuid": "FAbc", "source": "SSL", "conn_uids": ["CAbc"]}, "source=SSL"),
        ({"ts": 1795600800.0, "uids": ["CAbc"], "mac": "00:00:5e:00:53:01"}, "mac=00:00:5e:00:53:01"),
        ({"ts": 1795600800.0, "id": "FAbc", "certificate.serial": "0B"}, "serial=0B"),
        ({"ts": "2026-11-25T10:00:00Z", "uid": "CAbc", "id": {"orig_h": "192.0.2.6"}}, "orig_h=192.0.2.6"),
    ],
)
def test_other_logs_and_spellings(event, text):
    record = read_one(event)
    assert (record.text, record.time, record.envelope) == (text, 1795600800.0, "zeek")


@pytest.mark.parametrize(
    "event",
    [
        {"ts": 1795600800.0, "uid": "amy", "msg": "saved"},
        {"ts": 1795600800.0, "uid": "amy", "id": 7, "msg": "saved"},
        {"http": {"status": 200, "ts": 1795600800.0}},
        {"http": "down"},
        {"conn": {"uid": "x"}},
        {"_path": "/home", "ts": 1795600800.0},
        {"@stream": "stdout", "message": "saved"},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
