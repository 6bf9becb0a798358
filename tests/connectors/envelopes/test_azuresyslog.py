"""Rows of Azure Monitor's Syslog table. All messages are made up."""

import pytest

from connectors.records import ERROR
from tests.connectors.envelopes.messages import is_plain, read_all, read_one, same_as_alone

ROW = {
    "TenantId": "t-1",
    "TimeGenerated": "2026-11-25T10:00:03.000Z",
    "Computer": "gate",
    "EventTime": "2026-11-25T10:00:00Z",
    "Facility": "authpriv",
    "HostName": "gate",
    "SeverityLevel": "err",
    "SyslogMessage": "Failed password for root from 192.0.2.9 port 4242 ssh2",
    "ProcessID": 812,
    "HostIP": "192.0.2.5",
    "ProcessName": "sshd",
    "Type": "Syslog",
    "_ResourceId": "/subscriptions/0/vm",
}
LINE = "2026-11-25T10:00:00Z gate sshd[812]: Failed password for root from 192.0.2.9 port 4242 ssh2"


def test_reads_as_the_syslog_line_that_it_was():
    record = read_one(ROW)
    assert same_as_alone(record, LINE)
    assert (record.envelope, record.severity) == ("azure-syslog", ERROR)
    assert record.shipper["azure-syslog"]["HostIP"] == "192.0.2.5"


def test_an_export_holds_many_rows_of_any_table():
    other = {
        "TenantId": "t-1",
        "TimeGenerated": "2026-11-25T10:00:03Z",
        "Type": "Heartbeat",
        "OSType": "Linux",
    }
    syslog, heartbeat = read_all({"records": [ROW, other]})
    assert same_as_alone(syslog, LINE)
    assert syslog.envelope == "azure/azure-syslog"
    assert (heartbeat.text, heartbeat.time) == ("Type=Heartbeat OSType=Linux", 1795600803.0)


def test_the_agents_time_counts_where_there_is_no_senders():
    record = read_one({**ROW, "EventTime": None, "ProcessID": "null", "ProcessName": "null"})
    assert record.time == 1795600803.0
    assert record.text == "Failed password for root from 192.0.2.9 port 4242 ssh2"


@pytest.mark.parametrize("event", [{"SyslogMessage": "x", "user": "amy"}, {**ROW, "SyslogMessage": None}])
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
