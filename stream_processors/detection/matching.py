"""From a record to its template: text formats by their message, structured ones by their columns."""

from __future__ import annotations

from functools import lru_cache

from connectors.formats.brackets import REST, THREAD_ID
from connectors.formats.recorded import TEXTS
from connectors.records import CONTAINER, HOST, LOGGER, NAMESPACE, PID, SERVICE, THREAD, Record
from encoder_core.templates import Match, Templates
from encoder_core.templates.columns import Columns, Plan

BESIDE = frozenset(
    {HOST, SERVICE, NAMESPACE, CONTAINER, LOGGER, PID, THREAD, THREAD_ID, REST}
    | {"event.dataset", "event.module"}
)
"""Columns that say where a line came from or who wrote it, whatever is said."""
DEVICE = frozenset({"sequence", "node"})
"""Those of the header of a network's device."""
FACILITIES = frozenset(
    {"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"}
    | {"ntp", "audit", "alert", "clock"}
    | {f"local{number}" for number in range(8)}
)
"""Syslog's, of a header around the record."""


def match_record(record: Record, templates: Templates) -> Match:
    """The template and parameters of a record, the same in whatever envelope and behind whatever header it came."""
    if record.format in TEXTS:
        return templates.of_text(record.text if record.message is None else record.message)
    columns = templates.columns
    return columns.follow(plan_of(record, columns), record.fields, record.message)


def plan_of(record: Record, columns: Columns) -> Plan:
    """How a structured record is read, by the names of its own columns."""
    fields = record.fields
    around = "facility" in fields and fields["facility"] in FACILITIES
    audit = record.format == "logfmt" and fields.get("msg", "").startswith("audit(")
    return columns.plan(record.format, own_names(record.format, tuple(fields), around, audit))


@lru_cache(maxsize=4096)
def own_names(format: str, names: tuple[str, ...], around: bool, audit: bool) -> tuple[str, ...]:
    """The columns that are a record's own: none of a header around it, of a place or a process.

    around: whether ``facility`` is of a header. audit: whether ``msg`` is the time and number of an audit's event.
    """
    beside = BESIDE | DEVICE if format == "cisco" else BESIDE
    beside = beside | {name for name, is_none in (("facility", around), ("msg", audit)) if is_none}
    return tuple(name for name in names if name not in beside and not name.startswith("syslog."))
