"""Every envelope that is known, in the order in which they are asked: the most particular signature first."""

from __future__ import annotations

from connectors.envelopes.envelope import BytesEnvelope, ObjectEnvelope, TextEnvelope

OBJECTS: tuple[ObjectEnvelope, ...] = ()
TEXTS: tuple[TextEnvelope, ...] = ()
BYTES: tuple[BytesEnvelope, ...] = ()
