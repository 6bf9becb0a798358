"""Header lines: those that name the columns of the lines after them (W3C's and Zeek's ``#Fields``)."""

from __future__ import annotations

import json


class HeaderLines:
    """The latest names of columns of each stream of lines."""

    LIMIT = 1_000
    """Streams that are remembered, the latest ones."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, ...]] = {}

    def get(self, stream: str) -> tuple[str, ...] | None:
        """What was noted last of a stream."""
        return self._of.get(stream)

    def set(self, stream: str, header: tuple[str, ...]) -> None:
        """Notes what a header line says."""
        self._of.pop(stream, None)
        self._of[stream] = header
        if len(self._of) > self.LIMIT:
            del self._of[next(iter(self._of))]

    def state(self) -> bytes:
        """All of it, as JSON."""
        return json.dumps(self._of).encode()

    def restore(self, state: bytes) -> None:
        """Takes up what was saved."""
        self._of = {stream: tuple(header) for stream, header in json.loads(state).items()}
