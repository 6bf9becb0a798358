"""syslog-ng: ``$(format-json)`` of its macros, and the enterprise-wide message model (EWMM)."""

from __future__ import annotations

import re
from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.rsyslog import syslog_columns
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import scalars, without, word
from connectors.records import HOST

_BESIDE_PROGRAM = frozenset(
    {"HOST", "PRIORITY", "LEVEL", "SEVERITY", "FACILITY", "DATE", "ISODATE", "SOURCEIP", "HOST_FROM", "TAGS"}
)
_MACROS = _BESIDE_PROGRAM | {
    *{
        "MESSAGE",
        "PROGRAM",
        "PID",
        "MSGID",
        "PRI",
        "SEQNUM",
        "SOURCE",
        "FILE_NAME",
        "LEGACY_MSGHDR",
        "MSGHDR",
    },
    *{"MSG", "MSGONLY", "LEVEL_NUM", "FACILITY_NUM", "S_DATE", "R_DATE", "R_ISODATE", "S_ISODATE", "RAWMSG"},
    *{"TAG", "HOST_FROM", "SOURCEPORT", "DESTIP", "DESTPORT", "UNIXTIME", "R_UNIXTIME", "TRANSPORT"},
}
_COPIES = frozenset({"MESSAGE", "MSG", "MSGONLY", "RAWMSG"})
_EWMM = re.compile(r"<([0-9]{1,3})>1 (\S{1,64}) (\S{1,255}) @syslog-ng \S{1,128} \S{1,32} ")


class SyslogNg:
    """Macros as members: ``MESSAGE`` beside ``PROGRAM``, in capitals.

    A ``DATE`` has no year and no zone, so it counts as UTC of the latest such day; an ``ISODATE`` goes before it.
    """

    name = "syslog-ng"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        if "MESSAGE" not in names or "__REALTIME_TIMESTAMP" in names:
            return False
        return ("PROGRAM" in names and not names.isdisjoint(_BESIDE_PROGRAM)) or names >= {
            "HOST_FROM",
            "HOST",
        }

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The message as a line; what a parser of syslog-ng added are columns."""
        get = event.get
        message = get("MESSAGE")
        if type(message) is not str:
            return None
        program = word(get("PROGRAM"))
        found = syslog_columns(get("HOST"), get("PID"), get("MSGID"))
        if not event.keys() <= _MACROS:
            found.update(
                (name, value)
                for name, value in scalars(event, _MACROS).items()
                if not name.startswith(("_", "."))
            )
        time = seconds(get("ISODATE"))
        return [
            Inner(
                message.removeprefix(" "),
                time=seconds(get("DATE")) if time is None else time,
                severity=levels.of_word(get("PRIORITY") or get("LEVEL") or get("SEVERITY")),
                columns=found,
                shipper={"syslog-ng": without(event, _COPIES)},
                program=program or None,
                stream=f"{found.get(HOST, '')} {program}",
            )
        ]


class Ewmm:
    """A syslog header of the program ``@syslog-ng`` before the JSON of all name-value pairs."""

    name = "ewmm"
    mark = (0, "<")

    def unwrap(self, text: str) -> list[Inner] | None:
        """The JSON, which is one of SyslogNg or a line by itself."""
        if text[:1] != "<" or "@syslog-ng" not in text[:400] or not (match := _EWMM.match(text)):
            return None
        start = match.end()
        # Structured data stands before the JSON unless it is a dash.
        start = start + 1 if text[start : start + 1] == "-" else text.find("] {", start) + 1
        line = text[start:].lstrip(" \n") if start > 0 else ""
        if line[:1] != "{":
            return None
        priority = int(match[1])
        return [
            Inner(
                line,
                time=seconds(match[2]),
                severity=levels.of_syslog(priority % 8) if priority <= 191 else 0,
                columns=syslog_columns(match[3], None, None),
            )
        ]
