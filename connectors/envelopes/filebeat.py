"""Filebeat and its kin: Elastic Agent, Auditbeat, Packetbeat, Heartbeat, Journalbeat; 6.x to 9.x.

A line is in ``message``. Members beside it that no Beat writes on its own account are what its processors
and modules made of the line: columns. Without a message they are the line.
"""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.passing import Passing
from connectors.envelopes.paths import get, string, text
from connectors.envelopes.pods import SERVICE_LABELS
from connectors.envelopes.programs import without_header
from connectors.envelopes.schema import add_schema
from connectors.envelopes.stamps import seconds
from connectors.formats.severity import SYSLOG
from connectors.records import CONTAINER, HOST, NAMESPACE, SERVICE

METADATA = frozenset(
    {"@timestamp", "@metadata", "@version", "agent", "beat", "ecs", "host", "cloud", "elastic_agent"}
    | {"data_stream", "input", "prospector", "fileset", "fields", "tags", "related", "offset", "stream"}
    | {"kubernetes", "container", "docker", "orchestrator", "observer", "journald", "systemd"}
)
"""What a Beat says of itself and of where a line came from."""
_WITH_MESSAGE = METADATA | {"message", "log"}
_PLAIN_LOG = frozenset({"offset", "file"})
_NOT_PARSED = frozenset({"message", "hostname", "source"})
"""Members that become a column in a way of their own."""
_BESIDE = (
    *(
        (name,)
        for name in ("@metadata", "agent", "ecs", "input", "offset", "host", "kubernetes", "container")
    ),
    ("log", "offset"),
)
_NAMES = (
    *(("host", "name"), ("host", "hostname"), ("container", "name"), ("kubernetes", "namespace")),
    *(("kubernetes", "container", "name"), ("kubernetes", "node", "name")),
    *(("kubernetes", "labels", label) for label in SERVICE_LABELS),
)
"""What names the host and the container of a line."""
_PROGRAMS = ("process.program", "log.syslog.appname", "syslog.identifier")
_ABOUT = ("dataset", "category", "type", "action", "code", "outcome", "reason", "severity")
"""Members of ``event`` that are content."""
_SEVERITIES = ("log.syslog.severity.code", "event.severity", "log.syslog.priority", "syslog.priority")


class Filebeat:
    """An event of a Beat that holds a log line, or one that the Beat itself made."""

    name = "filebeat"

    def matches(self, names: frozenset[str]) -> bool:
        """A Beat names itself; Logstash leaves ``@metadata`` out of what it passes on."""
        return "@timestamp" in names and not names.isdisjoint(("@metadata", "agent", "beat"))

    def passing(self, event: dict[str, Any]) -> Passing | None:
        """A line as it was read, and what is said beside it of its file, its host and its container."""
        if type(event.get("message")) is not str:
            return None
        beside, log = _BESIDE, event.get("log")
        if _WITH_MESSAGE.issuperset(event) and (type(log) is not dict or _PLAIN_LOG.issuperset(log)):
            beside += (("log", "file"),)
        file = (("source",),) if type(event.get("source")) is str else (("log", "file", "path"),)
        return Passing(("message",), time=("@timestamp",), beside=beside, kept=_NAMES, stream=file)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """One line; None for what no Beat made."""
        mark = event.get("@metadata")
        if not (type(mark) is dict and type(mark.get("beat")) is str) and not is_beat(event):
            return None
        host = host_name(event)
        columns = {HOST: host} if host else {}
        if "kubernetes" in event or "container" in event:
            _add_container(columns, event)
        log = event.get("log")
        file = log.get("file") if type(log) is dict else None
        path = file.get("path") if type(file) is dict else event.get("source")  # 6.x
        stream = f"{host} {path} {event['stream']}" if "stream" in event else f"{host} {path}"
        moment = seconds(event.get("@timestamp"))
        message = event.get("message")
        if type(message) is not str:
            line = text(message) or _made(event, columns)
            return [Inner(line, moment, 0, columns, {self.name: event}, stream=stream)]
        shipper = event.copy()
        del shipper["message"]
        if _WITH_MESSAGE.issuperset(event) and (type(log) is not dict or _PLAIN_LOG.issuperset(log)):
            return [Inner(message, moment, 0, columns, {self.name: shipper}, None, None, stream)]
        program, severity = _add_parsed(event, columns)
        if program:
            message = without_header(message, program)
        return [Inner(message, moment, severity, columns, {self.name: shipper}, program, stream=stream)]


def is_beat(event: dict[str, Any]) -> bool:
    """Whether an event carries a Beat's own mark."""
    mark = event.get("@metadata")
    if type(mark) is dict and type(mark.get("beat")) is str:
        return True
    agent = event.get("agent")
    if type(agent) is dict:
        return "ecs" in event and type(agent.get("type")) is str and "version" in agent
    beat = event.get("beat")
    return type(beat) is dict and type(beat.get("version")) is str and "hostname" in beat


def host_name(event: dict[str, Any]) -> str:
    """The host of an event, which is an object or, in older versions, its name."""
    host = event.get("host")
    if type(host) is dict:
        host = host.get("name") or host.get("hostname")
    return host if type(host) is str else ""


def _made(event: dict[str, Any], columns: dict[str, str]) -> dict[str, Any] | str:
    """The content of an event without a message: decoded JSON, or what an Auditbeat or Packetbeat saw."""
    decoded = event.get("json")
    if type(decoded) is dict and decoded:
        add_schema(columns, event, [name for name in event if name not in METADATA and name != "json"])
        return decoded
    made = {name: value for name, value in event.items() if name not in METADATA and name != "log"}
    about = made.get("event")
    if type(about) is dict:
        kept = {name: about[name] for name in _ABOUT if name in about}
        made = {**made, "event": kept} if kept else made
    return made or ""


def _add_parsed(event: dict[str, Any], columns: dict[str, str]) -> tuple[str | None, int]:
    """Adds what processors and modules took out of the line; gives the program of syslog and the severity."""
    add_schema(columns, event, [name for name in event if name not in METADATA and name not in _NOT_PARSED])
    if type(event.get("source")) is dict:
        add_schema(columns, event, ["source"])
    sender = text(get(event, "log.syslog.hostname")) or string(event, "hostname")
    if sender:
        columns[HOST] = sender
    severity = levels.of_word(get(event, "log.level"))
    for path in _SEVERITIES if not severity else ():
        number = get(event, path)
        if type(number) is int and number >= 0:
            severity = SYSLOG[number % 8]
            break
    program = next(filter(None, (text(get(event, path)) for path in _PROGRAMS)), None)
    return program, severity


def _add_container(columns: dict[str, str], event: dict[str, Any]) -> None:
    """Adds where a container's line came from."""
    pod = event.get("kubernetes")
    container = string(get(pod, "container"), "name") or string(event.get("container"), "name")
    namespace = string(pod, "namespace")
    node = string(get(pod, "node"), "name")
    service = string(get(pod, "labels"), *SERVICE_LABELS)
    for column, value in ((CONTAINER, container), (NAMESPACE, namespace), (HOST, node), (SERVICE, service)):
        if value:
            columns[column] = value
