"""Messages of the agents that read files and containers: Beats, Vector, Fluent Bit, Fluentd, Logstash."""

from __future__ import annotations

from typing import Any

from stream_processors.demo.scenario import LabelledLine
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.envelopes.fleet import Place, moment, syslog

Event = dict[str, Any]


def filebeat(line: LabelledLine, place: Place, draw: Draw) -> Event | str:
    """Filebeat's filestream input; events of Windows come from Winlogbeat as they are."""
    if line.system == "windows":
        return line.line
    return {**_beat(line, place, draw, "filebeat"), **_file(line, place)}


def elastic_agent(line: LabelledLine, place: Place, draw: Draw) -> Event | str:
    """Elastic Agent's container logs, with Kubernetes metadata."""
    if line.system == "windows":
        return line.line
    return {
        **_beat(line, place, draw, "filebeat"),
        **_file(line, place),
        "stream": "stdout",
        "data_stream": {"dataset": "kubernetes.container_logs", "namespace": "default", "type": "logs"},
        "elastic_agent": {"id": place.agent, "snapshot": False, "version": "9.2.0"},
        "event": {"dataset": "kubernetes.container_logs"},
        "kubernetes": {
            "namespace": place.namespace,
            "pod": {"name": place.pod, "uid": place.uid, "ip": place.address},
            "node": {"name": place.host.name, "labels": {"kubernetes_io/os": "linux"}},
            "container": {"name": place.service},
            "labels": {"app": place.service, "pod-template-hash": place.pod.split("-")[-2]},
            "deployment": {"name": place.service},
        },
        "container": {"id": place.container_id, "runtime": "containerd", "image": {"name": place.image}},
        "orchestrator": {"cluster": {"name": "example-eu", "url": "https://10.20.8.2:6443"}},
    }


def _beat(line: LabelledLine, place: Place, draw: Draw, kind: str) -> Event:
    name = place.host.name
    return {
        "@timestamp": moment(line, draw.unit()).iso_millis(),
        "@metadata": {"beat": kind, "type": "_doc", "version": "9.2.0"},
        "agent": {
            "id": place.agent,
            "ephemeral_id": place.uid,
            "name": name,
            "type": kind,
            "version": "9.2.0",
        },
        "ecs": {"version": "8.0.0"},
        "host": {
            "name": name,
            "hostname": name,
            "architecture": "x86_64",
            "id": place.agent.replace("-", ""),
            "ip": [place.host.address, "fe80::5054:ff:fe12:3456"],
            "os": {"family": "debian", "kernel": "6.1.0-28-amd64", "platform": "debian", "version": "12"},
        },
    }


def _file(line: LabelledLine, place: Place) -> Event:
    return {
        "input": {"type": "filestream"},
        "log": {
            "offset": place.offset,
            "file": {"path": place.path, "inode": str(place.inode), "device_id": "64769"},
        },
        "message": line.line,
    }


def vector(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Vector's file source."""
    return {
        "file": place.path,
        "host": place.host.name,
        "message": line.line,
        "offset": place.offset,
        "source_type": "file",
        "timestamp": moment(line, draw.unit()).iso_micros(),
    }


def vector_kubernetes(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Vector's kubernetes_logs source."""
    return {
        "file": place.pod_file,
        "kubernetes": {
            "container_id": f"containerd://{place.container_id}",
            "container_image": place.image,
            "container_name": place.service,
            "namespace_labels": {"kubernetes.io/metadata.name": place.namespace},
            "node_labels": {"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": place.host.name},
            "pod_ip": place.address,
            "pod_ips": [place.address],
            "pod_labels": {"app": place.service, "pod-template-hash": place.pod.split("-")[-2]},
            "pod_name": place.pod,
            "pod_namespace": place.namespace,
            "pod_node_name": place.host.name,
            "pod_owner": f"ReplicaSet/{place.pod.rpartition('-')[0]}",
            "pod_uid": place.uid,
        },
        "message": line.line,
        "source_type": "kubernetes_logs",
        "stream": "stdout",
        "timestamp": moment(line).iso_micros(),
    }


def vector_syslog(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Vector's syslog source, which takes the header apart; other lines come from its file source."""
    parts = syslog(line)
    if parts is None:
        return vector(line, place, draw)
    return {
        "appname": parts.program,
        "facility": parts.facility,
        "host": parts.host,
        "hostname": parts.host,
        "message": parts.message,
        "procid": int(parts.pid),
        "severity": parts.severity,
        "source_ip": place.host.address,
        "source_type": "syslog",
        "timestamp": moment(line).iso_seconds(),
    }


def vector_native(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Vector's native_json codec."""
    return {"log": vector(line, place, draw)}


def fluentbit(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Fluent Bit's tail input with the kubernetes filter."""
    return {
        "@timestamp": round(line.time + draw.unit(), 6),
        "log": line.line + "\n",
        "stream": "stdout",
        "kubernetes": {
            "pod_name": place.pod,
            "namespace_name": place.namespace,
            "pod_id": place.uid,
            "pod_ip": place.address,
            "labels": {"app": place.service, "pod-template-hash": place.pod.split("-")[-2]},
            "annotations": {"checksum/config": place.container_id[:40]},
            "host": place.host.name,
            "container_name": place.service,
            "docker_id": place.container_id,
            "container_hash": f"{place.image.rpartition(':')[0]}@sha256:{place.container_id}",
            "container_image": place.image,
        },
    }


def fluentd(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Fluentd's kubernetes metadata filter, time and tag injected."""
    return {
        "log": line.line + "\n",
        "stream": "stdout",
        "docker": {"container_id": place.container_id},
        "kubernetes": {
            "container_name": place.service,
            "namespace_name": place.namespace,
            "pod_name": place.pod,
            "container_image": place.image,
            "pod_id": place.uid,
            "pod_ip": place.address,
            "host": place.host.name,
            "labels": {"app": place.service},
        },
        "time": moment(line, draw.unit()).iso_micros(),
        "tag": f"kubernetes.{place.pod_file.strip('/').replace('/', '.')}",
    }


def logstash(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Logstash's json codec, the line kept a second time as it came."""
    return {
        "@timestamp": moment(line, draw.unit()).iso_micros(),
        "@version": "1",
        "event": {"original": line.line},
        "host": {"name": place.host.name},
        "log": {"file": {"path": place.path}},
        "message": line.line,
        "tags": ["_grokparsefailure"],
    }


def logstash_plain(line: LabelledLine, place: Place, draw: Draw) -> str:
    """Logstash's default codec."""
    return f"{moment(line, draw.unit()).iso_micros()} {{name={place.host.name}}} {line.line}"
