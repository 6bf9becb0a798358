"""From a record to its template: text formats by their message, structured ones by their columns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from connectors.formats.brackets import REST, THREAD_ID
from connectors.records import CONTAINER, HOST, LOGGER, NAMESPACE, PID, SERVICE, THREAD, Record
from encoder_core.templates import Match, Templates

TEXTS = frozenset({"text", "raw", "rfc3164", "rfc5424"})
"""Formats whose lines are a message behind a header."""
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
    return templates.of_columns(record.format, kept_columns(record.format, record.fields), record.message)


def kept_columns(format: str, fields: Mapping[str, str]) -> Mapping[str, str]:
    """The columns that are the record's own: none of a header around it, of a place or a process."""
    names = _kept(format, tuple(fields))
    if "facility" in fields and fields["facility"] in FACILITIES:
        names = tuple(name for name in names if name != "facility")
    if format == "logfmt" and fields.get("msg", "").startswith("audit("):
        names = tuple(name for name in names if name != "msg")
    return {name: fields[name] for name in names}


@lru_cache(maxsize=4096)
def _kept(format: str, names: tuple[str, ...]) -> tuple[str, ...]:
    beside = BESIDE | DEVICE if format == "cisco" else BESIDE
    return tuple(name for name in names if name not in beside and not name.startswith("syslog."))
