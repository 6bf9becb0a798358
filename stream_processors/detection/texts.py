"""What people see of a line."""

from __future__ import annotations

from connectors.records import Line

TEXT_CHARACTERS = 4_000
"""Characters of a line kept with an anomaly or as a pattern's example."""


def display_text(line: Line) -> str:
    """The line as it came, for people: undecodable bytes replaced, cut to a few kilobytes."""
    if line.value is None:
        return line.record.text[:TEXT_CHARACTERS].encode("utf-8", "replace").decode()
    return line.value[: 4 * TEXT_CHARACTERS].decode("utf-8", "replace")[:TEXT_CHARACTERS]
