"""Lines as container runtimes write them for Kubernetes: ``2026-11-25T10:00:00.123456789Z stderr F <line>``."""

from __future__ import annotations

from connectors.envelopes.docker import STREAMS
from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds

SHORTEST_TIME, LONGEST_TIME = 20, 35


class Cri:
    """A time in RFC 3339, a stream, tags of which the first is ``F`` (full) or ``P`` (partial), the line."""

    name = "cri"
    mark = (10, "T")

    def unwrap(self, text: str) -> list[Inner] | None:
        """The line; None for any other text."""
        if text[10:11] != "T":
            return None
        end = text.find(" ", SHORTEST_TIME, LONGEST_TIME + 1)
        if end < 0 or text[end + 1 : end + 4] != "std":
            return None
        parts = text[end + 1 :].split(" ", 2)
        stream, tags = parts[0], parts[1] if len(parts) > 1 else ""
        if stream not in STREAMS or tags[:1] not in ("F", "P") or tags[1:2] not in ("", ":"):
            return None
        moment = seconds(text[:end])
        if moment is None:
            return None
        line = parts[2] if len(parts) > 2 else ""
        shipper = {self.name: {"stream": stream, "tags": tags}}
        return [Inner(line, moment, 0, {}, shipper, None, None, stream, tags[0] == "P")]
