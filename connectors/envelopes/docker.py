"""Docker's json-file log driver: one object a line that a container wrote."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.passing import Passing
from connectors.envelopes.stamps import seconds

_MEMBERS = frozenset({"log", "stream", "time", "attrs"})
STREAMS = ("stdout", "stderr")
CHUNK = 16_384
"""Docker cuts what a container writes without a line end after so many bytes."""


class Docker:
    """``{"log":"<line>","stream":"stdout","time":"..Z"}``, and ``attrs`` when labels are asked for."""

    name = "docker"

    def matches(self, names: frozenset[str]) -> bool:
        """Exactly the driver's members."""
        return names <= _MEMBERS and names.issuperset(("log", "stream", "time"))

    def passing(self, event: dict[str, Any]) -> Passing:
        """A line that was not cut."""
        return Passing(("log",), strips=True, time=("time",))

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The line."""
        log, stream = event["log"], event["stream"]
        if type(log) is not str or stream not in STREAMS:
            return None
        moment = seconds(event["time"])
        if moment is None:
            return None
        shipper = event.copy()
        del shipper["log"]
        partial = len(log) >= CHUNK and log[-1] != "\n"
        line = log.rstrip("\r\n")
        return [Inner(line, moment, 0, {}, {self.name: shipper}, None, None, stream, partial)]
