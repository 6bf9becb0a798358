"""OpenTelemetry's logs: one line a record, the same in JSON and in protobuf."""

import base64
import contextlib
import json

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from connectors.envelopes import MAX_LINES, Reader
from connectors.envelopes.envelope import Undecodable
from connectors.envelopes.otlp import OtlpJson
from connectors.envelopes.otlp_proto import OtlpProto
from connectors.records import CONTAINER, ERROR, HOST, INFO, LEVEL, LOGGER, NAMESPACE, SERVICE, WARN


def read(value):
    return Reader().read(value if isinstance(value, bytes) else json.dumps(value).encode())


def attributes(**values):
    return [{"key": key.replace("__", "."), "value": value} for key, value in values.items()]


def message(*records, resource=(), scope=None):
    group = {
        "resource": {"attributes": list(resource)},
        "scopeLogs": [{"scope": scope or {}, "logRecords": list(records)}],
    }
    return {"resourceLogs": [group]}


def body(text, **others):
    return {"body": {"stringValue": text}, **others}


RESOURCE = attributes(
    service__name={"stringValue": "checkout"},
    host__name={"stringValue": "node-3"},
    k8s__namespace__name={"stringValue": "shop"},
    k8s__container__name={"stringValue": "app"},
    k8s__pod__name={"stringValue": "checkout-7d9f-x2x4z"},
    process__pid={"intValue": "4711"},
)


def test_every_record_is_a_line_with_its_own_time_severity_and_origin():
    records = [
        body(
            "order 17 placed",
            timeUnixNano="1764064800250000000",
            severityNumber=9,
            severityText="Information",
        ),
        body(
            "payment refused",
            timeUnixNano=1764064801000000000,
            severityNumber=17,
            traceId="5b8e",
            spanId="eee1",
        ),
        body(
            "no time of its own",
            observedTimeUnixNano="1764064802000000000",
            timeUnixNano="0",
            severityText="WARN",
        ),
        body("nothing but a body"),
    ]
    lines = read(message(*records, resource=RESOURCE, scope={"name": "shop.orders", "version": "2.1"}))
    assert [line.text for line in lines] == [record["body"]["stringValue"] for record in records]
    assert [line.time for line in lines] == [1764064800.25, 1764064801.0, 1764064802.0, None]
    assert [line.severity for line in lines] == [INFO, ERROR, WARN, INFO]
    origin = {SERVICE: "checkout", HOST: "node-3", NAMESPACE: "shop", CONTAINER: "app", LOGGER: "shop.orders"}
    assert lines[0].fields == origin | {LEVEL: "Information"}
    assert lines[1].fields == lines[3].fields == origin
    resource = {"k8s.pod.name": "checkout-7d9f-x2x4z", "process.pid": 4711}
    assert lines[1].shipper == {
        "otlp": {"resource": resource, "scope": {"version": "2.1"}, "traceId": "5b8e", "spanId": "eee1"}
    }
    assert lines[0].envelope == "otlp"


def test_a_body_is_read_as_if_it_had_come_alone():
    syslog, inner = read(
        message(
            body("<35>Nov 25 10:00:00 web1 sshd[812]: Failed password for root", severityNumber=5),
            body('{"level":"error","msg":"disk full","dev":"sda1"}', timeUnixNano="1764064800000000000"),
        )
    )
    assert (syslog.format, syslog.text) == ("rfc3164", "sshd: Failed password for root")
    assert inner.format == "json"
    assert inner.fields["dev"] == "sda1"
    assert inner.time == 1764064800.0


def test_attributes_are_columns_of_a_text_and_its_collectors_own_are_not():
    (line,) = read(
        message(
            body(
                "GET done",
                attributes=attributes(
                    http__status_code={"intValue": "200"},
                    http__route={"stringValue": "/cart/{id}"},
                    cached={"boolValue": True},
                    took={"doubleValue": 1.5},
                    tags={"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "2"}]}},
                    user={
                        "kvlistValue": {
                            "values": attributes(id={"intValue": "7"}, role={"stringValue": "admin"})
                        }
                    },
                    nothing={},
                    log__file__path={"stringValue": "/var/log/a.log"},
                    log__record__original={"stringValue": "GET done"},
                    log__iostream={"stringValue": "stderr"},
                    service__name={"stringValue": "own"},
                ),
            ),
            resource=RESOURCE[:1],
        )
    )
    assert line.text == "GET done"
    assert line.fields == {
        SERVICE: "own",
        "http.status_code": "200",
        "http.route": "/cart/{id}",
        "cached": "true",
        "took": "1.5",
        "tags": "a,2",
        "user.id": "7",
        "user.role": "admin",
    }
    made = {"log.file.path": "/var/log/a.log", "log.record.original": "GET done", "log.iostream": "stderr"}
    assert line.shipper == {"otlp": made}


def test_bodies_that_are_no_text():
    pairs = {"kvlistValue": {"values": attributes(event={"stringValue": "login"}, ok={"boolValue": False})}}
    own = attributes(event={"stringValue": "weaker"}, user={"stringValue": "eve"})
    raw = base64.b64encode(b"2025-11-25 10:00:00 starting up").decode()
    lines = read(
        message(
            {"body": pairs, "attributes": own},
            {"body": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}}},
            {"body": {"bytesValue": raw}},
            {"body": {"bytesValue": base64.b64encode(bytes(range(32))).decode()}},
            {"body": {"intValue": "42"}},
            {"body": {"boolValue": False}},
            {"eventName": "session.end", "attributes": own},
            {"body": {"stringValue": ""}, "eventName": "tick"},
            {},
        )
    )
    assert lines[0].fields == {"event": "login", "ok": "false", "user": "eve"}
    assert lines[0].text == "event=login user=eve ok=false"
    assert lines[1].text == "body=a,b"
    assert (lines[2].text, lines[2].time) == ("starting up", 1764064800.0)
    assert lines[3].parse_error == "OTLP body of 32 bytes that are no text"
    assert [line.text for line in lines[4:6]] == ["42", "false"]
    assert lines[6].fields == {"event": "weaker", "user": "eve", "event.name": "session.end"}
    assert lines[7].fields == {"event.name": "tick"}
    assert lines[8].parse_error == "empty value"


def test_other_spellings_are_the_same():
    old = {
        "resource_logs": [
            {
                "resource": {"attributes": RESOURCE},
                "instrumentationLibraryLogs": [
                    {
                        "instrumentationLibrary": {"name": "lib"},
                        "logs": [
                            {
                                "body": {"string_value": "started"},
                                "time_unix_nano": 1764064800000000000,
                                "severity_number": "SEVERITY_NUMBER_WARN2",
                                "attributes": {"n": 1},
                            }
                        ],
                    }
                ],
            }
        ]
    }
    (line,) = read(old)
    assert (line.text, line.time, line.severity) == ("started", 1764064800.0, WARN + 1)
    assert (line.fields[LOGGER], line.fields["n"], line.fields[SERVICE]) == ("lib", "1", "checkout")


def test_what_is_no_record_is_a_line_with_an_error_beside_the_good_ones():
    lines = read({"resourceLogs": [7, {"scopeLogs": ["x", {"logRecords": [None, body("good"), [1]]}]}]})
    assert [line.parse_error is None for line in lines] == [False, False, False, True, False]
    assert lines[0].parse_error == "OTLP: expected an object in resourceLogs"
    assert read({"resourceLogs": []}) == []


def test_a_resource_or_scope_whose_records_are_lost_is_a_line_with_an_error():
    for group, error in (
        ({"scopeLogs": 0}, "OTLP: expected an object in scopeLogs"),
        ({"scopeLogs": "x"}, "OTLP: expected an object in scopeLogs"),
        ({"resource": {}, "scopeLogz": [{"logRecords": [body("x")]}]}, "OTLP: scopeLogs is missing"),
        ({"scopeLogs": [{"scope": {}, "records": [body("x")]}]}, "OTLP: logRecords is missing"),
        ({"scopeLogs": {"logRecords": False}}, "OTLP: expected an object in logRecords"),
    ):
        (line,) = read({"resourceLogs": [group]})
        assert line.parse_error == error
    nothing_lost = [{}, {"resource": {}, "scopeLogs": None}, {"scopeLogs": [{"scope": {}, "logRecords": []}]}]
    assert read({"resourceLogs": nothing_lost}) == []


def test_resources_that_are_alike_in_many_messages_are_told_apart_by_all_they_say():
    reader = Reader()
    for text in "abab":
        other = [*RESOURCE, *attributes(service__version={"stringValue": text})]
        event = message(body("x"), resource=other, scope={"name": text})
        (line,) = reader.read(json.dumps(event).encode())
        assert line.fields[LOGGER] == text
        assert line.shipper["otlp"]["resource"]["service.version"] == text


def test_text_below_the_signature_is_json_without_it():
    assert read({"resourceLogs": "x"})[0].format == "json"


def test_odd_attributes_cost_no_line():
    odd = [
        {"key": 5, "value": {"stringValue": "five"}},
        {"key": ["a"]},
        "x",
        {"value": {}},
        {"key": "ok", "value": 1},
    ]
    for attributes_ in (odd, odd[:1], odd[3:], {"n": {"m": 1}}, 7, "text"):
        (line,) = read(message(body("priced", attributes=attributes_), resource=odd))
        assert (line.text, line.parse_error) == ("priced", None)
    (line,) = read(message(body("priced", attributes=odd)))
    assert (line.fields["5"], line.fields["ok"]) == ("five", "1")


def test_lines_of_one_file_and_stream_belong_together():
    def inner(**values):
        event = message(body("x", attributes=attributes(**values)), resource=RESOURCE)
        return OtlpJson().unwrap(event)[0].stream

    out = inner(log__iostream={"stringValue": "stdout"}, other={"stringValue": "1"})
    assert out == inner(log__iostream={"stringValue": "stdout"})
    assert out != inner(log__iostream={"stringValue": "stderr"})


def any_value(value):
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    return AnyValue()


def pairs(values):
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | TEXT
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["service.name", "host.name", "log.file.name", "container.name", "k8s.node.name", "", "a.b"]
)
ATTRIBUTES = st.dictionaries(NAMES | TEXT, VALUES, max_size=4).map(pairs)
NANOS = st.sampled_from([0, 1, 1764064800, 1764064800123456789, 2**64 - 1])
RECORDS = st.builds(
    LogRecord,
    time_unix_nano=NANOS,
    observed_time_unix_nano=NANOS,
    severity_number=st.integers(0, 24),
    severity_text=st.sampled_from(["", "INFO", "warning", "odd"]),
    body=VALUES.map(any_value),
    attributes=ATTRIBUTES,
    trace_id=st.sampled_from([b"", bytes(range(16))]),
    span_id=st.sampled_from([b"", bytes(range(8))]),
    event_name=st.sampled_from(["", "login"]),
)
SCOPES = st.builds(InstrumentationScope, name=TEXT, version=TEXT, attributes=ATTRIBUTES)
MESSAGES = st.builds(
    LogsData,
    resource_logs=st.lists(
        st.builds(
            ResourceLogs,
            resource=st.builds(Resource, attributes=ATTRIBUTES),
            scope_logs=st.lists(
                st.builds(ScopeLogs, scope=SCOPES, log_records=st.lists(RECORDS, max_size=3)), max_size=2
            ),
        ),
        min_size=1,
        max_size=2,
    ),
)


def as_json(data: LogsData) -> dict:
    """As the exporter's ``otlp_json`` has it: ids are hex there, not base64."""
    event = MessageToDict(data, use_integers_for_enums=True)
    for group in event.get("resourceLogs", []):
        for scoped in group.get("scopeLogs", []):
            for record in scoped.get("logRecords", []):
                for name in ("traceId", "spanId"):
                    if name in record:
                        record[name] = base64.b64decode(record[name]).hex()
    return json.loads(json.dumps(event))


@settings(max_examples=100, deadline=None)
@given(MESSAGES)
def test_protobuf_gives_the_same_lines_as_json(data):
    value = data.SerializeToString()
    assert OtlpProto().unwrap(value) == OtlpJson().unwrap(as_json(data))


def small() -> LogsData:
    records = [
        LogRecord(time_unix_nano=1764064800000000000 + n, body=any_value(f"line {n}")) for n in range(5)
    ]
    resource = Resource(attributes=pairs({"service.name": "cart"}))
    return LogsData(
        resource_logs=[ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=records)])]
    )


def test_protobuf_is_told_from_text():
    lines = read(small().SerializeToString())
    assert [(line.text, line.fields) for line in lines] == [
        (f"line {n}", {SERVICE: "cart"}) for n in range(5)
    ]
    for text in ("\n*\n" + "x" * 41, "\n\nthree lines\nof text\n", "\n~\ncut"):
        (line,) = read(text.encode())
        assert (line.envelope, line.parse_error) == ("", None)


def test_a_cut_protobuf_message_is_an_error_and_no_line_of_text():
    data = small()
    data.resource_logs[0].scope_logs[0].log_records[0].body.string_value = "long " * 100
    value = data.SerializeToString()
    for end in range(40, len(value)):
        (record,) = read(value[:end])
        assert record.parse_error


def test_other_protobuf_is_no_otlp_and_never_nothing():
    for value in (b"\n\x06\x12\x04\x7a\x02hi", b"\n\x04\x1a\x02\xff\xfe", b"\n\x03\x0a\x01\x00" * 3):
        (record,) = read(value)
        assert record.parse_error


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_change_of_protobuf_is_read_or_an_error(data):
    value = small().SerializeToString()
    at = data.draw(st.integers(0, len(value) - 1))
    changed = value[:at] + data.draw(st.binary(max_size=4)) + value[at + data.draw(st.integers(0, 4)) :]
    with contextlib.suppress(Undecodable):  # it may begin as Confluent's wire format does then
        assert Reader().read(changed) is not None


MEMBERS = (
    "resource attributes scopeLogs scope logRecords body stringValue intValue kvlistValue arrayValue values key value "
    "bytesValue doubleValue timeUnixNano severityNumber severityText traceId eventName name"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS.split()), inner, max_size=5)
    ),
    max_leaves=30,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_json_below_the_signature_is_read(value):
    for record in read({"resourceLogs": value}) + read(
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [value]}]}]}
    ):
        assert all(type(column) is str for column in record.fields.values())
        assert 1 <= record.severity <= 24


@pytest.mark.timeout(60)
def test_depth_and_number_are_bounded():
    deep = {"stringValue": "x"}
    for _ in range(200):
        deep = {"kvlistValue": {"values": attributes(a=deep)}}
    assert read(message({"body": deep}))
    (record,) = read(message(*[body("x")] * (MAX_LINES + 1)))
    assert str(MAX_LINES) in record.parse_error
