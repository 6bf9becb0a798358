"""Every envelope that is known, in the order in which they are asked: the most particular signature first."""

from __future__ import annotations

from connectors.envelopes.azure import Azure
from connectors.envelopes.azuresyslog import AzureSyslog
from connectors.envelopes.cloudtrail import CloudTrail
from connectors.envelopes.cloudwatch import CloudWatch
from connectors.envelopes.compressed import Gzip, Zstd
from connectors.envelopes.confluent import Confluent
from connectors.envelopes.connect import Connect
from connectors.envelopes.cri import Cri
from connectors.envelopes.docker import Docker
from connectors.envelopes.ecs import Ecs
from connectors.envelopes.envelope import BytesEnvelope, ObjectEnvelope, TextEnvelope
from connectors.envelopes.eventbridge import EventBridge
from connectors.envelopes.filebeat import Filebeat
from connectors.envelopes.fluentbit import FluentBit
from connectors.envelopes.fluentd import Fluentd
from connectors.envelopes.gcp import CloudLogging
from connectors.envelopes.gelf import Gelf
from connectors.envelopes.jenkins import Jenkins
from connectors.envelopes.journald import Journald
from connectors.envelopes.logback import Logback
from connectors.envelopes.logstash import Logstash, LogstashPlain
from connectors.envelopes.msgpack import MessagePack
from connectors.envelopes.nxlog import NXLog
from connectors.envelopes.otlp import OtlpJson
from connectors.envelopes.otlp_proto import OtlpProto
from connectors.envelopes.rsyslog import Rsyslog
from connectors.envelopes.splunk import Cribl, Hec
from connectors.envelopes.suricata import Suricata
from connectors.envelopes.syslogng import Ewmm, SyslogNg
from connectors.envelopes.vector import Vector
from connectors.envelopes.winevtlog import WinEvtLog
from connectors.envelopes.winlogbeat import Winlogbeat, Winlogbeat6
from connectors.envelopes.zeek import Zeek

OBJECTS: tuple[ObjectEnvelope, ...] = (
    OtlpJson(),
    Connect(),
    CloudWatch(),
    EventBridge(),
    CloudTrail(),
    Azure(),
    AzureSyslog(),
    CloudLogging(),
    NXLog(),
    Rsyslog(),
    SyslogNg(),
    Gelf(),
    Suricata(),
    Cribl(),
    Hec(),
    Jenkins(),
    Zeek(),
    Docker(),
    Winlogbeat(),
    Winlogbeat6(),
    WinEvtLog(),
    Filebeat(),
    Vector(),
    Journald(),
    FluentBit(),
    Fluentd(),
    Ecs(),
    Logback(),
    Logstash(),
)
TEXTS: tuple[TextEnvelope, ...] = (Cri(), LogstashPlain(), Ewmm())
BYTES: tuple[BytesEnvelope, ...] = (Gzip(), Zstd(), Confluent(), OtlpProto(), MessagePack())
