"""NXLog's JSON records. All messages are made up."""

import pytest

from connectors.records import ERROR, HOST, INFO, PID, SERVICE, WARN
from tests.connectors.envelopes.messages import is_plain, read_one

WINDOWS = {
    "EventTime": "2026-11-25 10:00:00",
    "Hostname": "pc7.example.com",
    "Keywords": -9214364837600034816,
    "EventType": "AUDIT_FAILURE",
    "SeverityValue": 4,
    "Severity": "ERROR",
    "EventID": 4625,
    "SourceName": "Microsoft-Windows-Security-Auditing",
    "ProviderGuid": "{54849625-5478-4994-A5BA-3E3B0328C30D}",
    "Version": 0,
    "Task": 12544,
    "OpcodeValue": 0,
    "RecordNumber": 99120,
    "ActivityID": "{7F892766-AA46-0001-D716-1D6363A7D601}",
    "ExecutionProcessID": 644,
    "ThreadID": 4312,
    "Channel": "Security",
    "Message": "An account failed to log on.\r\n\r\nSubject:\r\n\tAccount Name:\t\tamy\r\n",
    "TargetUserName": "amy",
    "IpAddress": "192.0.2.44",
    "EventReceivedTime": "2026-11-25 10:00:02",
    "SourceModuleName": "eventlog",
    "SourceModuleType": "im_msvistalog",
}
SYSLOG = {
    "MessageSourceAddress": "192.0.2.5",
    "EventReceivedTime": "2026-11-25 10:00:02",
    "SourceModuleName": "in_udp",
    "SourceModuleType": "im_udp",
    "SyslogFacilityValue": 4,
    "SyslogFacility": "AUTH",
    "SeverityValue": 3,
    "Severity": "WARNING",
    "Hostname": "gate",
    "EventTime": "2026-11-25 10:00:00",
    "SourceName": "sshd",
    "ProcessID": "812",
    "Message": "Connection closed by 192.0.2.9",
}


class TestWindowsEvent:
    def test_the_statement_the_kind_and_the_data_are_the_text(self):
        assert read_one(WINDOWS).text == (
            "Message=An account failed to log on. EventID=4625 SourceName=Microsoft-Windows-Security-Auditing"
            " Channel=Security Severity=ERROR EventType=AUDIT_FAILURE TargetUserName=amy IpAddress=192.0.2.44"
        )

    def test_where_it_came_from_and_how_bad_it_is(self):
        record = read_one(WINDOWS)
        assert record.fields[HOST] == "pc7.example.com"
        assert record.fields[SERVICE] == "Microsoft-Windows-Security-Auditing"
        assert record.fields[PID] == "644"
        assert record.severity == ERROR

    def test_numbers_of_records_modules_and_threads_are_the_shippers(self):
        record = read_one(WINDOWS)
        assert (
            not {"RecordNumber", "ActivityID", "SourceModuleName", "ThreadID", "Task"} & record.fields.keys()
        )
        assert record.shipper["nxlog"]["RecordNumber"] == 99120

    def test_without_data_the_whole_message_counts(self):
        bare = {name: value for name, value in WINDOWS.items() if name not in ("TargetUserName", "IpAddress")}
        assert "Account Name:" in read_one(bare).text

    def test_without_message_the_data_is_the_text(self):
        record = read_one(
            {**WINDOWS, "Message": None, "EventID": 4103, "Payload": "CommandInvocation(Get-Item)"}
        )
        assert record.text.startswith("EventID=4103 ")
        assert "Payload=CommandInvocation(Get-Item)" in record.text

    def test_the_local_time_is_the_lines_own(self):
        record = read_one(
            {**WINDOWS, "@timestamp": "2026-11-25T08:00:03.000Z", "@version": "1", "host": "wec"}
        )
        assert record.time == 1795600800.0
        assert record.fields["EventTime"] == "2026-11-25 10:00:00"
        assert record.fields[HOST] == "pc7.example.com"

    def test_logstashs_time_counts_where_the_event_has_none(self):
        record = read_one({**WINDOWS, "EventTime": "", "@timestamp": "2026-11-25T08:00:03.000Z"})
        assert record.time == 1795593603.0


class TestOtherInputs:
    def test_a_syslog_message_is_its_line(self):
        record = read_one(SYSLOG)
        assert record.text == "sshd: Connection closed by 192.0.2.9"
        assert (record.fields[HOST], record.fields[PID]) == ("gate", "812")
        assert (record.time, record.severity) == (1795600800.0, WARN)
        assert record.envelope == "nxlog"

    def test_the_line_of_a_file_has_its_own_format(self):
        event = {name: SYSLOG[name] for name in SYSLOG if name.startswith(("EventRec", "SourceMod"))}
        record = read_one({**event, "Message": 'level=warn msg="slow query" took=3s'})
        assert record.format == "logfmt"
        assert record.fields["took"] == "3s"

    def test_members_are_the_line_where_there_is_no_message(self):
        record = read_one(
            {
                "type": "PATH",
                "time": "2026-11-25T10:00:00.5+00:00",
                "name": "/etc/hosts",
                "EventReceivedTime": "2026-11-25T10:00:02+00:00",
                "SourceModuleName": "audit",
                "SourceModuleType": "im_linuxaudit",
            }
        )
        assert (record.text, record.time, record.severity) == (
            "type=PATH name=/etc/hosts",
            1795600800.5,
            INFO,
        )
        assert set(record.shipper["nxlog"]) == {"EventReceivedTime", "SourceModuleName", "SourceModuleType"}


@pytest.mark.parametrize(
    "event",
    [
        {"EventID": 4625, "Channel": "Security", "Message": "An account failed to log on.\n\nSubject:"},
        {"EventTime": "2026-11-25 10:00:00", "Message": "saved", "Hostname": "gate"},
        {"SourceModuleType": "solar", "Message": "saved"},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
