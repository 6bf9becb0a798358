"""Winlogbeat 6.x to 9.x, and Elastic Agent's Windows integration: events of the Windows event log.

The line is an object: the first line of the message, which says what happened, and the event's data under
the names that Windows gives them. The rest of the message repeats that data; so do the members that
modules copy it into.
"""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.filebeat import host_name
from connectors.envelopes.passing import Passing, Path
from connectors.envelopes.paths import get, text
from connectors.envelopes.stamps import seconds
from connectors.records import HOST, LEVEL, WARN

_ABOUT = ("code", "provider", "action", "outcome")
_DATA = ("event_data", "user_data")
_OF_WINDOWS = frozenset({"channel", "event_id", "provider_name", "computer_name", "keywords", *_DATA})
_LOOKED_AT = frozenset({"@timestamp", "message", "winlog", "event", "log", "log.level", "host"})
"""Members of Windows and of the event that say more than the shipper's own."""
_FAILURE = "Audit Failure"
_MOVED = (
    *(
        "process.executable",
        "process.command_line",
        "process.parent.executable",
        "process.parent.command_line",
    ),
    *("file.path", "registry.path", "registry.data.strings", "dns.question.name", "rule.name"),
    *("source.ip", "source.port", "destination.ip", "destination.port", "destination.domain"),
    *("user.name", "user.domain"),
)
"""Where modules of Winlogbeat 7 move members of ``event_data``."""
_MOVED_TO = frozenset(path.partition(".")[0] for path in _MOVED)


class Winlogbeat:
    """An event of 7.0 and later: all of Windows' own is below ``winlog``."""

    name = "winlogbeat"

    def matches(self, names: frozenset[str]) -> bool:
        """Nobody else has ``winlog``."""
        return "winlog" in names and "@timestamp" in names

    def passing(self, event: dict[str, Any]) -> Passing | None:
        """The event's data; nothing of an event whose data a module moved."""
        winlog, about = event.get("winlog"), event.get("event")
        if type(winlog) is not dict or not _MOVED_TO.isdisjoint(event):
            return None
        if any(type(winlog.get(name, {})) is not dict for name in _DATA):
            return None
        beside: list[Path] = [(name,) for name in event if name not in _LOOKED_AT]
        beside += [("winlog", name) for name in winlog if name not in _OF_WINDOWS]
        beside += [("event", name) for name in about if name not in _ABOUT] if type(about) is dict else []
        return Passing(
            time=("@timestamp",),
            headline=("message",),
            content=tuple([("winlog", name) for name in _DATA]),
            beside=tuple(beside),
        )

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The event as one line, an object."""
        winlog = event.get("winlog")
        if type(winlog) is not dict or not ("channel" in winlog or "event_id" in winlog):
            return None
        about = event.get("event")
        about = about if type(about) is dict else {}
        known = {name: about[name] for name in _ABOUT if name in about}
        if "code" not in known and "event_id" in winlog:
            known["code"] = winlog["event_id"]
        if "provider" not in known and "provider_name" in winlog:
            known["provider"] = winlog["provider_name"]
        log = event.get("log")
        level = log.get("level") if type(log) is dict else event.get("log.level")
        data = {name: winlog[name] for name in _DATA if winlog.get(name)}
        line: dict[str, Any] = {"event": known}
        add_message(line, event.get("message"))
        line["winlog"] = {"channel": winlog.get("channel"), **data}
        if not _MOVED_TO.isdisjoint(event):
            _add_moved(line, event, data)
        columns, severity = described(winlog, level, winlog.get("keywords"), host_name(event))
        shipper = event.copy()
        shipper.pop("message", None)
        shipper["winlog"] = rest = winlog.copy()
        for name in data:
            del rest[name]
        moment = seconds(event.get("@timestamp"))
        return [Inner(line, moment, severity, columns, {self.name: shipper}, stream=columns.get(HOST, ""))]


class Winlogbeat6:
    """An event of 6.x: Windows' members are beside the Beat's own."""

    name = "winlogbeat"

    def matches(self, names: frozenset[str]) -> bool:
        """The Beat's mark and the members that every event has."""
        return names.issuperset(("@timestamp", "beat", "event_id", "log_name"))

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The event as one line, an object whose members are named as in later versions."""
        if type(event.get("beat")) is not dict:
            return None
        data = {name: event[name] for name in _DATA if event.get(name)}
        line: dict[str, Any] = {"event": {"code": event["event_id"], "provider": event.get("source_name")}}
        add_message(line, event.get("message"))
        line["winlog"] = {"channel": event["log_name"], **data}
        level = event.get("level")
        columns, severity = described(event, level, event.get("keywords"), host_name(event))
        shipper = {name: value for name, value in event.items() if name != "message" and name not in data}
        moment = seconds(event.get("@timestamp"))
        return [Inner(line, moment, severity, columns, {self.name: shipper}, stream=columns.get(HOST, ""))]


def add_message(line: dict[str, Any], message: Any) -> None:
    """Adds the first line of a message of Windows; what is below repeats the event's data."""
    first = message.lstrip()[:4096].partition("\n")[0].rstrip() if type(message) is str else ""
    if first:
        line["message"] = first


def described(winlog: dict[str, Any], level: Any, keywords: Any, host: str) -> tuple[dict[str, str], int]:
    """Columns and severity; an audited failure is a warning, whatever level Windows gives it.

    The computer is the one of the event, which a collector of events ships under its own host name.
    """
    computer = text(winlog.get("computer_name"))
    columns = {}
    if computer or host:
        columns[HOST] = host if computer.lower().startswith(f"{host.lower()}.") and host else computer or host
    if type(level) is str and level:
        columns[LEVEL] = level
    failed = keywords == _FAILURE or (type(keywords) is list and _FAILURE in keywords)
    return columns, max(levels.of_word(level), WARN) if failed else levels.of_word(level)


def _add_moved(line: dict[str, Any], event: dict[str, Any], data: dict[str, Any]) -> None:
    """Adds the members that a module took out of the event's data; those that it copied are there already."""
    there = set(map(text, data["event_data"].values())) if type(data.get("event_data")) is dict else set()
    for path in _MOVED:
        value = get(event, path)
        if type(value) in (str, int) and text(value) not in there:
            line[path] = value
            there.add(text(value))
