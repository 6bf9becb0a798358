import pytest

from connectors.records import ERROR, HOST, INFO, PID, SERVICE
from tests.connectors.envelopes.messages import is_plain, read_one


def entry(message="Failed password for bo", **others):
    return {
        "__CURSOR": "s=0;i=1",
        "__REALTIME_TIMESTAMP": "1795600800250000",
        "__MONOTONIC_TIMESTAMP": "81",
        "_BOOT_ID": "0123456789abcdef0123456789abcdef",
        "_MACHINE_ID": "0123456789abcdef0123456789abcdef",
        "_HOSTNAME": "db-2",
        "_TRANSPORT": "syslog",
        "_SYSTEMD_UNIT": "ssh.service",
        "_PID": "812",
        "PRIORITY": "3",
        "SYSLOG_FACILITY": "4",
        "SYSLOG_IDENTIFIER": "sshd",
        "MESSAGE": message,
        **others,
    }


def test_an_entry_equals_the_line_that_syslog_writes():
    record = read_one(entry())
    assert record.envelope == "journald"
    assert record.text == "sshd: Failed password for bo"
    assert record.fields == {HOST: "db-2", SERVICE: "sshd", PID: "812"}
    assert (record.time, record.severity) == (1_795_600_800.25, ERROR)
    assert record.shipper["journald"]["_SYSTEMD_UNIT"] == "ssh.service"


@pytest.mark.parametrize("message", ["sshd[812]: Failed password for bo", "sshd: Failed password for bo"])
def test_a_header_in_the_message_is_not_doubled(message):
    assert read_one(entry(message)).text == "sshd: Failed password for bo"


def test_byte_values_are_text():
    coloured = b"\x1b[0msshd[812]: Failed \xe2\x82\xac password\x1b[0m"
    assert read_one(entry(list(coloured))).text == "sshd: Failed € password"


def test_a_coloured_text_is_read_alike():
    assert read_one(entry("\x1b[31msshd[812]: Failed password\x1b[0m")).text == "sshd: Failed password"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (["one", "two"], "sshd: one\ntwo"),
        (None, "sshd"),
        ([300, -1], "sshd"),
        ([1.5, None, {}], "sshd"),
        ([], "sshd"),
        ({"a": 1}, "sshd"),
        (7, "sshd: 7"),
    ],
)
def test_messages_of_other_types(message, text):
    assert read_one(entry(message)).text == text


def test_the_program_is_the_command_when_there_is_no_identifier():
    message = entry("started", _COMM="backup")
    del message["SYSLOG_IDENTIFIER"]
    assert read_one(message).text == "backup: started"


@pytest.mark.parametrize(
    "members",
    [
        {
            "@timestamp": 1795600800.25,
            "PRIORITY": "6",
            "SYSLOG_IDENTIFIER": "sshd",
            "HOSTNAME": "db-2",
            "PID": "812",
        },
        {
            "date": 1795600800.25,
            "PRIORITY": "6",
            "SYSLOG_IDENTIFIER": "sshd",
            "_HOSTNAME": "db-2",
            "_PID": "812",
        },
    ],
)
def test_a_shippers_systemd_input(members):
    record = read_one({**members, "MESSAGE": "Failed password for bo"})
    assert record.text == "sshd: Failed password for bo"
    assert record.fields == {HOST: "db-2", SERVICE: "sshd", PID: "812"}
    assert (record.time, record.severity) == (1_795_600_800.25, INFO)


@pytest.mark.parametrize(
    "lookalike",
    [
        {"MESSAGE": "x", "PRIORITY": "6"},
        {"MESSAGE": "x", "USER": "bo"},
        {"__REALTIME_TIMESTAMP": "1795600800250000", "text": "x"},
    ],
)
def test_an_applications_own_object_keeps_its_members(lookalike):
    assert is_plain(lookalike)
