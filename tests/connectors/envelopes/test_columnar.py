"""Many messages read at once are read as each by itself, and most of them the quick way."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
from itertools import islice
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.envelopes import Reader, ReadingSettings
from connectors.envelopes.columnar import Scanned
from connectors.records import Record
from encoder_core.templates.batch import decoded
from stream_processors.demo.scenario import scenario
from stream_processors.demo.scenario.envelopes import ENVELOPES, wrap

LINES = list(scenario(lines=300))
CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
TEXTS = ("text", "raw", "rfc3164", "rfc5424")


def check(values: list[bytes], reader: Reader | None = None) -> float:
    """Reads values three times at once, so that all that can be known is; the share of lines that were."""
    quick, plain = reader or Reader(), Reader() if reader is None else Reader(reader.settings)
    unread = [(m, i, one) for m, value in enumerate(values) for i, one in enumerate(plain.unwrap(value))]
    if any(one.around is not None and one.around.partial for *_, one in unread):
        assert quick.scan(values) is None
        return 0.0
    wanted = [(m, i, record) for m, i, one in unread if (record := plain.parse(one)) is not None]
    for _ in range(2):
        quick.scan(values)
    found = quick.scan(values)
    assert found is not None
    assert not found.failed
    assert list(zip(found.messages.tolist(), found.indexes.tolist(), strict=True)) == [w[:2] for w in wanted]
    for line, (message, _, record) in enumerate(wanted):
        assert as_row(found, line) == as_wanted(record), values[message]
        assert found.record(line) == record
    return 1 - found.plainly / max(1, len(found))


def as_row(found: Scanned, line: int) -> tuple[object, ...]:
    rows, data = found.rows, found.buffer
    layout = found.layouts[rows.layouts[line]]
    columns = range(int(rows.starts[line]), int(rows.starts[line + 1]))
    fields = {
        name: decoded(data[rows.begins[at] : rows.ends[at]].tobytes())
        for name, at in zip(layout.names, columns, strict=True)
    }
    begin, time = int(rows.text_begins[line]), float(rows.times[line])
    text = decoded(data[begin : rows.text_ends[line]].tobytes()) if begin >= 0 else ""
    stated = None if math.isnan(time) else time
    return (
        *(layout.format, list(fields.items()), text, stated),
        *(int(rows.severities[line]), bool(rows.broken[line])),
    )


def as_wanted(record: Record) -> tuple[object, ...]:
    fields = [(name, value) for name, value in record.fields.items() if name not in record.given]
    text = record.text if record.message is None and record.format in TEXTS else record.message
    return record.format, fields, text or "", record.time, record.severity, record.parse_error is not None


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_messages_of_every_shipper_are_read_as_each_by_itself(envelope):
    check([message.value for message in wrap(LINES, envelope)])


@pytest.mark.parametrize(
    "envelope",
    [
        "filebeat",
        "elastic_agent",
        "fluentbit",
        "docker",
        "otlp_json",
        "otlp_proto",
        "vector",
        "vector_kubernetes",
    ],
)
def test_json_in_the_usual_envelopes_goes_the_quick_way(envelope):
    lines = [line for line in LINES if line.line[0] == "{"]
    assert check([message.value for message in wrap(lines, envelope)]) >= 0.95


def test_json_lines_go_the_quick_way():
    values = [line.line.encode() for line in LINES if line.line[0] == "{"]
    assert check(values) >= 0.95


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_real_lines_are_read_as_each_by_itself():
    values = []
    for path in sorted(CORPUS.glob("*.jsonl.gz")):
        with gzip.open(path, "rb") as stream:
            values += [line.rstrip(b"\n") for line in islice(stream, 40)]
    assert check(values) >= 0.3


def mutations(text: bytes) -> st.SearchStrategy[bytes]:
    """A message with a part of it cut out, doubled or replaced."""
    pieces = [
        b"",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b",",
        b":",
        b"0",
        b"-",
        b"1e5",
        b"null",
        b"true",
        b"\x00",
        b"\xff",
    ]
    pieces += [b" ", b"\\u0041", b"\\ud83d", b"\\n", b"\xc3\xa9", b'"a":1,', b"-0", b"00", b"2.50"]
    place = st.integers(0, len(text))
    return st.tuples(place, st.integers(0, 8), st.sampled_from(pieces)).map(
        lambda cut: text[: cut[0]] + cut[2] + text[cut[0] + cut[1] :]
    )


SAMPLES = [line.line.encode() for line in LINES if line.line[0] == "{"][:40]
for _envelope in ("filebeat", "fluentbit", "docker", "otlp_json", "otlp_proto"):
    SAMPLES += [message.value for message in islice(wrap(LINES[:40], _envelope), 20)]
READER = Reader()
for _ in range(3):
    READER.scan(SAMPLES)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SAMPLES).flatmap(mutations))
def test_damaged_messages_are_read_as_each_by_itself(value):
    check([value], READER)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b.c", "message", "time", "level", "é"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["a", "a.b", "message", "log", "time", "level", "@timestamp", "ü"]), JSON, min_size=1
    )
)
def test_any_object_is_read_as_by_itself(event):
    check([json.dumps(event, ensure_ascii=bool(len(event) % 2)).encode()], READER)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":{"b":1},"a":"x"}',
        '{"a":-0}',
        '{"a":1.0,"b":1e3,"c":12345678901234567890}',
        '{"a":"\\u0000"}',
        '{"a":"\\ud800"}',
        '{"a":"\\u00e9\\u20ac\\n\\t\\"\\\\/"}',
        '{"a":true,"b":null,"c":[],"d":{},"e":[1,"x",{"f":2}]}',
        '{"a":[1,]}',
        '{"a":1}x',
        '{"a":1} \n',
        '{"message":true,"msg":"x"}',
        '{"message":"","msg":"said"}',
        '{"level":"error","time":"2026-11-25T10:00:00Z"}',
        '{"time":"no time","ts":1795600800.5}',
        '{"a":"' + "x" * 70_000 + '"}',
        "{" + ",".join(f'"n{n}":{n}' for n in range(300)) + "}",
        '{"a":' * 40 + "1" + "}" * 40,
    ],
)
def test_odd_objects_are_read_as_by_themselves(text):
    check([text.encode()])


def filebeat(message: str, **beside: object) -> bytes:
    event = {
        "@timestamp": "2026-11-25T10:00:00.000Z",
        "@metadata": {"beat": "filebeat"},
        "agent": {"type": "filebeat", "version": "9.2.0"},
        "host": {"name": "web-1"},
        "log": {"offset": 7, "file": {"path": "/var/log/app.log"}},
        "message": message,
    }
    return orjson.dumps({**event, **beside})


@pytest.mark.parametrize(
    "message",
    [
        "",
        " ",
        "plain text",
        "Grüße aus Köln",
        '{"a":1}',
        '{"a":1',
        '{ "a":1}',
        '[{"a":1},{"a":2}]',
        '"text"',
        '{"log":"inner\\n","stream":"stdout","time":"2026-11-25T10:00:00Z"}',
        "2026-11-25T10:00:00.000000000Z stderr F from a container",
        "<13>Nov 25 10:00:00 web-1 cron[7]: done",
        "a\nb",
        "line\r\n",
        '{"a":"é","b":2}',
    ],
)
def test_whatever_an_envelope_holds_is_read_as_by_itself(message):
    check([filebeat(message), filebeat(message, stream="stdout")])


@pytest.mark.parametrize("wrapped", [bytes, lambda line: filebeat(line.decode())])
@pytest.mark.parametrize("before", [b"", b"\x1b[0m"])
def test_a_header_line_counts_for_the_lines_behind_it_and_no_others(wrapped, before):
    named = before + b"type region az-id traffic-path instance-id"
    line = b"25-Nov-2026 10:00:00.123 general: info: loaded"
    assert len(line.split()) == len(named.split())
    other = b"2 123456789012 eni-0a1b2c3d - - - - - - - 1795600800 1795600860 - NODATA"
    values = [wrapped(one) for one in (line, other, named, line, other)]
    rest = values[:1] * 3
    plain, quick = Reader(), Reader()
    for _ in range(2):
        quick.scan(values[:2])
    wanted = [record for value in values + rest for record in plain.read(value)]
    found = [quick.scan(values), quick.scan(rest)]
    assert [as_row(part, at) for part in found for at in range(len(part))] == [
        as_wanted(one) for one in wanted
    ]
    assert [record.format for record in wanted] == ["text", "vpcflow", "vpcflow", "vpcflow"] + ["vpcflow"] * 3


def in_pod(pod: str, line: str) -> bytes:
    kubernetes = {
        "pod_name": pod,
        "pod_id": f"id of {pod}",
        "namespace_name": "shop",
        "container_name": "edge",
    }
    return orjson.dumps({"@timestamp": "2026-11-25T10:00:00Z", "log": line, "kubernetes": kubernetes})


def in_file(path: str, line: str) -> bytes:
    host = {"name": "web-1", "id": f"id of {path}"}
    return filebeat(line, log={"offset": 1, "file": {"path": path, "inode": str(hash(path))}}, host=host)


def in_vector(pod: str, line: str) -> bytes:
    kubernetes = {
        "pod_name": pod,
        "pod_uid": f"id of {pod}",
        "pod_namespace": "shop",
        "container_name": "edge",
    }
    event = {"source_type": "kubernetes_logs", "timestamp": "2026-11-25T10:00:00Z", "file": f"/logs/{pod}"}
    return orjson.dumps({**event, "kubernetes": kubernetes, "message": line, "stream": "stdout"})


@pytest.mark.parametrize("wrapped", [in_pod, in_file, in_vector])
def test_a_new_pod_or_file_is_nothing_new(wrapped):
    line, reader = "<13>Nov 25 10:00:00 web-1 cron[7]: done", Reader()
    for _ in range(2):
        reader.scan([wrapped("first", line)])
    assert reader.scan([wrapped(f"p{number}", line) for number in range(50)]).plainly == 0


@pytest.mark.parametrize("wrapped", [in_pod, in_file, in_vector])
def test_a_header_line_counts_in_its_pod_or_file_alone(wrapped):
    line = "25-Nov-2026 10:00:00.123 general: info: loaded"
    parts = [wrapped("one", line), wrapped("two", line)]
    values = [*parts, wrapped("one", "type region az-id traffic-path instance-id"), *parts]
    plain, quick = Reader(), Reader()
    for _ in range(2):
        quick.scan(parts)
    wanted = [record for value in values + parts for record in plain.read(value)]
    found = [quick.scan(values), quick.scan(parts)]
    rows = [as_row(part, at) for part in found for at in range(len(part))]
    assert rows == [as_wanted(one) for one in wanted]
    assert [record.format for record in wanted] == ["text"] * 2 + ["vpcflow", "text"] * 2


def test_an_envelope_is_undone_by_what_is_in_it_not_by_what_others_had():
    first, second = filebeat("x", host={"name": "web-1"}), filebeat("x", host={"name": "web-2"})
    reader = Reader()
    for _ in range(3):
        reader.scan([first])
    check([first, second], reader)


def test_a_time_that_an_envelope_states_is_that_of_the_message():
    values = [
        filebeat("x", **{"@timestamp": stamp})
        for stamp in ("2026-11-25T10:00:00Z", "never", "2026-11-25T11:00:00Z")
    ]
    check(values)


@pytest.mark.parametrize("stamp", ['"0"', '""', '"x"', "0", "1795600800000000000", "null"])
def test_odd_times_of_otlp_records_are_read_as_by_themselves(stamp):
    record = b'{"timeUnixNano":%s,"body":{"stringValue":"x"}}' % stamp.encode()
    good = b'{"timeUnixNano":"1795600800000000000","body":{"stringValue":"y"}}'
    check([otlp(record, good), otlp(good, record, record)])


def otlp(*records: bytes, between: bytes = b",") -> bytes:
    return (
        b'{"resourceLogs":[{"resource":{"attributes":[]},"scopeLogs":[{"scope":{},"logRecords":['
        + between.join(records)
        + b"]}]}]}"
    )


@pytest.mark.parametrize("between", [b",", b"", b",,", b" , ", b";"])
def test_what_stands_between_otlp_records_matters(between):
    record = b'{"timeUnixNano":"1795600800000000000","body":{"stringValue":"x"}}'
    check([otlp(record, record, between=between), otlp(record, b""), otlp(b"", record), otlp()])


def test_any_number_of_empty_otlp_records_and_groups_is_read():
    groups = b'{"resourceLogs":[' + b",".join([b"{}"] * 10_000) + b"]}"
    found = Reader().scan([otlp(*[b"{}"] * 10_000), groups])
    assert found.messages.tolist() == [0] * 10_000


def test_otlp_records_that_hold_several_lines_keep_their_places():
    several = b'{"timeUnixNano":"1795600800000000000","body":{"stringValue":"[{\\"a\\":1},{\\"a\\":2}]"}}'
    one = b'{"timeUnixNano":"1795600800000000000","body":{"stringValue":"x"}}'
    check([otlp(one, several, one), otlp(one, one)])


@pytest.mark.parametrize(
    "chosen",
    [
        ReadingSettings(envelope="none"),
        ReadingSettings(envelope="filebeat"),
        ReadingSettings(message_field="message"),
        ReadingSettings(zone="Europe/Berlin"),
    ],
)
def test_settings_hold_for_many_messages_too(chosen):
    values = [
        filebeat("Nov 25 10:00:00 web-1 cron[7]: done"),
        b'{"time":"2026-11-25 10:00:00","a":1}',
        otlp(b'{"body":{"stringValue":"x"}}'),
    ]
    check(values, Reader(chosen))


def test_nothing_that_never_comes_again_fills_the_memory(monkeypatch):
    monkeypatch.setattr("connectors.envelopes.learned.SHAPES", 50)
    monkeypatch.setattr("connectors.envelopes.learned.CONTEXTS", 50)
    reader = Reader()
    for start in range(0, 1_000, 20):
        reader.scan([b'{"n%d":1}' % number for number in range(start, start + 20)])
        reader.scan([filebeat("x", host={"name": f"h{number}"}) for number in range(start, start + 20)])
    learned = reader._columnar._objects._alone
    assert len(learned.shapes) <= 120
    assert len(learned._once) <= 120


def test_compiled_code_is_loaded_when_many_messages_are_read():
    code = "import sys; from connectors.envelopes import Reader; Reader().read(b'x'); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
