"""Google Cloud Logging's entries. All messages are made up."""

import pytest

from connectors.records import CONTAINER, ERROR, HOST, NAMESPACE, SERVICE
from tests.connectors.envelopes.messages import is_plain, read_one

ENTRY = {
    "insertId": "i-1",
    "logName": "projects/demo/logs/stderr",
    "resource": {
        "type": "k8s_container",
        "labels": {"namespace_name": "shop", "container_name": "pay", "pod_name": "pay-1"},
    },
    "severity": "ERROR",
    "timestamp": "2026-11-25T10:00:00.250Z",
    "receiveTimestamp": "2026-11-25T10:00:05Z",
}


def test_text_is_the_line():
    record = read_one({**ENTRY, "textPayload": "payment failed\n"})
    assert (record.text, record.time, record.severity) == ("payment failed", 1795600800.25, ERROR)
    assert record.fields == {NAMESPACE: "shop", CONTAINER: "pay", HOST: "pay-1"}
    assert record.envelope == "gcp"


def test_an_applications_object_is_the_line():
    record = read_one({**ENTRY, "jsonPayload": {"user": "amy"}, "httpRequest": {"status": 502}})
    assert record.text == "status=502 user=amy"


def test_of_an_audited_call_the_method_comes_first():
    call = {
        "@type": "x/AuditLog",
        "resourceName": "vm1",
        "serviceName": "compute.example",
        "methodName": "stop",
    }
    record = read_one({**ENTRY, "resource": {"labels": {}}, "protoPayload": call})
    assert record.text == "methodName=stop serviceName=compute.example resourceName=vm1"
    assert record.fields[SERVICE] == "compute.example"


@pytest.mark.parametrize(
    "event",
    [
        {"logName": "sales", "textPayload": "x"},
        {**ENTRY, "message": "x"},
        {**ENTRY, "jsonPayload": 5},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
