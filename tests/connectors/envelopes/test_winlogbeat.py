import pytest

from connectors.records import ERROR, HOST, INFO, WARN
from tests.connectors.envelopes.messages import is_plain, read_one

TAIL = "\n\nSubject:\n\tSecurity ID:\t\tS-1-5-18\n\tAccount Name:\t\tWEB$\n"


def event(**others):
    return {
        "@timestamp": "2026-11-25T10:00:00.000Z",
        "@metadata": {"beat": "winlogbeat", "version": "9.2.0"},
        "agent": {"type": "winlogbeat", "version": "9.2.0"},
        "ecs": {"version": "8.0.0"},
        "event": {
            "code": "4688",
            "provider": "Microsoft-Windows-Security-Auditing",
            "action": "Process Creation",
            "outcome": "success",
            "created": "2026-11-25T10:00:01.000Z",
            "original": "<Event/>",
        },
        "host": {"name": "web"},
        "log": {"level": "information"},
        "message": "A new process has been created." + TAIL,
        "winlog": {
            "channel": "Security",
            "computer_name": "WEB.example.com",
            "event_id": "4688",
            "record_id": 70001,
            "provider_guid": "{01234567-89ab-cdef-0123-456789abcdef}",
            "keywords": ["Audit Success"],
            "process": {"pid": 4, "thread": {"id": 88}},
            "event_data": {
                "NewProcessName": "C:\\cmd.exe",
                "CommandLine": "cmd /c dir",
                "SubjectUserName": "bo",
            },
        },
        "related": {"user": ["bo"]},
        **others,
    }


def test_the_line_is_what_happened_and_its_data():
    record = read_one(event())
    assert record.envelope == "winlogbeat"
    assert record.text == (
        "code=4688 provider=Microsoft-Windows-Security-Auditing action=Process Creation outcome=success "
        "message=A new process has been created. channel=Security "
        "NewProcessName=C:\\cmd.exe CommandLine=cmd /c dir SubjectUserName=bo"
    )
    assert record.fields["winlog.event_data.CommandLine"] == "cmd /c dir"
    assert record.fields[HOST] == "web"
    assert (record.time, record.severity) == (1_795_600_800.0, INFO)


def test_the_rest_is_kept_apart():
    said = read_one(event()).shipper["winlogbeat"]
    assert said["winlog"]["record_id"] == 70001
    assert "event_data" not in said["winlog"]
    assert "message" not in said


def test_kinds_are_told_apart_by_their_code():
    other = event()
    other["event"]["code"] = "4689"
    assert read_one(event()).text != read_one(other).text


def test_the_code_is_taken_from_windows_when_the_schema_lacks_it():
    assert read_one(event(event={})).text.startswith("code=4688 ")


def test_a_forwarded_event_is_of_its_computer():
    forwarded = event(host={"name": "collector"})
    assert read_one(forwarded).fields[HOST] == "WEB.example.com"


@pytest.mark.parametrize(
    ("level", "severity"), [("warning", WARN), ("error", ERROR), (None, INFO), (7, INFO)]
)
def test_the_level_is_the_severity(level, severity):
    assert read_one(event(log={"level": level})).severity == severity


def test_an_audited_failure_is_a_warning():
    failed = event()
    failed["winlog"]["keywords"] = ["Audit Failure"]
    assert read_one(failed).severity == WARN


def test_what_a_module_moved_out_of_the_data_stays_in_the_line():
    moved = event(
        process={"executable": "C:\\cmd.exe", "command_line": "cmd /c whoami", "pid": 7, "name": "cmd.exe"},
        user={"name": "bo", "id": "S-1-5-18"},
        destination={"ip": "192.0.2.4"},
    )
    text = read_one(moved).text
    assert "command_line=cmd /c whoami" in text
    assert "ip=192.0.2.4" in text
    assert text.count("C:\\cmd.exe") == 1  # copied
    assert text.count("=bo") == 1
    assert "pid" not in text


def test_an_event_without_a_message():
    record = read_one(event(message=None))
    assert "message=" not in record.text
    assert record.text.startswith("code=4688")


def test_version_6_has_the_same_line():
    record = read_one(
        {
            "@timestamp": "2026-11-25T10:00:00.000Z",
            "@metadata": {"beat": "winlogbeat", "type": "doc", "version": "6.7.0", "topic": "winlogbeat"},
            "beat": {"name": "collector", "hostname": "collector", "version": "6.7.0"},
            "host": {"name": "collector"},
            "type": "wineventlog",
            "log_name": "Security",
            "event_id": 4625,
            "source_name": "Microsoft-Windows-Security-Auditing",
            "computer_name": "WEB.example.com",
            "level": "Information",
            "keywords": ["Audit Failure"],
            "opcode": "Info",
            "process_id": 4,
            "thread_id": 88,
            "record_number": "70001",
            "provider_guid": "{01234567-89ab-cdef-0123-456789abcdef}",
            "message": "An account failed to log on." + TAIL,
            "event_data": {"TargetUserName": "bo", "LogonType": "3"},
        }
    )
    assert record.envelope == "winlogbeat"
    assert record.text == (
        "code=4625 provider=Microsoft-Windows-Security-Auditing message=An account failed to log on. "
        "channel=Security TargetUserName=bo LogonType=3"
    )
    assert record.fields[HOST] == "WEB.example.com"
    assert record.severity == WARN


@pytest.mark.parametrize(
    "lookalike",
    [
        {"@timestamp": "2026-11-25T10:00:00.000Z", "winlog": "on", "message": "x"},
        {"@timestamp": "2026-11-25T10:00:00.000Z", "winlog": {"size": "3"}, "message": "x"},
        {"winlog": {"channel": "Security"}, "message": "x"},
        {"@timestamp": "2026-11-25T10:00:00.000Z", "event_id": "7", "log_name": "a", "beat": "b"},
    ],
)
def test_an_applications_own_object_keeps_its_members(lookalike):
    assert is_plain(lookalike)
