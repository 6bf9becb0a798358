"""GELF 1.0 and 1.1: Graylog's format, which many loggers and Docker write."""

from __future__ import annotations

from typing import Any

from connectors.envelopes import levels
from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import columns, scalars, without, word
from connectors.records import CONTAINER, HOST, LOGGER, PID

_SIGNATURE = frozenset({"version", "host", "short_message"})
_DOCKER = frozenset(
    {"_container_id", "_container_name", "_image_id", "_image_name", "_command", "_created", "_tag"}
)
_KNOWN = frozenset(
    {"version", "host", "short_message", "full_message", "timestamp", "level", "facility", "file", "line"}
)
_LOGGERS = ("_logger", "_logger_name", "_loggerName", "_LoggerName", "_SourceLoggerName")
_PROGRAMS = ("_application_name", "_appname", "_program")
"""Where senders of syslog put the program that they took out of its header."""
_PIDS = ("_process_id", "_procid", "_pid")
_NOT_COLUMNS = _KNOWN | _DOCKER | {*_PROGRAMS, *_PIDS}


class Gelf:
    """A message, short or full; members of the application's own begin with an underscore."""

    name = "gelf"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names >= _SIGNATURE

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The full message where there is one, as a line; the application's own members are columns."""
        get = event.get
        if get("version") not in ("1.0", "1.1"):
            return None
        message = get("full_message") or get("short_message")
        if type(message) is not str:
            return None
        logger = next((event[name] for name in _LOGGERS if name in event), get("facility"))
        program, pid = (
            next((event[name] for name in names if name in event), None) for names in (_PROGRAMS, _PIDS)
        )
        host, container = get("host"), word(get("_container_name")).removeprefix("/")
        return [
            Inner(
                message.rstrip("\r\n"),
                time=seconds(get("timestamp")),
                severity=levels.of_syslog(get("level")),
                columns={
                    **{name.removeprefix("_"): text for name, text in scalars(event, _NOT_COLUMNS).items()},
                    **columns({HOST: host, CONTAINER: container, LOGGER: logger, PID: pid}),
                },
                shipper={"gelf": without(event, ("short_message", "full_message"))},
                program=word(program) or None,
                stream=f"{word(host)} {container}",
            )
        ]
