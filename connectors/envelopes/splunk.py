"""Splunk: events of Cribl Stream (``_raw``), and of the HTTP Event Collector (``event``)."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import columns, scalars, without
from connectors.records import HOST

_HEC = frozenset({"time", "host", "source", "sourcetype", "index", "event", "fields"})
_BESIDE_RAW = frozenset({"_time", "sourcetype", "cribl_pipe", "cribl_breaker"})
_NOT_COLUMNS = frozenset(
    {
        "_raw",
        "_time",
        "host",
        "source",
        "sourcetype",
        "index",
        "event",
        "message",
        "timestamp",
        "time",
        "_cd",
        "_bkt",
    }
)


class Cribl:
    """``_raw`` beside ``_time``; what its pipelines extracted are columns."""

    name = "cribl"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return "_raw" in names and not names.isdisjoint(_BESIDE_RAW)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The raw event as a line, text or object."""
        found = {
            name: value
            for name, value in scalars(event, _NOT_COLUMNS).items()
            if not name.startswith(("cribl", "__"))
        }
        return _line(self.name, event, "_raw", event.get("_time"), found)


class Hec:
    """``event`` beside its ``sourcetype`` or ``index``, and nothing else than the collector knows."""

    name = "hec"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return "event" in names and ("sourcetype" in names or "index" in names) and names <= _HEC

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The event as a line, text or object; its indexed fields are columns."""
        fields = event.get("fields")
        return _line(
            self.name, event, "event", event.get("time"), scalars(fields, ()) if type(fields) is dict else {}
        )


def _line(name: str, event: dict[str, Any], key: str, time: Any, found: dict[str, str]) -> list[Inner] | None:
    line = event.get(key)
    if type(line) is str:
        line = line.rstrip("\r\n")
    elif type(line) is not dict:
        return None
    found.update(columns({HOST: event.get("host")}))
    return [
        Inner(
            line,
            time=seconds(time),
            columns=found,
            shipper={name: without(event, (key,))},
            stream=f"{event.get('host')} {event.get('source')}",
        )
    ]
