"""Loggers that write Elastic Common Schema: ecs-logging for many languages, Log4j 2's EcsLayout, Spring Boot.

The line is the message, as a file would have it: with the beginning of a stack trace below. The logger, the thread and
what the application added are columns.
"""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.paths import get, text
from connectors.envelopes.schema import add_schema, with_error, with_trace
from connectors.envelopes.stamps import seconds
from connectors.records import HOST, LOGGER, SERVICE

_OWN = frozenset({"@timestamp", "message", "ecs.version", "ecs", "error.stack_trace", "tags"})


class Ecs:
    """Literal dotted names as a rule; some loggers nest all but ``log.level``."""

    name = "ecs"

    def matches(self, names: frozenset[str]) -> bool:
        """A message and a level beside the schema's version, or the logger under its dotted name."""
        if not names.issuperset(("@timestamp", "message")):
            return False
        if names.issuperset(("log.level", "log.logger")):
            return True
        return not names.isdisjoint(("ecs.version", "ecs")) and not names.isdisjoint(("log.level", "log"))

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The message as one line."""
        level, message = get(event, "log.level"), event["message"]
        if type(level) is not str or (
            type(get(event, "ecs.version")) is not str and "log.logger" not in event
        ):
            return None
        if type(message) is not str and not text(message):
            return None
        columns: dict[str, str] = {}
        add_schema(columns, event, [name for name in event if name not in _OWN])
        host = text(get(event, "host.name"))
        if host:
            columns[HOST] = host
        trace = text(get(event, "error.stack_trace"))
        line = text(message)
        line = (
            with_trace(line, trace)
            if trace
            else with_error(line, columns.get("error.type", ""), columns.get("error.message", ""))
        )
        shipper = event.copy()
        del shipper["message"]
        stream = f"{columns.get(SERVICE, '')} {columns.get(LOGGER, '')}"
        moment = seconds(event["@timestamp"])
        return [Inner(line, moment, levels.of_word(level), columns, {self.name: shipper}, stream=stream)]
