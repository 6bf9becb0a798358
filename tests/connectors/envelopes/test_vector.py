import pytest

from connectors.formats import parse
from connectors.records import CONTAINER, ERROR, HOST, INFO, LOGGER, NAMESPACE, PID, SERVICE, WARN
from tests.connectors.envelopes.messages import is_plain, read_one, same_as_alone

LINE = "Nov 25 09:59:59 web-1 sshd[812]: Accepted publickey for bo from 192.0.2.7 port 50022 ssh2"
STAMP = "2026-11-25T10:00:00.250Z"


def event(source, **members):
    return {"host": "web-1", "message": LINE, "source_type": source, "timestamp": STAMP, **members}


def test_a_file():
    record = read_one(event("file", file="/var/log/auth.log"))
    assert record.envelope == "vector"
    assert same_as_alone(record, LINE)
    assert record.fields == parse(LINE.encode()).fields
    assert record.shipper["vector"]["file"] == "/var/log/auth.log"


def test_kubernetes():
    pod = {
        "container_image": "registry.example.com/cart:1.4",
        "container_name": "cart",
        "namespace_labels": {"kubernetes.io/metadata.name": "shop"},
        "pod_labels": {"app.kubernetes.io/name": "cart-api", "pod-template-hash": "7d9f"},
        "pod_name": "cart-7d9f-x2",
        "pod_namespace": "shop",
        "pod_node_name": "node-3",
        "pod_uid": "u",
    }
    message = {
        **event("kubernetes_logs", file="/var/log/pods/a/0.log", kubernetes=pod, stream="stderr"),
        "message": "up",
    }
    del message["host"]
    record = read_one(message)
    assert record.text == "up"
    assert record.fields == {NAMESPACE: "shop", CONTAINER: "cart", HOST: "node-3", SERVICE: "cart-api"}
    assert record.time == 1_795_600_800.25


def test_syslog_equals_the_line_with_its_header():
    message = {
        **event("syslog", appname="sshd", facility="auth", hostname="db-2", msgid="ID47", procid=812),
        "severity": "err",
        "source_ip": "192.0.2.1",
        "version": 1,
        "exampleSDID@32473": {"iut": "3"},
        "message": "Failed password for bo",
    }
    record = read_one(message)
    line = (
        '<35>1 2026-11-25T10:00:00.250Z db-2 sshd 812 ID47 [exampleSDID@32473 iut="3"] Failed password for bo'
    )
    alone = parse(line.encode())
    assert (record.text, record.time) == (alone.text, alone.time)
    assert record.fields == {**alone.fields, "severity": "err"}
    assert record.severity == ERROR


def test_journald():
    message = event(
        "journald",
        message="Failed password for bo",
        PRIORITY="4",
        SYSLOG_IDENTIFIER="sshd",
        _PID="812",
        _SYSTEMD_UNIT="ssh.service",
        _BOOT_ID="0" * 32,
        __REALTIME_TIMESTAMP="1795600800250000",
    )
    record = read_one(message)
    assert record.text == "sshd: Failed password for bo"
    assert record.fields == {HOST: "web-1", SERVICE: "sshd", PID: "812"}
    assert (record.time, record.severity) == (1_795_600_800.25, WARN)


def test_a_native_event_is_below_log():
    record = read_one({"log": event("file", file="/var/log/auth.log")})
    assert record.envelope == "vector"
    assert same_as_alone(record, LINE)


def test_docker_names_its_container():
    members = {
        "container_id": "c0ffee",
        "container_name": "cart",
        "image": "cart:1.4",
        "label": {},
        "stream": "stdout",
    }
    assert read_one(event("docker_logs", **members)).fields[CONTAINER] == "cart"


def test_open_telemetry_names_its_service():
    members = {
        "resources": {"service.name": "cart"},
        "scope": {"name": "com.example.Cart"},
        "severity_number": 17,
    }
    record = read_one(
        event("opentelemetry", **{**members, "message": "refused", "attributes": {"peer": "192.0.2.9"}})
    )
    assert record.fields == {
        HOST: "web-1",
        SERVICE: "cart",
        LOGGER: "com.example.Cart",
        "attributes.peer": "192.0.2.9",
    }
    assert (record.text, record.severity) == ("refused", ERROR)


def test_what_a_transform_parsed_is_columns():
    record = read_one(
        event("file", file="/a", message="GET /cart", level="warn", status=500, user={"name": "bo"})
    )
    assert record.text == "GET /cart"
    assert record.fields == {HOST: "web-1", "level": "warn", "status": "500", "user.name": "bo"}
    assert record.severity == WARN


def test_what_was_decoded_is_the_line_when_no_message_is_left():
    message = event("http_server", path="/", status=500, action="buy")
    del message["message"]
    assert read_one(message).text == "path=/ status=500 action=buy"


@pytest.mark.parametrize(
    "lookalike",
    [
        {"source_type": "user", "timestamp": STAMP, "message": "x"},
        {"source_type": "file", "message": "x"},
        {"source_type": ["file"], "timestamp": STAMP, "message": "x"},
        {"log": {"message": "x", "level": "info"}},
        {"log": "x"},
        {"file": "/a", "host": "web-1", "message": "x", "timestamp": STAMP},
    ],
)
def test_an_applications_own_object_keeps_its_members(lookalike):
    assert is_plain(lookalike)


def test_severity_is_unstated_by_default():
    assert read_one(event("file", file="/a", message="x")).severity == INFO
