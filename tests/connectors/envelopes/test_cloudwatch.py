"""CloudWatch's subscriptions. All messages are made up."""

import pytest

from connectors.records import SERVICE, WARN
from tests.connectors.envelopes.messages import is_plain, read_all

DATA = {
    "messageType": "DATA_MESSAGE",
    "owner": "000000000000",
    "logGroup": "/aws/lambda/pay",
    "logStream": "2026/11/25/[$LATEST]aa",
    "subscriptionFilters": ["all"],
    "logEvents": [
        {"id": "1", "timestamp": 1795600800250, "message": "START run\n"},
        {"id": "2", "timestamp": 1795600801000, "message": '{"level":"warn","msg":"slow"}'},
    ],
}


def test_every_event_is_a_line_of_its_own_format_and_time():
    first, second = read_all(DATA)
    assert (first.text, first.time) == ("START run", 1795600800.25)
    assert (second.format, second.time) == ("json", 1795600801.0)
    assert second.fields["level"] == "warn"
    assert first.envelope == second.envelope == "cloudwatch"


def test_the_group_is_the_service_and_the_rest_is_the_shippers():
    first, _ = read_all(DATA)
    assert first.fields == {SERVICE: "/aws/lambda/pay"}
    assert first.shipper["cloudwatch"]["logStream"] == "2026/11/25/[$LATEST]aa"
    assert first.shipper["cloudwatch"]["id"] == "1"


def test_a_control_message_holds_no_line():
    assert read_all({**DATA, "messageType": "CONTROL_MESSAGE"}) == []


def test_envelopes_nest():
    call = (
        '{"eventVersion":"1","eventTime":"2026-11-25T10:00:00Z","eventSource":"s3",'
        '"eventName":"Get","errorCode":"No"}'
    )
    [record] = read_all({**DATA, "logEvents": [{"id": "1", "timestamp": 1795600800250, "message": call}]})
    assert record.envelope == "cloudwatch/cloudtrail"
    assert (record.time, record.severity) == (1795600800.0, WARN)
    assert record.shipper.keys() == {"cloudwatch", "cloudtrail"}


def test_an_item_that_is_no_event_is_a_line_with_an_error():
    [text, event] = read_all({**DATA, "logEvents": ["lost", {"id": "1"}]})
    assert (text.text, event.text) == ("lost", "id=1")
    assert text.parse_error == event.parse_error == "CloudWatch logEvents: an item is no object"


@pytest.mark.parametrize(
    "event",
    [
        {"messageType": "DATA_MESSAGE", "message": "x"},
        {**DATA, "messageType": "CHAT"},
        {**DATA, "logEvents": None},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
