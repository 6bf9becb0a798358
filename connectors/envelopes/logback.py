"""Logback's LogstashEncoder, and log4j's JSONEventLayoutV1 of the same names.

The line is the message, with the beginning of a stack trace below; the logger, the thread and what the
application added (MDC, structured arguments) are columns.
"""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.paths import add_columns, string, text
from connectors.envelopes.schema import with_trace
from connectors.envelopes.stamps import seconds
from connectors.records import HOST, LEVEL, LOGGER, THREAD

_OWN = frozenset(
    {"@timestamp", "@version", "message", "logger_name", "thread_name", "level", "level_value", "stack_trace"}
    | {"tags", "caller_class_name", "caller_method_name", "caller_file_name", "caller_line_number"}
    | {"HOSTNAME", "source_host", "class", "method", "file", "line_number", "exception", "ndc"}
)


class Logback:
    """An event of the encoder."""

    name = "logback"

    def matches(self, names: frozenset[str]) -> bool:
        """The logger beside Logstash's version or Logback's number of the level."""
        if not names.issuperset(("message", "logger_name", "level")):
            return False
        return not names.isdisjoint(("@version", "level_value"))

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The message as one line."""
        message, logger, level = event["message"], event["logger_name"], event["level"]
        if type(message) is not str or type(logger) is not str or type(level) is not str:
            return None
        host, thread = string(event, "HOSTNAME", "source_host"), string(event, "thread_name")
        named = ((LOGGER, logger), (LEVEL, level), (THREAD, thread), (HOST, host))
        columns = {name: value for name, value in named if value}
        if not _OWN.issuperset(event):
            add_columns(columns, event, [name for name in event if name not in _OWN])
        trace = text(event.get("stack_trace")) or string(event.get("exception"), "stacktrace")
        shipper = event.copy()
        del shipper["message"]
        moment = seconds(event.get("@timestamp"))
        line, stream = with_trace(message, trace), f"{host} {logger}"
        return [Inner(line, moment, levels.of_word(level), columns, {self.name: shipper}, stream=stream)]
