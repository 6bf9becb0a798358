"""OpenTelemetry's Protobuf is made JSON where that says the same, and left alone where it may not."""

from __future__ import annotations

import struct

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from connectors.envelopes import Reader, ReadingSettings
from connectors.envelopes.collecting import Buffer
from connectors.envelopes.otlp import OtlpJson
from connectors.envelopes.otlp_messages import split_protobuf
from connectors.envelopes.otlp_proto import OtlpProto
from connectors.envelopes.split import Split, split
from tests.connectors.envelopes.test_columnar import check
from tests.connectors.envelopes.test_otlp import MESSAGES, any_value, pairs


def as_json(value: bytes, behind: bytes = b"") -> bytes | None:
    """The JSON of a message behind which there are other bytes; None where it is left to the plain way."""
    buffer = Buffer([value, behind])
    found = split_protobuf(buffer, np.array([0]), np.array([len(value)]))
    if not found.good[0]:
        return None
    groups = [buffer.array[begin:end].tobytes() for begin, end, _ in found.groups]
    text = b'{"resourceLogs":[' + b",".join(groups) + b"]}"
    assert parts(found, buffer.array) == parts(*split_alone(text))
    return text


def split_alone(text: bytes) -> tuple[Split, NDArray[np.uint8]]:
    data = np.frombuffer(bytearray(text), np.uint8)
    return split(data, np.array([0]), np.array([len(text)])), data


def parts(found: Split, data: NDArray[np.uint8]) -> list[object]:
    """All that is in a message, as bytes."""
    spans = [[(data[b:e].tobytes(), held) for b, e, held in part] for part in found[:3]]
    return [spans, [found.pieces(data, group) for group in range(len(found.groups))], found.keys.tolist()]


def agrees(value: bytes) -> bool:
    """Whether it was transcoded; what was is undone as the message itself."""
    text = as_json(value)
    if text is not None:
        try:
            event = orjson.loads(text)
        except orjson.JSONDecodeError:  # no UTF-8: who reads the JSON sees that, and reads the message
            with pytest.raises(ValueError, match="broken"):
                OtlpProto().unwrap(value)
            return True
        assert OtlpJson().unwrap(event) == OtlpProto().unwrap(value)
    return text is not None


def message(*records: LogRecord, scope: InstrumentationScope | None = None) -> bytes:
    resource = Resource(attributes=pairs({"service.name": "cart", "host.name": "node-1"}))
    scoped = ScopeLogs(scope=scope, log_records=records, schema_url="https://example.com/schema")
    return LogsData(resource_logs=[ResourceLogs(resource=resource, scope_logs=[scoped])]).SerializeToString()


def framed(*parts: bytes) -> bytes:
    """Fields of one record as a message."""
    held = b"".join(parts)
    for tag in (b"\x12", b"\x12", b"\x0a"):
        held = tag + varint(len(held)) + held
    return held


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


NANOSECONDS = 1_795_600_800_123_456_789
RICH = message(
    LogRecord(
        time_unix_nano=NANOSECONDS,
        observed_time_unix_nano=NANOSECONDS + 1,
        severity_number=17,
        severity_text="ERROR",
        body=any_value('Grüße "an" \\alle\\\n\t\x01'),
        attributes=pairs(
            {
                "http.status_code": 503,
                "took": 1.25,
                "share": 0.1,
                "zero": 0.0,
                "low": -12.000001,
                "retried": True,
                "empty": "",
                "least": -(2**63),
                "tags": ["a", 1, [True, None], {"b": {"c": "d"}}],
                "log.file.name": "app.log",
            }
        ),
        dropped_attributes_count=2,
        flags=1,
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        event_name="refused",
    ),
    LogRecord(body=any_value({"user": {"id": 7}, "said": ["x"]})),
    LogRecord(time_unix_nano=0, observed_time_unix_nano=NANOSECONDS, body=any_value(False)),
    LogRecord(),
    scope=InstrumentationScope(
        name="shop", version="2", attributes=pairs({"a": 1}), dropped_attributes_count=3
    ),
)


@settings(max_examples=60, deadline=None)
@given(MESSAGES)
def test_any_message_is_undone_as_it_is_in_protobuf(data):
    agrees(data.SerializeToString())


def test_usual_messages_are_transcoded():
    assert agrees(RICH)
    event = orjson.loads(as_json(RICH))
    record = event["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert record["timeUnixNano"] == str(NANOSECONDS)
    assert record["traceId"] == bytes(range(16)).hex()


@pytest.mark.parametrize(
    "number", [0.5, 1e14, 123456.789, 1e-5, -2.75, 1 / 3, 1e300, -0.0, float("nan"), float("inf")]
)
def test_a_double_is_the_same_or_left_alone(number):
    few_digits = number in (0.5, 1e14, 123456.789, 1e-5, -2.75)
    records = [LogRecord(body=any_value("x"), attributes=pairs({"a": number}))] * 3
    assert agrees(message(*records)) == (few_digits and (number != 0))
    check([message(*records)])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_change_is_undone_as_it_is_in_protobuf_or_left_alone(data):
    at = data.draw(st.integers(0, len(RICH) - 1))
    piece = data.draw(st.binary(max_size=3) | st.sampled_from([b"\xff" * 4 + b"\x07", b"\x80\x00", b"\xc3"]))
    agrees(RICH[:at] + piece + RICH[at + data.draw(st.integers(0, 3)) :])


def test_what_is_behind_a_message_is_not_read():
    for end in range(len(RICH)):
        assert as_json(RICH[:end], RICH[end:]) == as_json(RICH[:end]) is None
    assert as_json(RICH, RICH) == as_json(RICH)


TEXT = b"\x2a\x03\x0a\x01x"


@pytest.mark.parametrize(
    "parts",
    [
        [TEXT, TEXT],  # a field twice
        [b"\x1a\x04WARN", b"\x10\x0d"],  # in another order
        [TEXT, b"\x7a\x01y"],  # a field that is not known
        [b"\x2b\x0a\x01x\x2c"],  # as a group
        [b"\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"],  # an enumeration beyond its bits
        [b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"],  # a number of more than 64 bits
        [b"\x10" + b"\x80" * 10 + b"\x00"],
        [b"\x2a\x83\x80\x80\x80\x80\x00\x0a\x01x"],  # a length in six bytes
        [b"\x2a\xff\xff\xff\xff\x0f\x0a\x01x"],  # a length of four gigabytes
        [b"\x2a\x06\x0a\x01x\x0a\x01y"],  # two values in one
        [b"\x2a\x02\x10\x02"],  # neither true nor false
        [b"\x2a\x03\x3a\x01x"],  # bytes
        [b"\x09\x00\x00"],  # a time that is cut
        [b"\x2a\x02\x7a\x00"],
    ],
)
def test_what_is_not_plain_for_sure_is_left_alone(parts):
    value = framed(*parts)
    assert as_json(value) is None
    good = message(LogRecord(time_unix_nano=NANOSECONDS, body=any_value("x")))
    plain = Reader().read(value)
    found = Reader().scan([good, value, good])
    assert [found.record(line) for line in range(1, len(found) - 1)] == plain


def test_a_number_in_more_bytes_than_it_needs_is_that_number():
    assert agrees(framed(b"\x10\x89\x80\x00", TEXT))


def test_a_message_without_records_is_left_alone():
    for value in (b"\x0a\x00", b"\x0a\x02\x12\x00", b"", b"\x0a"):
        assert as_json(value) is None


def test_depth_is_bounded():
    value = AnyValue(string_value="x")
    for _ in range(20):
        deeper = AnyValue()
        deeper.array_value.values.append(value)
        value = deeper
    assert as_json(message(LogRecord(body=value))) is None


def test_text_that_is_no_utf8_is_an_error_as_it_is_in_protobuf():
    good = message(LogRecord(time_unix_nano=NANOSECONDS, body=any_value("xyz"), severity_text="INFO"))
    for place in (b"xyz", b"INFO", b"cart", b"schema"):
        check([good, good.replace(place, b"\xed\xa0\x80" + place[3:]), good])


def test_any_number_of_empty_records_scopes_and_groups_is_read():
    many = 10_000
    records = message(*[LogRecord()] * many)
    scopes = ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord()])] * many)
    groups = [ResourceLogs()] * many
    values = [records, LogsData(resource_logs=[scopes, *groups]).SerializeToString()]
    found = Reader().scan([*values, RICH])
    assert np.bincount(found.messages).tolist() == [many, many, 4]


def test_there_is_room_for_what_grows_most():
    small = [LogRecord(body=AnyValue(bool_value=True), severity_number=1) for _ in range(3_000)]
    text = message(LogRecord(body=any_value("\x01" * 50_000)))
    assert all(map(agrees, (message(*small), text)))


@settings(max_examples=20, deadline=None)
@given(st.lists(MESSAGES.map(LogsData.SerializeToString), min_size=1, max_size=2))
def test_messages_are_read_as_each_by_itself(values):
    plain = [record for value in values for record in Reader().read(value)]
    found = READER.scan(values)
    assert [found.record(line) for line in range(len(found))] == plain
    check(values)


READER = Reader()


def test_large_messages_of_many_records_go_the_quick_way():
    records = [
        LogRecord(time_unix_nano=NANOSECONDS + n, body=any_value(f'{{"level":"info","took":{n}}}'), flags=n)
        for n in range(30)
    ]
    records[0].body.string_value = "long " * 14_000
    value = message(*records)
    assert check([value]) >= 29 / 30


def test_what_is_around_few_records_is_learned_when_it_comes_again():
    def value(host: str, many: int) -> bytes:
        records = [LogRecord(time_unix_nano=NANOSECONDS, body=any_value('{"level":"info","took":1}'))] * many
        resource = Resource(attributes=pairs({"host.name": host}))
        scoped = ScopeLogs(log_records=records)
        return LogsData(
            resource_logs=[ResourceLogs(resource=resource, scope_logs=[scoped])]
        ).SerializeToString()

    reader = Reader()
    found = reader.scan([value(f"node-{n}", 1) for n in range(40)])
    assert found.plainly == len(found) == 40
    assert not reader._columnar._records.holders
    assert reader.scan([value("node-41", 20)]).plainly == 0
    assert reader.scan([value("node-7", 2)]).plainly == 0
    assert reader.scan([value("node-77", 2)]).plainly == 2


def test_settings_hold_for_protobuf_too():
    value = message(LogRecord(body=any_value("Nov 25 10:00:00 web-1 cron[7]: done")))
    for chosen in ({"envelope": "filebeat"}, {"envelope": "none"}, {"zone": "Europe/Berlin"}):
        check([value, b'{"resourceLogs":[]}'], Reader(ReadingSettings(**chosen)))


def test_a_time_of_little_endian_bytes_is_that_time():
    value = framed(b"\x09" + struct.pack("<Q", NANOSECONDS), TEXT)
    (record,) = Reader().read(value)
    found = Reader().scan([value, value])
    assert found.rows.times.tolist() == [record.time] * 2
