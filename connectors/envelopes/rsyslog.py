"""rsyslog: the templates StdJSONFmt and FullJSONFmt, and the property ``jsonmesg``."""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import without, word
from connectors.records import HOST, PID

_FORMAT = frozenset({"message", "fromhost", "facility", "priority", "timereported", "timegenerated"})
_JSONMESG = frozenset({"msg", "rawmsg", "syslogtag"})
_COPIES = frozenset({"message", "msg", "rawmsg", "rawmsg-after-pri"})


class Rsyslog:
    """One syslog message taken apart; ``rawmsg`` is the same message again."""

    name = "rsyslog"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names >= _FORMAT or names >= _JSONMESG

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The message as a line. Its time is the sender's (``timereported``), else when it was received."""
        get = event.get
        if "rawmsg" in event:
            message, host, severity = get("msg"), get("hostname"), levels.of_syslog(get("syslogseverity"))
        else:
            message, host, severity = get("message"), get("fromhost"), levels.of_word(get("priority"))
        if type(message) is not str:
            return None
        program = word(get("programname")) or word(get("app-name"))
        found = syslog_columns(host, get("procid"), get("msgid"))
        return [
            Inner(
                message.removeprefix(" "),
                time=_first_time(event),
                severity=severity,
                columns=found,
                shipper={"rsyslog": without(event, _COPIES)},
                program=program or None,
                stream=f"{found.get(HOST, '')} {program}",
            )
        ]


def syslog_columns(host: Any, pid: Any, message_id: Any) -> dict[str, str]:
    """The columns that the header of a syslog line gives, from its parts."""
    found = {}
    if text := word(host):
        found[HOST] = text
    if text := word(pid):
        found[PID] = text
    if text := word(message_id):
        found["msgid"] = text
    return found


def _first_time(event: dict[str, Any]) -> float | None:
    reported = seconds(event.get("timereported"))
    return seconds(event.get("timegenerated")) if reported is None else reported
