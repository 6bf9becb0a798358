"""Kafka Connect's values with their schema. All messages are made up."""

import pytest

from tests.connectors.envelopes.messages import is_plain, read_all, read_one, same_as_alone

LINE = "Nov 25 10:00:00 gate sshd[812]: Connection closed by 192.0.2.9"


def test_a_payload_of_text_is_the_line():
    record = read_one({"schema": {"type": "string", "optional": False}, "payload": LINE})
    assert same_as_alone(record, LINE)
    assert record.envelope == "connect"
    assert record.shipper == {"connect": {"schema": {"type": "string", "optional": False}}}


@pytest.mark.parametrize("schema", [None, {"type": "struct", "fields": []}])
def test_a_payload_that_is_an_object_is_the_line(schema):
    assert read_one({"schema": schema, "payload": {"user": "amy", "n": 2}}).text == "user=amy n=2"


def test_an_array_is_one_line_an_item():
    records = read_all({"schema": {"type": "array"}, "payload": ["first", {"a": "b"}, 7]})
    assert [record.text for record in records] == ["first", "a=b", "7"]


def test_bytes_are_decoded():
    assert read_one({"schema": {"type": "bytes"}, "payload": "d29ya2VyIHJlYWR5"}).text == "worker ready"
    assert read_one({"schema": {"type": "bytes"}, "payload": "é"}).text == "é"


def test_a_deleted_key_holds_no_line():
    assert read_all({"schema": None, "payload": None}) == []


def test_envelopes_nest():
    gelf = {"version": "1.1", "host": "web2", "short_message": "payment failed"}
    record = read_one({"schema": None, "payload": gelf})
    assert (record.text, record.envelope) == ("payment failed", "connect/gelf")


@pytest.mark.parametrize(
    "event",
    [
        {"schema": "v2", "payload": "x"},
        {"schema": {"name": "x"}, "payload": "x"},
        {"schema": None, "payload": "x", "user": "amy"},
        {"payload": "x"},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
