import pytest

from connectors.records import ERROR, HOST, INFO, WARN
from tests.connectors.envelopes.messages import is_plain, read_one


def event(**others):
    return {
        "@timestamp": 1795600800.25,
        "ProviderName": "Microsoft-Windows-Security-Auditing",
        "ProviderGuid": "{01234567-89ab-cdef-0123-456789abcdef}",
        "Qualifiers": "",
        "EventID": 4625,
        "Version": 0,
        "Level": 0,
        "Task": 12544,
        "Opcode": 0,
        "Keywords": "0x8010000000000000",
        "TimeCreated": "2026-11-25 10:00:00 +0000",
        "EventRecordID": 70001,
        "ProcessID": 4,
        "ThreadID": 88,
        "Channel": "Security",
        "Computer": "WEB.example.com",
        "UserID": "",
        "Message": "An account failed to log on.\r\n\r\nSubject:\r\n\tAccount Name:\t\tbo\r\n",
        "StringInserts": ["S-1-5-18", "bo", 3, "0x3e7"],
        **others,
    }


def test_the_line_is_what_happened_and_its_values():
    record = read_one(event())
    assert record.envelope == "winevtlog"
    assert record.text == (
        "ProviderName=Microsoft-Windows-Security-Auditing EventID=4625 Channel=Security "
        "message=An account failed to log on. StringInserts=S-1-5-18,bo,3,0x3e7"
    )
    assert record.fields[HOST] == "WEB.example.com"
    assert (record.time, record.severity) == (1_795_600_800.25, WARN)


@pytest.mark.parametrize(
    ("level", "keywords", "severity"),
    [(2, "0x80", ERROR), (3, "", WARN), (4, "0x8020000000000000", INFO), (4, "odd", INFO), ("2", None, INFO)],
)
def test_the_level_is_the_severity(level, keywords, severity):
    assert read_one(event(Level=level, Keywords=keywords)).severity == severity


def test_an_applications_own_object_keeps_its_members():
    assert is_plain({"ProviderName": "a", "EventID": 7, "Channel": "b", "Message": "x"})
