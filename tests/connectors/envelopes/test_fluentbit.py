import pytest

from connectors.envelopes import Reader
from connectors.formats import parse
from connectors.records import CONTAINER, ERROR, HOST, NAMESPACE, PID, SERVICE
from tests.connectors.envelopes.messages import is_plain, read_one, same_as_alone

LINE = "Nov 25 09:59:59 web-1 sshd[812]: Accepted publickey for bo from 192.0.2.7 port 50022 ssh2"
POD = {
    "pod_name": "cart-7d9f-x2",
    "namespace_name": "shop",
    "pod_id": "01234567-89ab-cdef-0123-456789abcdef",
    "labels": {"app": "cart-api", "pod-template-hash": "7d9f"},
    "annotations": {"checksum/config": "ab"},
    "host": "node-3",
    "container_name": "cart",
    "docker_id": "c0ffee",
    "container_image": "registry.example.com/cart:1.4",
}
WHERE = {NAMESPACE: "shop", CONTAINER: "cart", HOST: "node-3", SERVICE: "cart-api"}


def event(log=LINE + "\n", **others):
    return {"@timestamp": 1795600800.25, "log": log, "stream": "stderr", "kubernetes": POD, **others}


def test_a_containers_line_is_read_as_if_it_had_come_alone():
    record = read_one(event())
    assert record.envelope == "fluentbit"
    assert record.text == parse(LINE.encode()).text
    assert record.fields == {**WHERE, **parse(LINE.encode()).fields}
    assert "log" not in record.shipper["fluentbit"]
    assert record.shipper["fluentbit"]["kubernetes"]["pod_name"] == "cart-7d9f-x2"


@pytest.mark.parametrize(
    "time",
    [
        {"@timestamp": 1795600800.25},
        {"@timestamp": "2026-11-25T10:00:00.250Z"},
        {"@timestamp": "2026-11-25T10:00:00.250000000Z"},
        {"date": 1795600800.25},
    ],
)
def test_the_time_in_each_format(time):
    record = read_one({**time, "log": "up\n", "stream": "stdout", "kubernetes": POD})
    assert (record.text, record.time, record.fields) == ("up", 1_795_600_800.25, WHERE)


def test_the_time_under_a_name_of_the_users_own():
    record = read_one({"when": 1795600800.25, "log": "up\n", "kubernetes": POD})
    assert (record.text, record.time) == ("up", 1_795_600_800.25)


def test_json_in_the_log_is_an_object():
    record = read_one(event('{"level":"error","msg":"refused"}\n'))
    assert (record.format, record.fields["msg"]) == ("json", "refused")
    assert record.fields[CONTAINER] == "cart"


def test_members_that_a_parser_added_are_columns():
    record = read_one(event("GET /cart 500\n", status=500, method="GET"))
    assert record.text == "GET /cart 500"
    assert record.fields == {**WHERE, "status": "500", "method": "GET"}
    assert read_one({"@timestamp": 1795600800.25, "log": "x", "kubernetes": POD, "a": 1}).fields["a"] == "1"


def test_a_merged_log_that_was_not_kept_is_an_object():
    message = event(level="error", msg="refused")
    del message["log"]
    record = read_one(message)
    assert record.text == "level=error msg=refused"
    assert record.fields[NAMESPACE] == "shop"


@pytest.mark.parametrize("name", ["message", "MESSAGE"])
def test_other_names_of_the_line(name):
    message = event(**{name: LINE})
    del message["log"]
    assert read_one(message).text == parse(LINE.encode()).text


@pytest.mark.parametrize(
    ("members", "partial"), [({"_p": "P"}, True), ({"logtag": "P"}, True), ({"_p": "F"}, False)]
)
def test_a_partial_line_says_so(members, partial):
    from orjson import dumps

    [unread] = Reader().unwrap(dumps(event(time="2026-11-25T10:00:00.1Z", **members)))
    assert unread.around.partial is partial


def test_stdout_and_stderr_are_streams_of_their_own():
    from orjson import dumps

    [one] = Reader().unwrap(dumps(event()))
    [other] = Reader().unwrap(dumps({**event(), "stream": "stdout"}))
    assert one.around.stream != other.around.stream


@pytest.mark.parametrize("name", ["@timestamp", "date"])
def test_a_line_of_a_file_has_nothing_but_a_time_beside_it(name):
    record = read_one({name: 1795600800.25, "log": LINE})
    assert record.envelope == "fluentbit"
    assert same_as_alone(record, LINE)


def test_a_parsed_syslog_line_equals_the_whole_one():
    parsed = {"pri": "35", "host": "db-2", "ident": "sshd", "pid": "812", "message": "Failed password for bo"}
    record = read_one({"@timestamp": 1795600800.25, **parsed})
    assert record.envelope == "fluentbit"
    assert record.text == "sshd: Failed password for bo"
    assert record.fields == {HOST: "db-2", SERVICE: "sshd", PID: "812"}
    assert (record.time, record.severity) == (1_795_600_800.25, ERROR)


@pytest.mark.parametrize(
    "lookalike",
    [
        {"log": "x", "stream": "y"},
        {"@timestamp": "2026-11-25T10:00:00Z", "log": "x"},
        {"@timestamp": 1795600800.25, "log": "x", "user": "bo"},
        {"@timestamp": 1795600800.25, "message": "x"},
        {"@timestamp": 7, "log": "x"},
        {"@timestamp": 1795600800.25, "log": "x", "kubernetes": {"replicas": 3}},
        {"@timestamp": 1795600800.25, "log": "x", "kubernetes": "1.31"},
        {"date": "2026-11-25", "log": "x", "kubernetes": {}},
    ],
)
def test_an_applications_own_object_keeps_its_members(lookalike):
    assert is_plain(lookalike)
