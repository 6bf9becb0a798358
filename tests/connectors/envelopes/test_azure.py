"""Azure's records in Event Hubs. All messages are made up."""

import pytest

from connectors.envelopes.azure import RESOURCE
from connectors.records import CONTAINER, ERROR, HOST, INFO, NAMESPACE, WARN
from tests.connectors.envelopes.messages import is_plain, read_all, read_one

RECORD = {
    "time": "2026-11-25T10:00:00.2500000Z",
    "resourceId": "/SUBSCRIPTIONS/0/VAULTS/V",
    "operationName": "SecretGet",
    "operationVersion": "7.0",
    "category": "AuditEvent",
    "resultType": "Success",
    "durationMs": "12",
    "correlationId": "c-1",
    "callerIpAddress": "192.0.2.8",
    "Level": "Warning",
    "properties": {"id": "https://vault.example.com/s", "tls": True},
}
TEXT = (
    "category=AuditEvent operationName=SecretGet resultType=Success callerIpAddress=192.0.2.8"
    " id=https://vault.example.com/s tls=true"
)


@pytest.mark.parametrize("event", [RECORD, {"records": [RECORD]}])
def test_category_and_operation_come_first(event):
    record = read_one(event)
    assert (record.text, record.time, record.severity) == (TEXT, 1795600800.25, WARN)
    assert record.fields[RESOURCE] == "/SUBSCRIPTIONS/0/VAULTS/V"
    assert record.shipper["azure"]["correlationId"] == "c-1"
    assert "durationMs" not in record.fields
    assert record.envelope == "azure"


def test_records_are_one_line_each_in_order():
    records = read_all({"records": [RECORD, {**RECORD, "operationName": "SecretSet"}, "lost"]})
    assert [record.fields.get("operationName") for record in records] == ["SecretGet", "SecretSet", None]
    assert records[2].parse_error == "Azure records: an item is no object"
    assert read_all({"records": []}) == []


@pytest.mark.parametrize(
    ("level", "severity"),
    [(4, INFO), ("2", ERROR), ("Informational", INFO), (9, INFO), (None, INFO), ({}, INFO)],
)
def test_levels_are_words_or_numbers(level, severity):
    assert read_one({**RECORD, "Level": level}).severity == severity


def test_a_containers_line_is_read_as_that_line():
    record = read_one(
        {
            "records": [
                {
                    **RECORD,
                    "category": "kube-audit",
                    "ccpNamespace": "5f",
                    "properties": {
                        "log": "level=error msg=denied user=amy\n",
                        "pod": "api-1",
                        "containerName": "api",
                    },
                }
            ]
        }
    )
    assert (record.format, record.fields["msg"]) == ("logfmt", "denied")
    assert (record.fields[CONTAINER], record.fields[NAMESPACE], record.fields[HOST]) == ("api", "5f", "api-1")


def test_an_applications_console_line_is_read_as_that_line():
    record = read_one({**RECORD, "category": "AppServiceConsoleLogs", "resultDescription": "worker ready"})
    assert record.text == "worker ready"


@pytest.mark.parametrize(
    "event",
    [
        {"records": [{"name": "amy"}]},
        {"records": [1, 2]},
        {"records": [RECORD], "total": 1},
        {"time": "2026-11-25T10:00:00Z", "category": "sale", "operationName": "buy"},
        {**RECORD, "resourceId": 5},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
