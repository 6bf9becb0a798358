"""Logstash: the ``json`` codec, and the ``plain`` codec that its Kafka output has by default.

What a filter parsed is beside the message: columns. A message that a filter removed is the members that it left.
"""

from __future__ import annotations

import re
from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.filebeat import host_name
from connectors.envelopes.paths import get, string, text
from connectors.envelopes.programs import without_header
from connectors.envelopes.schema import add_schema
from connectors.envelopes.stamps import seconds
from connectors.formats.times import split_time
from connectors.records import HOST

METADATA = frozenset(
    {"@timestamp", "@version", "@metadata", "message", "host", "tags", "type", "path", "port", "input"}
    | {"agent", "ecs", "cloud", "data_stream", "offset", "prospector", "beat", "sequence", "clientip_port"}
)
_PROGRAMS = ("program", "syslog_program", "process.name", "log.syslog.appname")
_LEVELS = ("log.level", "level", "loglevel", "severity_label", "log.syslog.severity.name")
LONGEST_HOST = 4_096
"""Characters of the host in the plain codec: a map when a Beat sent the event."""
_FRACTIONS = (3, 6, 9)
"""Digits of a second's fraction that Logstash writes."""
_HOST = re.compile(r"[A-Za-z0-9][\w.:-]{0,252}")
_HOST_IN_MAP = re.compile(r'[{ "](?:name|hostname)"?[=:] ?"?([^,"}\s]{1,253})')


class Logstash:
    """An event of the ``json`` codec."""

    name = "logstash"

    def matches(self, names: frozenset[str]) -> bool:
        """Every event has these two."""
        return names.issuperset(("@timestamp", "@version"))

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """One line: the message, else the original that it was parsed from, else what filters left."""
        if event["@version"] not in ("1", 1):
            return None
        columns: dict[str, str] = {}
        host = host_name(event) or string(event, "logsource")
        if host:
            columns[HOST] = host
        shipper = {name: value for name, value in event.items() if name != "message"}
        about = shipper.get("event")
        original = about.get("original") if type(about) is dict else None
        if type(about) is dict and original is not None:
            shipper["event"] = {name: value for name, value in about.items() if name != "original"}
        moment = seconds(event["@timestamp"])
        stream = f"{host} {text(get(event, 'log.file.path')) or string(event, 'path')}"
        line = text(event.get("message")) or text(original)
        if not line:
            content = {name: value for name, value in shipper.items() if name not in METADATA}
            return [Inner(content or "", moment, 0, columns, {self.name: shipper}, stream=stream)]
        program, severity = None, 0
        if not METADATA.issuperset(event):
            add_schema(columns, shipper, [name for name in shipper if name not in METADATA])
            program = next(filter(None, (text(get(event, path)) for path in _PROGRAMS)), None)
            severity = next(filter(None, (levels.of_word(get(event, path)) for path in _LEVELS)), 0)
        if program:
            line = without_header(line, program)
        return [Inner(line, moment, severity, columns, {self.name: shipper}, program, stream=stream)]


class LogstashPlain:
    """``2026-11-25T10:00:00.000Z {name=h} <line>``, or ``h`` or ``%{host}`` in place of the map."""

    name = "logstash"
    mark = (10, "T")

    def unwrap(self, text: str) -> list[Inner] | None:
        """The line; None for any other text.

        After a bare host only a line with a time of its own, a priority or a brace counts: daemons and
        applications write the rest the same way.
        """
        if text[10:11] != "T" or text[19:20] != ".":
            return None
        end = text.find(" ", 23, 31)
        if end - 21 not in _FRACTIONS or text[end - 1] != "Z":
            return None
        if text[end + 1 : end + 2] == "{":
            split = _end_of_map(text, end + 1)
            found = _HOST_IN_MAP.search(text, end + 1, split) if split > 0 else None
            if not found:
                return None
            host = found[1]
        else:
            split = text.find(" ", end + 1, end + 256)
            host = text[end + 1 : split]
            if split < 0 or not (host == "%{host}" or _is_shipped(host, text[split + 1 : split + 64])):
                return None
        moment = seconds(text[:end])
        if moment is None:
            return None
        columns = {} if host == "%{host}" else {HOST: host}
        shipper = {self.name: {"host": text[end + 1 : split]}}
        return [Inner(text[split + 1 :], moment, 0, columns, shipper, stream=host)]


def _end_of_map(text: str, start: int) -> int:
    """Where the map that begins at ``start`` is followed by a blank; -1 when it never is."""
    depth = 0
    for position in range(start, min(len(text), start + LONGEST_HOST)):
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if not depth:
                return position + 1 if text[position + 1 : position + 2] == " " else -1
    return -1


def _is_shipped(host: str, line: str) -> bool:
    """Whether a word is a host and a line behind it begins as one that was written elsewhere."""
    if not _HOST.fullmatch(host):
        return False
    return line.startswith('{"') or (line[:1] == "<" and line[1:2].isdigit()) or split_time(line).rest != line
