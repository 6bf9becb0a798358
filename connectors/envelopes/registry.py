"""Every envelope that is known, in the order in which they are asked: the most particular signature first."""

from __future__ import annotations

from connectors.envelopes.cri import Cri
from connectors.envelopes.docker import Docker
from connectors.envelopes.ecs import Ecs
from connectors.envelopes.envelope import BytesEnvelope, ObjectEnvelope, TextEnvelope
from connectors.envelopes.filebeat import Filebeat
from connectors.envelopes.fluentbit import FluentBit
from connectors.envelopes.fluentd import Fluentd
from connectors.envelopes.journald import Journald
from connectors.envelopes.logback import Logback
from connectors.envelopes.logstash import Logstash, LogstashPlain
from connectors.envelopes.vector import Vector
from connectors.envelopes.winlogbeat import Winlogbeat, Winlogbeat6

OBJECTS: tuple[ObjectEnvelope, ...] = (
    Docker(),
    Winlogbeat(),
    Winlogbeat6(),
    Filebeat(),
    Vector(),
    Journald(),
    FluentBit(),
    Fluentd(),
    Ecs(),
    Logback(),
    Logstash(),
)
TEXTS: tuple[TextEnvelope, ...] = (Cri(), LogstashPlain())
BYTES: tuple[BytesEnvelope, ...] = ()
