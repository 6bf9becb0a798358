"""Fluentd's ``kafka2`` output: a record of any input; a time and a tag only when they are injected."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.fluentbit import container_line, is_syslog, plain_line, syslog_line, time_of

_TAIL = frozenset({"log", "stream", "docker", "kubernetes", "time", "tag", "logtag"})


class Fluentd:
    """A record with the metadata of a container, or a syslog line that an input took apart."""

    name = "fluentd"

    def matches(self, names: frozenset[str]) -> bool:
        """Kubernetes metadata, a container's line beside Docker's, or the members of a syslog header."""
        if "kubernetes" in names:
            return True
        return ({"log", "docker"} <= names <= _TAIL) or is_syslog(names)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """One line; what a parser took apart is an object when the line itself was not kept."""
        if "kubernetes" in event:
            return container_line(self.name, event)
        if "log" not in event:
            return syslog_line(self.name, event, time_of(event))
        docker = event["docker"]
        if type(docker) is not dict or "container_id" not in docker:
            return None
        inner = plain_line(self.name, event, time_of(event))
        inner.stream = f"{docker['container_id']} {event.get('stream')}"
        return [inner]
