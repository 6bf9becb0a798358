"""Kafka Connect: the JsonConverter's ``schema`` beside ``payload``."""

from __future__ import annotations

from binascii import Error, a2b_base64
from typing import Any

from connectors import formats
from connectors.envelopes.envelope import Inner
from connectors.envelopes.values import as_text

_NAMES = frozenset({"schema", "payload"})


class Connect:
    """A value of any type behind its schema, which may be null."""

    name = "connect"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names == _NAMES

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The payload as a line, an array's items as one each; none for a null, which says that a key was deleted."""
        schema, payload = event.get("schema"), event.get("payload")
        if schema is not None and (type(schema) is not dict or "type" not in schema):
            return None
        if payload is None:
            return []
        kind = schema["type"] if schema is not None else None
        around = {"connect": {"schema": schema}}
        if kind == "bytes" and type(payload) is str:
            return [Inner(_decoded(payload), shipper=around)]
        items = payload if type(payload) is list else [payload]
        return [Inner(item if type(item) is dict else as_text(item), shipper=around) for item in items]


def _decoded(payload: str) -> str:
    """The text of bytes, which the converter writes as base64; what is none stays as it is."""
    try:
        return formats.decode(a2b_base64(payload.encode("ascii")))
    except (Error, UnicodeEncodeError):
        return payload
