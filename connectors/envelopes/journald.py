"""The systemd journal as JSON: ``journalctl -o json``, and Fluent Bit's and Fluentd's systemd inputs."""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.paths import string, text
from connectors.envelopes.programs import without_header
from connectors.envelopes.stamps import seconds, since_epoch
from connectors.formats import decode
from connectors.formats.ansi import without_escapes
from connectors.records import HOST, PID

_MARKS = frozenset(
    {"__REALTIME_TIMESTAMP", "__CURSOR", "_BOOT_ID", "_MACHINE_ID", "_TRANSPORT", "_SYSTEMD_UNIT"}
    | {"_SOURCE_REALTIME_TIMESTAMP", "_SYSTEMD_CGROUP", "SYSLOG_IDENTIFIER"}
)
"""Members that the journal alone has; Fluent Bit can leave the underscores out, so the last one counts too."""


class Journald:
    """An entry of the journal."""

    name = "journald"

    def matches(self, names: frozenset[str]) -> bool:
        """A message beside a member that only the journal has."""
        return "MESSAGE" in names and not _MARKS.isdisjoint(names)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The entry's message as its program wrote it; empty for a null, which says that it was too long."""
        columns: dict[str, str] = {}
        program = add_entry(columns, event)
        line = without_header(message_text(event["MESSAGE"]), program)
        shipper = event.copy()
        del shipper["MESSAGE"]
        moment = entry_time(event)
        host = columns.get(HOST, "")
        stream = f"{host} {program} {columns.get(PID, '')}"
        severity = levels.of_syslog(event.get("PRIORITY"))
        return [Inner(line, moment, severity, columns, {self.name: shipper}, program or None, stream=stream)]


def add_entry(columns: dict[str, str], event: dict[str, Any]) -> str:
    """Adds the columns of an entry; gives its program, empty when that is not said."""
    host = string(event, "_HOSTNAME", "HOSTNAME")
    if host:
        columns.setdefault(HOST, host)
    pid = text(event.get("_PID") or event.get("SYSLOG_PID") or event.get("PID"))
    if pid:
        columns[PID] = pid
    return string(event, "SYSLOG_IDENTIFIER", "_COMM", "COMM")


def message_text(message: Any) -> str:
    """A message, which is a list of byte values when it holds escapes or is no UTF-8, and a list of texts
    when it was given more than once.
    """
    if type(message) is str:
        return without_escapes(message)
    if type(message) is not list:
        return text(message)
    try:
        return without_escapes(decode(bytes(message)))
    except (TypeError, ValueError):
        return "\n".join([message_text(item) for item in message if type(item) is str])


def entry_time(event: dict[str, Any]) -> float | None:
    """When the journal took the entry, from microseconds; else the time that a shipper gave it."""
    for name in ("__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "SOURCE_REALTIME_TIMESTAMP"):
        stated = event.get(name)
        if type(stated) is int or (type(stated) is str and len(stated) <= 20 and stated.isdecimal()):
            return since_epoch(int(stated))
    stamp = event.get("@timestamp")
    return seconds(event.get("date") if stamp is None else stamp)
