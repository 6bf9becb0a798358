"""Elastic Common Schema: which of its members are columns, under which names, and which say nothing of the line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.envelopes.paths import add_columns
from connectors.records import LEVEL, LOGGER, SERVICE, THREAD

RENAMED = {
    "log.level": LEVEL,
    "log.logger": LOGGER,
    "process.thread.name": THREAD,
    "service.type": SERVICE,
}
"""Names of the schema that have another one here; ``host.name``, ``service.name`` and ``process.pid`` have not."""
_SILENT = frozenset(
    {"event.created", "event.ingested", "event.original", "event.timezone", "event.sequence", "event.id"}
    | {"event.hash", "event.start", "event.end", "event.duration", "event.agent_id_status", "event.kind"}
    | {"trace.id", "transaction.id", "span.id", "ecs.version", "log.original", "log.offset", "log.flags"}
    | {"error.stack_trace", "process.thread.id", "process.entity_id", "service.id", "service.ephemeral_id"}
    | {"service.node.name", "service.version", "service.environment", "event.module"}
)
_SILENT_BELOW = ("log.file.", "log.origin.", "log.source.", "host.", "agent.", "ecs.", "data_stream.")
TRACE_LINES, TRACE_LENGTH = 10, 1_000
"""What a line keeps of a stack trace that came beside it, in lines and characters."""


def add_schema(columns: dict[str, str], event: Mapping[str, Any], names: Iterable[str]) -> None:
    """Adds members of the schema, nested or with literal dots, without ids, times and places in files."""
    found: dict[str, str] = {}
    add_columns(found, event, names)
    for name, value in found.items():
        if name not in _SILENT and not name.startswith(_SILENT_BELOW):
            columns.setdefault(RENAMED.get(name, name), value)


def with_trace(line: str, trace: str) -> str:
    """A message with the first lines of its stack trace below, as loggers write it into a file."""
    if not trace:
        return line
    kept = "\n".join(trace[:TRACE_LENGTH].splitlines()[:TRACE_LINES])
    return kept if kept.startswith(line) else f"{line}\n{kept}"


def with_error(line: str, kind: str, message: str) -> str:
    """A message with the error that came beside it, unless it names it itself."""
    if not kind or kind in line:
        return line
    return f"{line}\n{kind}: {message}" if message and message not in line else f"{line}\n{kind}"
