"""rsyslog's templates and its jsonmesg property. All messages are made up."""

import pytest

from connectors.records import ERROR, INFO
from tests.connectors.envelopes.messages import is_plain, read_one, same_as_alone

JSONMESG = {
    "msg": " Failed password for root from 192.0.2.9 port 4242 ssh2",
    "rawmsg": "<38>Nov 25 10:00:00 gate sshd[812]: Failed password for root from 192.0.2.9 port 4242 ssh2",
    "timereported": "2026-11-25T10:00:00.500000+00:00",
    "hostname": "gate",
    "syslogtag": "sshd[812]:",
    "inputname": "imuxsock",
    "fromhost": "gate",
    "fromhost-ip": "127.0.0.1",
    "pri": "38",
    "syslogfacility": "4",
    "syslogseverity": "3",
    "timegenerated": "2026-11-25T10:00:07.000000+00:00",
    "programname": "sshd",
    "protocol-version": "0",
    "structured-data": "-",
    "app-name": "sshd",
    "procid": "812",
    "msgid": "-",
    "uuid": None,
    "$!": {"tag": "edge"},
}
STANDARD = {
    "message": " session opened for user amy",
    "fromhost": "gate",
    "facility": "authpriv",
    "priority": "err",
    "timereported": "2026-11-25T10:00:00+00:00",
    "timegenerated": "2026-11-25T10:00:01+00:00",
}


class TestJsonmesg:
    def test_reads_as_the_syslog_line_that_it_was(self):
        record = read_one(JSONMESG)
        line = "2026-11-25T10:00:00.5Z gate sshd[812]: Failed password for root from 192.0.2.9 port 4242 ssh2"
        assert same_as_alone(record, line)
        assert record.envelope == "rsyslog"

    def test_the_message_counts_once_and_the_rest_is_the_shippers(self):
        record = read_one(JSONMESG)
        assert record.text.count("Failed password") == 1
        assert "Failed" not in str(record.shipper)
        assert record.shipper["rsyslog"]["$!"] == {"tag": "edge"}
        assert "imuxsock" not in record.fields.values()

    def test_severity_is_syslogs(self):
        assert read_one(JSONMESG).severity == ERROR

    def test_the_senders_time_goes_before_the_receivers(self):
        unstated = {**JSONMESG, "timereported": "-"}
        assert read_one(unstated).time == read_one(JSONMESG).time + 6.5

    def test_the_inner_line_has_its_own_format(self):
        record = read_one({**JSONMESG, "msg": ' {"user":"amy","action":"login"}'})
        assert record.format == "json"
        assert record.fields["user"] == "amy"


class TestTemplates:
    def test_standard_names_no_program(self):
        record = read_one(STANDARD)
        assert record.text == "session opened for user amy"
        assert record.fields == {"host.name": "gate"}
        assert (record.severity, record.time) == (ERROR, 1795600800.0)

    def test_full_reads_as_the_syslog_line(self):
        full = {**STANDARD, "programname": "su", "procid": "77", "msgid": "-"}
        line = "2026-11-25T10:00:00+00:00 gate su[77]: session opened for user amy"
        assert same_as_alone(read_one(full), line)


@pytest.mark.parametrize(
    "event",
    [
        {"message": "saved", "facility": "plant 2", "priority": "high"},
        {"msg": "saved", "syslogtag": "x"},
        {"message": "m", "fromhost": "h", "timereported": "2026-11-25T10:00:00Z"},
        {**STANDARD, "message": {"a": "b"}},
        {**JSONMESG, "msg": None},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)


def test_values_of_other_types_do_no_harm():
    record = read_one(
        {**STANDARD, "fromhost": ["x"], "priority": 5, "timereported": {}, "timegenerated": None}
    )
    assert (record.text, record.time, record.severity) == ("session opened for user amy", None, INFO)
