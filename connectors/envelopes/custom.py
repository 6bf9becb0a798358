"""An envelope that settings describe: ``stream.message_field`` and ``stream.metadata_fields``."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.paths import MISSING, add_columns, get, without


class Custom:
    """Objects of a shipper that is not known, with the paths that say what is what.

    With a message field alone all else is the shipper's. With metadata fields too, only they are, and all else is
    columns of the line. With metadata fields alone the line is the object without them.
    """

    name = "custom"

    def __init__(self, message_field: str, metadata_fields: list[str]) -> None:
        """Dotted paths; a dot in a name is found too. message_field: empty for none."""
        self._message = message_field
        self._metadata = tuple(metadata_fields)
        paths = [message_field] if message_field else metadata_fields
        self._first = frozenset(start for path in paths for start in _starts(path))

    def matches(self, names: frozenset[str]) -> bool:
        """Whether one of the paths may begin here."""
        return not names.isdisjoint(self._first)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The one line; None when its field is missing, or without one when no metadata field is there."""
        if not self._message:
            rest, metadata = self._without_metadata(event)
            return [Inner(rest, shipper={self.name: metadata})] if metadata else None
        line = get(event, self._message)
        if not line or not isinstance(line, str | dict):
            return None
        others = without(event, self._message)
        if not self._metadata:
            return [Inner(line, shipper={self.name: others})]
        rest, metadata = self._without_metadata(others)
        columns: dict[str, str] = {}
        add_columns(columns, rest, rest)
        return [Inner(line, columns=columns, shipper={self.name: metadata} if metadata else None)]

    def _without_metadata(self, event: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The event without the metadata fields, and these by their paths."""
        metadata = {}
        for path in self._metadata:
            value = get(event, path, MISSING)
            if value is not MISSING:
                metadata[path] = value
                event = without(event, path)
        return event, metadata


def _starts(path: str) -> list[str]:
    """The names that a path may begin with: ``a``, ``a.b`` and ``a.b.c`` of ``a.b.c``."""
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
