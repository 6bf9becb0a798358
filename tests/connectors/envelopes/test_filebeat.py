import pytest

from connectors.formats import parse
from connectors.records import CONTAINER, ERROR, HOST, INFO, LOGGER, NAMESPACE, PID, SERVICE, WARN
from tests.connectors.envelopes.messages import is_plain, read_one, same_as_alone

LINE = "Nov 25 09:59:59 web-1 sshd[812]: Accepted publickey for bo from 192.0.2.7 port 50022 ssh2"


def event(message=LINE, **others):
    return {
        "@timestamp": "2026-11-25T10:00:00.250Z",
        "@metadata": {"beat": "filebeat", "type": "_doc", "version": "9.2.0"},
        "host": {"name": "web-1", "ip": ["192.0.2.5"], "os": {"name": "Debian"}},
        "agent": {"id": "a1", "ephemeral_id": "e1", "name": "web-1", "type": "filebeat", "version": "9.2.0"},
        "ecs": {"version": "8.0.0"},
        "input": {"type": "filestream"},
        "log": {"offset": 512, "file": {"path": "/var/log/auth.log", "inode": "7", "device_id": "2"}},
        "message": message,
        **others,
    }


def test_the_line_is_read_as_if_it_had_come_alone():
    record = read_one(event())
    assert record.envelope == "filebeat"
    assert same_as_alone(record, LINE)
    assert record.line == LINE


def test_metadata_is_kept_apart_and_nested():
    record = read_one(event(tags=["prod"], fields={"team": "shop"}, cloud={"provider": "example"}))
    assert record.text == parse(LINE.encode()).text
    assert record.fields == parse(LINE.encode()).fields
    said = record.shipper["filebeat"]
    assert said["agent"]["version"] == "9.2.0"
    assert said["fields"] == {"team": "shop"}
    assert "message" not in said


def test_a_line_without_a_time_of_its_own_has_the_shippers():
    record = read_one(event("disk almost full"))
    assert (record.text, record.time, record.fields) == (
        "disk almost full",
        1_795_600_800.25,
        {HOST: "web-1"},
    )


def test_json_in_the_message_is_an_object_with_its_own_level():
    record = read_one(event('{"level":"error","msg":"refused","peer":"192.0.2.9"}'))
    assert record.format == "json"
    assert record.fields["peer"] == "192.0.2.9"
    assert "agent" not in record.text


@pytest.mark.parametrize(
    "others",
    [
        {"@metadata": None},  # as Logstash passes it on
        {"@metadata": None, "@version": "1", "tags": ["beats_input_codec_plain_applied"]},
        {
            "elastic_agent": {"id": "x", "snapshot": False, "version": "9.2.0"},
            "data_stream": {"type": "logs"},
        },
    ],
)
def test_elastic_agent_and_logstash_in_between(others):
    record = read_one({name: value for name, value in event(**others).items() if value is not None})
    assert record.envelope == "filebeat"
    assert same_as_alone(record, LINE)


def test_version_6_names_its_beat_and_its_file_otherwise():
    record = read_one(
        {
            "@timestamp": "2026-11-25T10:00:00.250Z",
            "beat": {"name": "web-1", "hostname": "web-1", "version": "6.8.0"},
            "host": {"name": "web-1"},
            "source": "/var/log/auth.log",
            "offset": 512,
            "prospector": {"type": "log"},
            "message": LINE,
        }
    )
    assert record.envelope == "filebeat"
    assert same_as_alone(record, LINE)


def test_kubernetes_metadata_says_where():
    pod = {
        "namespace": "shop",
        "pod": {"name": "cart-7d9f-x2", "uid": "u"},
        "node": {"name": "node-3"},
        "container": {"name": "cart"},
        "labels": {"app": "cart", "pod-template-hash": "7d9f"},
    }
    container = {"id": "c0ffee", "runtime": "containerd", "image": {"name": "registry.example.com/cart:1.4"}}
    record = read_one(event("ready", kubernetes=pod, container=container, stream="stderr"))
    assert record.text == "ready"
    assert record.fields == {NAMESPACE: "shop", CONTAINER: "cart", HOST: "node-3", SERVICE: "cart"}


def test_syslog_that_an_input_took_apart_reads_as_the_whole_line():
    parsed = {
        "hostname": "db-2",
        "process": {"program": "sshd", "pid": 812},
        "syslog": {
            "facility": 4,
            "facility_label": "security/authorization",
            "priority": 38,
            "severity_label": "Notice",
        },
        "event": {"severity": 5},
    }
    record = read_one(event("Failed password for bo", **parsed))
    assert record.text == "sshd: Failed password for bo"
    assert {name: record.fields[name] for name in (HOST, SERVICE, PID)} == {
        HOST: "db-2",
        SERVICE: "sshd",
        PID: "812",
    }
    assert record.severity == INFO + 1


@pytest.mark.parametrize(
    "others",
    [
        {"syslog": {"priority": 35}},
        {"log": {"syslog": {"priority": 35, "severity": {"name": "Error"}}}},
        {"log": {"syslog": {"severity": {"code": 3}}}},
        {"log": {"syslog": {"priority": 3}}},  # of the journald input: the severity alone
        {"event": {"severity": 3}},
    ],
)
def test_syslogs_severity_wherever_an_input_puts_it(others):
    assert read_one(event("x", **others)).severity == ERROR


def test_a_processors_fields_are_columns_and_not_text():
    parsed = {
        "log": {"level": "error", "logger": "com.example.Cart", "file": {"path": "/a"}, "offset": 1},
        "event": {
            "dataset": "nginx.error",
            "original": "..",
            "created": "2026-11-25T10:00:00.250Z",
            "code": "E7",
        },
        "service": {"type": "nginx"},
        "source": {"ip": "192.0.2.8"},
        "error": {"type": "Timeout", "stack_trace": "at x"},
    }
    record = read_one(event("upstream timed out", **parsed))
    assert record.text == "upstream timed out"
    assert record.severity == ERROR
    assert record.fields == {
        HOST: "web-1",
        SERVICE: "nginx",
        LOGGER: "com.example.Cart",
        "level": "error",
        "event.dataset": "nginx.error",
        "event.code": "E7",
        "source.ip": "192.0.2.8",
        "error.type": "Timeout",
    }


def test_decoded_json_is_the_line_when_the_message_is_gone():
    record = read_one(event(None, json={"level": "warn", "msg": "slow", "took": 12}))
    assert record.text == "level=warn msg=slow took=12"
    assert record.fields[HOST] == "web-1"


def test_what_other_beats_make_is_an_object_without_their_metadata():
    made = event(
        None, event={"action": "network_flow", "created": "x"}, network={"transport": "tcp"}, type="flow"
    )
    made["@metadata"]["beat"] = "packetbeat"
    record = read_one(made)
    assert record.envelope == "filebeat"
    assert record.text == "action=network_flow transport=tcp type=flow"


def test_an_audited_message_keeps_what_auditbeat_parsed_as_columns():
    record = read_one(event("type=SYSCALL", user={"name": "bo"}, process={"executable": "/bin/sh"}))
    assert record.fields["user.name"] == "bo"
    assert record.fields["process.executable"] == "/bin/sh"


@pytest.mark.parametrize("message", [5, 1.5])
def test_a_message_that_is_a_number_is_its_text(message):
    assert read_one(event(message)).text == str(message)


@pytest.mark.parametrize(
    "lookalike",
    [
        {"@timestamp": "2026-11-25T10:00:00.250Z", "message": "hi", "user": "bo"},
        {"@timestamp": "2026-11-25T10:00:00.250Z", "message": "hi", "agent": "Mozilla/5.0"},
        {"@timestamp": "2026-11-25T10:00:00.250Z", "message": "hi", "agent": {"type": "bot", "version": "2"}},
        {"@timestamp": "2026-11-25T10:00:00.250Z", "message": "hi", "@metadata": {"beats": 4}},
        {"@timestamp": "2026-11-25T10:00:00.250Z", "message": "hi", "beat": 4},
        {"message": "hi", "host": "web-1"},
        {"message": "hi", "host": {"name": "web-1"}, "log": {"level": "info"}},
    ],
)
def test_an_applications_own_object_keeps_its_members(lookalike):
    assert is_plain(lookalike)


def test_severity_of_a_level_word_counts_when_the_line_has_none():
    assert read_one(event("x", log={"level": "WARN"})).severity == WARN
