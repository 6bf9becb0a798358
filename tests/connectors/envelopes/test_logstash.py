import pytest

from connectors.formats import parse
from connectors.records import ERROR, HOST, LOGGER, SERVICE
from tests.connectors.envelopes.messages import is_plain, read_one, same_as_alone

LINE = "Nov 25 09:59:59 web-1 sshd[812]: Accepted publickey for bo from 192.0.2.7 port 50022 ssh2"
STAMP = "2026-11-25T10:00:00.250Z"


def event(message=LINE, **others):
    return {
        "@timestamp": STAMP,
        "@version": "1",
        "host": {"name": "web-1"},
        "event": {"original": message},
        "log": {"file": {"path": "/var/log/auth.log"}},
        "message": message,
        "tags": ["_grokparsefailure"],
        **others,
    }


def test_the_line_is_read_as_if_it_had_come_alone():
    record = read_one(event())
    assert record.envelope == "logstash"
    assert same_as_alone(record, LINE)
    assert record.fields == parse(LINE.encode()).fields


def test_the_original_never_counts_twice():
    record = read_one(event())
    assert "original" not in record.shipper["logstash"]["event"]
    assert LINE not in record.fields.values()


def test_the_original_is_the_line_when_the_message_is_gone():
    message = event()
    del message["message"]
    assert same_as_alone(read_one(message), LINE)


def test_fields_that_filters_made_are_columns():
    grok = {
        "source": {"ip": "192.0.2.7"},
        "user": {"name": "bo"},
        "log": {"level": "ERROR", "logger": "Cart"},
    }
    record = read_one(event("refused", **grok))
    assert record.text == "refused"
    assert record.fields == {
        HOST: "web-1",
        "source.ip": "192.0.2.7",
        "user.name": "bo",
        "level": "ERROR",
        LOGGER: "Cart",
    }
    assert record.severity == ERROR


def test_a_host_that_is_a_name():
    assert read_one(event("x", host="db-2")).fields == {HOST: "db-2"}


def test_syslog_that_the_input_took_apart():
    record = read_one(
        event("Failed password for bo", program="sshd", pid="812", severity_label="Error", host="db-2")
    )
    assert record.text == "sshd: Failed password for bo"
    assert (record.fields[SERVICE], record.severity) == ("sshd", ERROR)


def test_what_filters_left_is_the_line_when_the_message_is_gone():
    record = read_one(
        {"@timestamp": STAMP, "@version": "1", "action": "login", "user": "bo", "tags": ["a"], "host": "h"}
    )
    assert record.text == "action=login user=bo"
    assert record.time == 1_795_600_800.25


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("{name=web-1}", "web-1"),
        ("{ip=[192.0.2.5], os={family=debian, version=12}, name=web-1, hostname=web-1}", "web-1"),
        ('{"name":"web-1"}', "web-1"),
        ("web-1", "web-1"),
        ("192.0.2.5", "192.0.2.5"),
    ],
)
@pytest.mark.parametrize("stamp", [STAMP, "2026-11-25T10:00:00.250123456Z"])
def test_the_plain_codec(host, name, stamp):
    record = read_one(f"{stamp} {host} {LINE}")
    assert record.envelope == "logstash"
    assert same_as_alone(record, LINE)
    assert read_one(f'{stamp} {host} {{"level":"info","msg":"up"}}').fields[HOST] == name


def test_the_plain_codec_without_a_host():
    record = read_one(f"{STAMP} %{{host}} disk almost full")
    assert (record.text, record.fields, record.time) == ("disk almost full", {}, 1_795_600_800.25)


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP} web-1 sshd[812]: Accepted publickey",
        f"{STAMP} login() {{",
        f"{STAMP} test_a.py::test_b <- test_a.py PASSED",
        "2026-11-25T10:00:00.2500000Z {name=web-1} seven digits are not Logstash's",
        f"{STAMP} INFO started",
        f"{STAMP} {{}} x",
        f"{STAMP} {{name=web-1",
        f"{STAMP} {{a:1}}",
        f"{STAMP} " + "{" * 5_000,
        f"{STAMP} ",
        STAMP,
        "2026-11-25T10:00:00Z {name=web-1} x",
    ],
)
def test_other_lines_that_begin_with_a_time_are_no_plain_codec(line):
    assert read_one(line).envelope == ""


@pytest.mark.parametrize(
    "lookalike",
    [
        {"@timestamp": STAMP, "message": "x", "user": "bo"},
        {"@timestamp": STAMP, "@version": "2.4", "message": "x"},
        {"@version": "1", "message": "x", "user": "bo"},
    ],
)
def test_an_applications_own_object_keeps_its_members(lookalike):
    assert is_plain(lookalike)
