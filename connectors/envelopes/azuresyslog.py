"""Azure Monitor's Syslog table: rows that Log Analytics exports."""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.rsyslog import syslog_columns
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import without, word
from connectors.records import HOST

_SIGNATURE = frozenset({"SyslogMessage", "Facility", "SeverityLevel"})
_HOSTS = frozenset({"HostName", "Computer"})


class AzureSyslog:
    """One syslog message taken apart; ``EventTime`` is the sender's, ``TimeGenerated`` the agent's."""

    name = "azure-syslog"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names >= _SIGNATURE and not names.isdisjoint(_HOSTS)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The message as a line."""
        get = event.get
        message = get("SyslogMessage")
        if type(message) is not str:
            return None
        program, pid = (
            "" if name == "null" else name for name in (word(get("ProcessName")), word(get("ProcessID")))
        )
        time = seconds(get("EventTime"))
        found = syslog_columns(get("HostName") or get("Computer"), pid, None)
        return [
            Inner(
                message.removeprefix(" "),
                time=seconds(get("TimeGenerated")) if time is None else time,
                severity=levels.of_word(get("SeverityLevel")),
                columns=found,
                shipper={"azure-syslog": without(event, ("SyslogMessage",))},
                program=program or None,
                stream=f"{found.get(HOST, '')} {program}",
            )
        ]
