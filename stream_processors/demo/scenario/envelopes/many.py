"""Messages that hold several lines: OpenTelemetry, CloudWatch, compressed values, JSON arrays and lines."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any

from stream_processors.demo.scenario import LabelledLine, cast
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.envelopes.agents import fluentbit, vector, vector_kubernetes
from stream_processors.demo.scenario.envelopes.fleet import Place, moment
from stream_processors.demo.scenario.template import compact_json

Placed = tuple[LabelledLine, Place]


def by_place(lines: Sequence[Placed]) -> list[list[Placed]]:
    """The lines of each place together, as a collector groups them by resource."""
    groups: dict[str, list[Placed]] = {}
    for line, place in lines:
        groups.setdefault(place.pod, []).append((line, place))
    return list(groups.values())


def otlp_json(lines: Sequence[Placed], draw: Draw) -> bytes:
    """OpenTelemetry's Kafka exporter, ``otlp_json``."""
    resources = [_resource(group, draw) for group in by_place(lines)]
    return compact_json({"resourceLogs": resources}).encode()


def _resource(group: Sequence[Placed], draw: Draw) -> dict[str, Any]:
    attributes = [_attribute(name, value) for name, value in _of_resource(group[0][1]).items()]
    records = [
        {
            "timeUnixNano": str(moment(line).micros * 1_000),
            "observedTimeUnixNano": str(moment(line, draw.unit()).micros * 1_000),
            "body": {"stringValue": line.line},
            "attributes": [_attribute("log.iostream", "stdout")],
            "traceId": draw.hex(32),
            "spanId": draw.hex(16),
        }
        for line, _ in group
    ]
    return {"resource": {"attributes": attributes}, "scopeLogs": [{"scope": {}, "logRecords": records}]}


def _of_resource(place: Place) -> dict[str, str]:
    return {
        "service.name": place.service,
        "service.version": place.image.rpartition(":")[2],
        "host.name": place.host.name,
        "k8s.namespace.name": place.namespace,
        "k8s.pod.name": place.pod,
        "k8s.pod.uid": place.uid,
        "k8s.container.name": place.service,
        "k8s.container.restart_count": "0",
        "container.id": place.container_id,
    }


def _attribute(name: str, value: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": value}}


def otlp_proto(lines: Sequence[Placed], draw: Draw) -> bytes:
    """OpenTelemetry's Kafka exporter, its default ``otlp_proto``; needs the package opentelemetry-proto."""
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

    data = LogsData()
    for group in by_place(lines):
        resource = data.resource_logs.add()
        for name, value in _of_resource(group[0][1]).items():
            resource.resource.attributes.append(KeyValue(key=name, value=AnyValue(string_value=value)))
        records = resource.scope_logs.add().log_records
        for line, _ in group:
            record = records.add(
                time_unix_nano=moment(line).micros * 1_000,
                observed_time_unix_nano=moment(line, draw.unit()).micros * 1_000,
                body=AnyValue(string_value=line.line),
                trace_id=bytes.fromhex(draw.hex(32)),
                span_id=bytes.fromhex(draw.hex(16)),
            )
            record.attributes.append(KeyValue(key="log.iostream", value=AnyValue(string_value="stdout")))
    return data.SerializeToString()


def cloudwatch(lines: Sequence[Placed], draw: Draw) -> bytes:
    """A subscription of CloudWatch Logs, gzip as it comes."""
    event = {
        "messageType": "DATA_MESSAGE",
        "owner": cast.AWS_ACCOUNT,
        "logGroup": "/example/platform",
        "logStream": lines[0][1].pod,
        "subscriptionFilters": ["to-kafka"],
        "logEvents": [
            {
                "id": f"{moment(line).micros:020d}{draw.hex(36)}",
                "timestamp": moment(line).micros // 1_000,
                "message": line.line,
            }
            for line, _ in lines
        ],
    }
    return gzip.compress(compact_json(event).encode(), 1, mtime=0)


def ndjson(lines: Sequence[Placed], draw: Draw) -> bytes:
    """Vector's events, one a line."""
    return b"\n".join(compact_json(vector(line, place, draw)).encode() for line, place in lines) + b"\n"


def json_array(lines: Sequence[Placed], draw: Draw) -> bytes:
    """Vector's events as an array."""
    return compact_json([vector_kubernetes(line, place, draw) for line, place in lines]).encode()


def zstd(lines: Sequence[Placed], draw: Draw) -> bytes:
    """Fluent Bit's events, one a line, compressed with Zstandard; needs the package cramjam."""
    import cramjam

    plain = b"\n".join(compact_json(fluentbit(line, place, draw)).encode() for line, place in lines)
    return bytes(cramjam.zstd.compress(plain))


def msgpack(line: LabelledLine, place: Place, draw: Draw) -> bytes:
    """Fluent Bit's ``msgpack`` format, a map; needs the package msgpack."""
    from msgpack import packb

    return bytes(packb(fluentbit(line, place, draw)))


def otlp_raw(line: LabelledLine, place: Place, draw: Draw) -> str:
    """OpenTelemetry's Kafka exporter, ``raw``: a quoted string, escaped as Go does it."""
    quoted = json.dumps(line.line, ensure_ascii=False)
    return quoted.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def connect(line: LabelledLine, place: Place, draw: Draw) -> dict[str, Any]:
    """Kafka Connect's JsonConverter with schemas: text as a string, JSON as a structure."""
    if line.system in ("windows", "cloudtrail", "kubernetes"):
        schema: dict[str, Any] = {"type": "struct", "optional": False, "name": "com.example.Event"}
        return {"schema": schema, "payload": json.loads(line.line)}
    return {"schema": {"type": "string", "optional": False}, "payload": line.line}
