"""CloudTrail's records, many to a message and alone. All messages are made up."""

import pytest

from connectors.records import INFO, WARN
from tests.connectors.envelopes.messages import is_plain, read_all, read_one

CALL = {
    "eventVersion": "1.08",
    "userIdentity": {"type": "IAMUser", "userName": "deploy"},
    "eventTime": "2026-11-25T10:00:00Z",
    "eventSource": "ec2.amazonaws.com",
    "eventName": "StopInstances",
    "awsRegion": "eu-west-1",
    "sourceIPAddress": "198.51.100.7",
    "requestID": "req-1",
    "eventID": "ev-1",
    "eventType": "AwsApiCall",
    "recipientAccountId": "000000000000",
}
TEXT = (
    "eventName=StopInstances eventSource=ec2.amazonaws.com awsRegion=eu-west-1 type=IAMUser userName=deploy"
    " sourceIPAddress=198.51.100.7 eventType=AwsApiCall"
)


def test_what_was_called_comes_first():
    record = read_one(CALL)
    assert (record.text, record.time, record.severity) == (TEXT, 1795600800.0, INFO)
    assert record.envelope == "cloudtrail"
    assert record.shipper["cloudtrail"]["eventID"] == "ev-1"
    assert "requestID" not in record.fields


def test_a_refused_call_says_so_at_once_and_is_a_warning():
    record = read_one({**CALL, "errorCode": "AccessDenied"})
    assert "eventSource=ec2.amazonaws.com errorCode=AccessDenied" in record.text
    assert record.severity == WARN


def test_records_are_one_line_each_in_order():
    records = read_all({"Records": [CALL, {**CALL, "eventName": "RunInstances"}]})
    assert [record.fields["eventName"] for record in records] == ["StopInstances", "RunInstances"]
    assert records[0].text == TEXT


def test_an_item_that_is_no_object_is_a_line_with_an_error():
    records = read_all({"Records": [CALL, "lost", 5, None, [1]]})
    assert [record.text for record in records[1:]] == ["lost", "5", "null", "[1]"]
    assert all(record.parse_error == "CloudTrail Records: an item is no object" for record in records[1:])
    assert records[0].parse_error is None


def test_no_records_are_no_lines():
    assert read_all({"Records": []}) == []


def test_a_time_that_cannot_be_read_stays_a_column():
    record = read_one({**CALL, "eventTime": "soon"})
    assert (record.time, record.fields["eventTime"]) == (None, "soon")


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": "b"}}]},
        {"Records": [5]},
        {"Records": "none"},
        {"Records": [CALL], "page": 1},
        {"eventName": "click", "eventTime": "2026-11-25T10:00:00Z", "eventSource": "page"},
        {**CALL, "eventName": 5},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
