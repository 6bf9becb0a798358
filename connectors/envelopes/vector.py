"""Vector's events: the ``json`` codec by source, and ``native_json``.

A line is in ``message``. Members beside it that the source did not set are what a transform parsed: columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.journald import add_entry, entry_time
from connectors.envelopes.passing import Passing
from connectors.envelopes.paths import add_columns, string, text
from connectors.envelopes.pods import PodNames, add_pod, paths_of
from connectors.envelopes.programs import without_header
from connectors.envelopes.stamps import seconds
from connectors.formats.ansi import without_escapes
from connectors.records import CONTAINER, HOST, LOGGER, PID, SERVICE

SOURCES = frozenset(
    {"amqp", "aws_kinesis_firehose", "aws_s3", "aws_sqs", "datadog_agent", "demo_logs", "dnstap"}
    | {"docker_logs", "exec", "file", "file_descriptor", "file_descriptors", "fluent", "gcp_pubsub"}
    | {
        "heroku_logs",
        "http",
        "http_client",
        "http_server",
        "internal_logs",
        "journald",
        "kafka",
        "kubernetes_logs",
    }
    | {
        "logplex",
        "logstash",
        "mqtt",
        "nats",
        "okta",
        "opentelemetry",
        "pulsar",
        "redis",
        "socket",
        "splunk_hec",
    }
    | {"stdin", "syslog", "unit_test", "vector", "websocket", "windows_event_log"}
)
"""Values of ``source_type``: a member of that name is common, its values are Vector's alone."""
_COMMON = frozenset({"source_type", "timestamp", "host", "message"})
_OF_FILE = _COMMON | {"file", "offset"}
_OF_CONTAINER = _OF_FILE | {"kubernetes", "stream"}
_OF_SYSLOG = _COMMON | {"appname", "hostname", "procid", "version", "source_ip"}
_OTHERS = _OF_CONTAINER | {
    *("container_created_at", "container_id", "container_name", "image", "label", "topic", "partition"),
    *(
        "message_key",
        "headers",
        "port",
        "source_ip",
        "ingest_timestamp",
        "client_metadata",
        "ddsource",
        "ddtags",
    ),
    *("trace_id", "span_id", "observed_timestamp", "resources", "scope", "dropped_attributes_count", "flags"),
    *("service", "hostname", "severity_number", "pid", "command", "data_stream", "splunk_channel"),
}
_POD = PodNames("pod_namespace", "pod_name", "container_name", "pod_node_name", "pod_labels")
_BESIDE = (("offset",), ("kubernetes",))
_STREAM = (("kubernetes", _POD.pod), ("file",))


class Vector:
    """An event with its source's name in ``source_type``, alone or below ``log``."""

    name = "vector"

    def matches(self, names: frozenset[str]) -> bool:
        """A source and a time; or nothing but ``log``."""
        return names.issuperset(("source_type", "timestamp")) or names == {"log"}

    def passing(self, event: dict[str, Any]) -> Passing | None:
        """A line as it was read and its place in the file."""
        if "source_type" not in event or type(event.get("message")) is not str:
            return None
        return Passing(("message",), time=("timestamp",), beside=_BESIDE, kept=paths_of(_POD), stream=_STREAM)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """One line; an object of what a decoder made when there is no message."""
        if "source_type" not in event:
            native = event.get("log")
            if type(native) is not dict or not native.keys() >= {"source_type", "timestamp"}:
                return None
            event = native
        source = event["source_type"]
        if type(source) is not str or source not in SOURCES:
            return None
        columns: dict[str, str] = {}
        host = string(event, "host")
        if host:
            columns[HOST] = host
        known, stream, program, severity = _OF_SOURCE.get(source, _others)(event, columns)
        moment = seconds(event["timestamp"])
        if moment is None and source == "journald":
            moment = entry_time(event)
        line = text(event.get("message"))
        if program:
            line = without_header(without_escapes(line), program)
        shipper = event.copy()
        shipper.pop("message", None)
        if not known.issuperset(event):
            parsed = [name for name in event if name not in known]
            if not line:
                content = {name: event[name] for name in parsed}
                return [Inner(content, moment, severity, columns, {self.name: shipper}, stream=stream)]
            severity = severity or levels.of_word(event.get("level")) or levels.of_word(event.get("severity"))
            add_columns(columns, event, parsed)
        return [Inner(line, moment, severity, columns, {self.name: shipper}, program, stream=stream)]


class _Said(NamedTuple):
    """What a source says of a line."""

    known: frozenset[str]
    """The members that it sets: all others are what was parsed."""
    stream: str
    program: str | None = None
    severity: int = 0


def _file(event: dict[str, Any], columns: dict[str, str]) -> _Said:
    return _Said(_OF_FILE, f"{columns.get(HOST, '')} {event.get('file')}")


def _kubernetes(event: dict[str, Any], columns: dict[str, str]) -> _Said:
    pod = event.get("kubernetes")
    container = add_pod(columns, pod, _POD) if type(pod) is dict else ""
    return _Said(_OF_CONTAINER, f"{container or event.get('file')} {event.get('stream')}")


def _syslog(event: dict[str, Any], columns: dict[str, str]) -> _Said:
    """The header's parts; structured data is content."""
    host, pid, program = string(event, "hostname"), text(event.get("procid")), string(event, "appname")
    if host:
        columns[HOST] = host
    if pid:
        columns[PID] = pid
    return _Said(_OF_SYSLOG, columns.get(HOST, ""), program or None, levels.of_syslog(event.get("severity")))


def _journald(event: dict[str, Any], columns: dict[str, str]) -> _Said:
    """An entry of the journal, whose members are named as there but for the message and the host."""
    program = add_entry(columns, event)
    stream = f"{columns.get(HOST, '')} {program} {columns.get(PID, '')}"
    return _Said(
        _COMMON.union(filter(str.isupper, event)),
        stream,
        program or None,
        levels.of_syslog(event.get("PRIORITY")),
    )


def _others(event: dict[str, Any], columns: dict[str, str]) -> _Said:
    """What docker, OpenTelemetry, Datadog and other sources say of the origin."""
    resources = event.get("resources")
    for column, value in (
        (HOST, string(event, "hostname") or string(resources, "host.name")),
        (CONTAINER, string(event, "container_name")),
        (SERVICE, string(event, "service") or string(resources, "service.name")),
        (LOGGER, string(event.get("scope"), "name")),
    ):
        if value:
            columns[column] = value
    number = event.get("severity_number")
    severity = number if type(number) is int and 1 <= number <= 24 else 0
    stream = f"{columns.get(HOST, '')} {string(event, 'container_id', 'file')} {string(event, 'stream')}"
    return _Said(_OTHERS, stream, None, severity)


_OF_SOURCE = {"file": _file, "kubernetes_logs": _kubernetes, "syslog": _syslog, "journald": _journald}
