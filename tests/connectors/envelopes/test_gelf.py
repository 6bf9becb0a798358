"""GELF. All messages are made up."""

import pytest

from connectors.records import CONTAINER, ERROR, HOST, LOGGER, WARN
from tests.connectors.envelopes.messages import is_plain, read_one

EVENT = {
    "version": "1.1",
    "host": "web2",
    "short_message": "payment failed",
    "timestamp": 1795600800.25,
    "level": 3,
    "_user": "amy",
    "_tries": 2,
    "_final": True,
    "_logger": "shop.pay",
}


def test_the_message_is_the_line_and_the_rest_are_columns():
    record = read_one(EVENT)
    assert (record.text, record.time, record.severity) == ("payment failed", 1795600800.25, ERROR)
    assert record.fields == {
        HOST: "web2",
        LOGGER: "shop.pay",
        "user": "amy",
        "tries": "2",
        "final": "true",
        "logger": "shop.pay",
    }
    assert record.envelope == "gelf"


def test_the_full_message_goes_before_the_short_one():
    assert (
        read_one({**EVENT, "full_message": "payment failed: no funds\n"}).text == "payment failed: no funds"
    )
    assert read_one({**EVENT, "full_message": ""}).text == "payment failed"


def test_the_message_has_its_own_format_and_level():
    record = read_one({**EVENT, "short_message": '{"at":"pay","sum":3}'})
    assert (record.format, record.fields["at"]) == ("json", "pay")


def test_dockers_own_members_are_the_shippers():
    record = read_one(
        {**EVENT, "_container_name": "/shop", "_container_id": "f00d", "_command": "run", "level": 4}
    )
    assert record.fields[CONTAINER] == "shop"
    assert "container_id" not in record.fields
    assert record.shipper["gelf"]["_command"] == "run"
    assert record.severity == WARN


@pytest.mark.parametrize(
    "event",
    [
        {"version": "2.0", "host": "web2", "short_message": "x"},
        {"version": "1.1", "short_message": "x", "user": "amy"},
        {"version": "1.1", "host": "web2", "message": "x"},
        {**EVENT, "short_message": None},
        {**EVENT, "version": {}},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
