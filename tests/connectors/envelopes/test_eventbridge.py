"""EventBridge's events. All messages are made up."""

import pytest

from connectors.records import ERROR, INFO, WARN
from tests.connectors.envelopes.messages import is_plain, read_one

FINDING = {
    "version": "0",
    "id": "e-1",
    "detail-type": "GuardDuty Finding",
    "source": "aws.guardduty",
    "account": "000000000000",
    "time": "2026-11-25T10:00:00Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": {"type": "Recon:EC2/Portprobe", "severity": 8, "title": "Ports were probed."},
}


def test_the_detail_is_the_line_behind_its_type():
    record = read_one(FINDING)
    assert record.text == (
        "detail-type=GuardDuty Finding source=aws.guardduty type=Recon:EC2/Portprobe severity=8"
        " title=Ports were probed."
    )
    assert (record.time, record.envelope) == (1795600800.0, "eventbridge")
    assert record.shipper["eventbridge"]["id"] == "e-1"


@pytest.mark.parametrize(("stated", "severity"), [(8.9, ERROR), (4, WARN), (2, INFO), (None, INFO)])
def test_severity_of_a_finding(stated, severity):
    assert read_one({**FINDING, "detail": {"severity": stated, "type": "x"}}).severity == severity


def test_a_call_is_read_as_cloudtrails():
    call = {
        "eventVersion": "1",
        "eventTime": "2026-11-25T09:59:00Z",
        "eventSource": "s3",
        "eventName": "GetObject",
    }
    record = read_one({**FINDING, "detail-type": "AWS API Call via CloudTrail", "detail": call})
    assert (record.text, record.time) == ("eventName=GetObject eventSource=s3", 1795600740.0)
    assert record.envelope == "eventbridge/cloudtrail"


@pytest.mark.parametrize(
    "event",
    [
        {"detail-type": "sale", "detail": {"a": "b"}, "source": "shop"},
        {**FINDING, "detail": "x"},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
