"""NXLog: records of ``to_json()``, Windows events above all."""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import columns, only, scalars, without, word
from connectors.records import DEBUG, ERROR, FATAL, HOST, INFO, PID, SERVICE, WARN

_OWN = frozenset({"EventReceivedTime", "SourceModuleName", "SourceModuleType"})
_LOGSTASH = frozenset({"@timestamp", "@version", "host", "port", "tags"})
"""What a Logstash between NXLog and Kafka adds."""
_KEPT_APART = frozenset(
    {"Keywords", "ProviderGuid", "Version", "Task", "Opcode", "OpcodeValue", "RecordNumber", "ActivityID"}
    | {"RelatedActivityID", "ExecutionProcessID", "ProcessID", "ThreadID", "SeverityValue", "Hostname"}
    | {"UserID", "AccountType", "ERROR_EVT_UNRESOLVED"}
    | _OWN
    | _LOGSTASH
)
_FIRST = ("EventID", "SourceName", "Channel", "Severity", "EventType", "Category", "AccountName", "Domain")
"""What every Windows event has, in this order, before the data of its own kind."""
_NOT_DATA = _KEPT_APART | {"Message", "EventTime", *_FIRST}
_NOT_EXTRA = _KEPT_APART | {"Message", "EventTime", "SourceName", "Severity", "MessageSourceAddress"}

_SEVERITIES = (0, DEBUG, INFO, WARN, ERROR, FATAL)
"""By SeverityValue, 1 to 5: DEBUG, INFO, WARNING, ERROR, CRITICAL."""


class NXLog:
    """A record of any input module, told by the module's name in it.

    ``EventTime`` is local and, but in the newest versions, without a zone. A Windows event keeps it as a member of
    its line, so that it is read with the topic's zone; for a line of text it counts as UTC when it states none.
    """

    name = "nxlog"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return "SourceModuleType" in names and ("SourceModuleName" in names or "EventReceivedTime" in names)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """A Windows event as an object; another record's ``Message`` as text, or its members where it has none."""
        if "EventID" in event:
            return [_windows(event)]
        message = event.get("Message")
        if type(message) is str and message:
            return [_text(event, message)]
        dropped = _OWN | _LOGSTASH if "@version" in event else _OWN
        return [
            Inner(
                without(event, dropped),
                time=_received(event),
                severity=_severity(event),
                shipper={"nxlog": only(event, dropped)},
            )
        ]


def _windows(event: dict[str, Any]) -> Inner:
    """Message, what tells the kind, then the event's data.

    The tail of a message repeats the data for people, so it counts only where there is no data.
    """
    get = event.get
    data = {name: value for name, value in event.items() if name not in _NOT_DATA}
    line: dict[str, Any] = {}
    message = get("Message")
    if type(message) is str:
        line["Message"] = first_line(message) if data else message
    elif message is not None:
        line["Message"] = message
    for name in _FIRST:
        value = get(name)
        if value is not None:
            line[name] = value
    line.update(data)
    if "EventTime" in event:
        line["EventTime"] = event["EventTime"]
    pid = get("ExecutionProcessID")
    return Inner(
        line,
        time=_received(event),
        severity=_severity(event),
        columns=columns(
            {
                HOST: get("Hostname"),
                SERVICE: get("SourceName"),
                PID: get("ProcessID") if pid is None else pid,
            }
        ),
        shipper={"nxlog": only(event, _KEPT_APART)},
    )


def first_line(message: str) -> str:
    """The statement of a Windows message, without the tables after it."""
    message = message.lstrip()
    end = message.find("\n")
    return message if end < 0 else message[:end].rstrip()


def _text(event: dict[str, Any], message: str) -> Inner:
    get = event.get
    host, program = word(get("Hostname")), word(get("SourceName"))
    time = seconds(get("EventTime"))
    return Inner(
        message.rstrip("\r\n"),
        time=_received(event) if time is None else time,
        severity=_severity(event),
        columns={**scalars(event, _NOT_EXTRA), **columns({HOST: host, PID: get("ProcessID")})},
        shipper={"nxlog": only(event, _KEPT_APART)},
        program=program or None,
        stream=f"{host} {program}",
    )


def _received(event: dict[str, Any]) -> float | None:
    """When Logstash took it, the one time that is surely UTC."""
    return seconds(event["@timestamp"]) if "@timestamp" in event else None


def _severity(event: dict[str, Any]) -> int:
    value = event.get("SeverityValue")
    if type(value) is int and 1 <= value <= 5:
        return _SEVERITIES[value]
    return levels.of_word(event.get("Severity"))
