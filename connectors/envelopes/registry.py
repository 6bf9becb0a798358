"""Every envelope that is known, in the order in which they are asked: the most particular signature first."""

from __future__ import annotations

from connectors.envelopes.compressed import Gzip, Zstd
from connectors.envelopes.confluent import Confluent
from connectors.envelopes.envelope import BytesEnvelope, ObjectEnvelope, TextEnvelope
from connectors.envelopes.msgpack import MessagePack
from connectors.envelopes.otlp import OtlpJson
from connectors.envelopes.otlp_proto import OtlpProto

OBJECTS: tuple[ObjectEnvelope, ...] = (OtlpJson(),)
TEXTS: tuple[TextEnvelope, ...] = ()
BYTES: tuple[BytesEnvelope, ...] = (Gzip(), Zstd(), Confluent(), OtlpProto(), MessagePack())
