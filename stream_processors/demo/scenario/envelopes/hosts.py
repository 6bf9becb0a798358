"""Messages of syslog daemons, containers' log drivers, loggers and log platforms."""

from __future__ import annotations

from typing import Any

from stream_processors.demo.scenario import LabelledLine
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.envelopes.agents import vector_kubernetes
from stream_processors.demo.scenario.envelopes.fleet import Place, logged, moment, syslog

Event = dict[str, Any]


def rsyslog_json(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """The property ``jsonmesg`` of rsyslog; lines of files have a tag of ``-``."""
    parts = syslog(line)
    received = moment(line, draw.unit()).iso_micros().replace("Z", "+00:00")
    return {
        "msg": f" {parts.message}" if parts else line.line,
        "rawmsg": line.line,
        "timereported": moment(line).iso_micros().replace("Z", "+00:00"),
        "hostname": parts.host if parts else place.host.name,
        "syslogtag": parts.tag if parts else "-",
        "inputname": "imudp" if parts else "imfile",
        "fromhost": place.host.name,
        "fromhost-ip": place.host.address,
        "pri": str(parts.priority) if parts else "134",
        "syslogfacility": str(parts.priority // 8) if parts else "16",
        "syslogseverity": str(parts.priority % 8) if parts else "6",
        "timegenerated": received,
        "programname": parts.program if parts else "-",
        "protocol-version": "0",
        "structured-data": "-",
        "app-name": parts.program if parts else "-",
        "procid": parts.pid if parts else "-",
        "msgid": "-",
        "uuid": None,
        "$!": None,
    }


def rsyslog_full(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """The template RSYSLOG_FullJSONFmt of rsyslog."""
    event = rsyslog_json(line, place, draw)
    parts = syslog(line)
    return {
        "message": event["msg"],
        "fromhost": event["hostname"],
        "facility": parts.facility if parts else "local0",
        "priority": parts.severity if parts else "info",
        "timereported": event["timereported"],
        "timegenerated": event["timegenerated"],
        "programname": event["programname"],
        "procid": event["procid"],
        "msgid": "-",
    }


def syslogng_json(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """The format-json template of syslog-ng."""
    parts = syslog(line)
    event = {
        "TAGS": [".source.s_net"],
        "SOURCEIP": place.host.address,
        "SEQNUM": str(place.offset),
        "PRIORITY": parts.severity if parts else "notice",
        "MESSAGE": parts.message if parts else line.line,
        "HOST_FROM": place.host.name,
        "HOST": parts.host if parts else place.host.name,
        "FACILITY": parts.facility if parts else "user",
        "DATE": moment(line).syslog(),
    }
    if parts:
        event |= {"PROGRAM": parts.program, "PID": parts.pid}
    else:
        event["FILE_NAME"] = place.path
    return event


def gelf(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """GELF 1.1, as senders of syslog and of files fill it in."""
    parts = syslog(line)
    event: Event = {
        "version": "1.1",
        "host": parts.host if parts else place.host.name,
        "short_message": parts.message if parts else line.line,
        "timestamp": round(line.time, 3),
        "level": parts.priority % 8 if parts else 6,
    }
    if parts:
        event |= {"_application_name": parts.program, "_process_id": parts.pid, "_facility": parts.facility}
    else:
        event |= {"_file": place.path, "_container_id": place.container_id, "_image": place.image}
    return event


def nxlog(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """NXLog's im_file and to_json, the line copied to Message; syslog lines through parse_syslog."""
    parts = syslog(line)
    event: Event = {
        "EventReceivedTime": moment(line, draw.unit()).iso_seconds()[:-1].replace("T", " "),
        "SourceModuleName": "files",
        "SourceModuleType": "im_file",
        "Hostname": parts.host if parts else place.host.name,
        "Message": parts.message if parts else line.line,
    }
    if parts:
        event |= {
            "SyslogFacility": parts.facility.upper(),
            "SyslogSeverity": parts.severity.upper(),
            "SourceName": parts.program,
            "ProcessID": parts.pid,
            "EventTime": moment(line).iso_seconds()[:-1].replace("T", " "),
        }
    return event


def journald(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """The journal of systemd exported as JSON: every value is text."""
    parts = syslog(line)
    micros = moment(line).micros
    event = {
        "__CURSOR": f"s={place.container_id[:32]};i={place.offset:x};b={place.container_id[32:]};t={micros:x}",
        "__REALTIME_TIMESTAMP": str(micros),
        "__MONOTONIC_TIMESTAMP": str(micros - 1_741_000_000_000_000),
        "_BOOT_ID": place.container_id[32:],
        "_MACHINE_ID": place.agent.replace("-", ""),
        "_HOSTNAME": parts.host if parts else place.host.name,
        "_UID": "0",
        "_GID": "0",
        "_TRANSPORT": "syslog" if parts else "journal",
        "PRIORITY": str(parts.priority % 8) if parts else "6",
        "MESSAGE": parts.message if parts else line.line,
    }
    if parts:
        event |= {"SYSLOG_IDENTIFIER": parts.program, "SYSLOG_PID": parts.pid, "_PID": parts.pid}
        event |= {"SYSLOG_FACILITY": str(parts.priority // 8), "_SYSTEMD_UNIT": "ssh.service"}
    return event


def vector_journald(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Vector's journald source: the journal's fields, the message under its own name."""
    event = journald(line, place, draw)
    message = event.pop("MESSAGE")
    host = event.pop("_HOSTNAME")
    times = {"source_type": "journald", "timestamp": moment(line).iso_micros()}
    return {**event, "message": message, "host": host, **times}


def docker(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Docker's json-file driver."""
    return {"log": line.line + "\n", "stream": "stdout", "time": _nanos(line)}


def cri(line: LabelledLine, place: Place, draw: Draw) -> str:
    """A container runtime's file."""
    return f"{_nanos(line)} stdout F {line.line}"


def _nanos(line: LabelledLine) -> str:
    return moment(line).iso_micros().replace("Z", "417Z")


def ecs(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """An ECS logger of a Java application; other lines come through Vector."""
    parts = logged(line)
    if parts is None:
        return vector_kubernetes(line, place, draw)
    return {
        "@timestamp": moment(line).iso_millis(),
        "log.level": parts.level,
        "message": parts.message,
        "ecs.version": "1.2.0",
        "service.name": place.service,
        "event.dataset": place.service,
        "process.thread.name": parts.thread,
        "log.logger": parts.logger,
    }


def logback(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Logback's LogstashEncoder in a Java application; other lines come through Vector."""
    parts = logged(line)
    if parts is None:
        return vector_kubernetes(line, place, draw)
    return {
        "@timestamp": moment(line).iso_millis(),
        "@version": "1",
        "message": parts.message,
        "logger_name": parts.logger,
        "thread_name": parts.thread,
        "level": parts.level,
        "level_value": {"DEBUG": 10_000, "INFO": 20_000, "WARN": 30_000, "ERROR": 40_000}[parts.level],
    }


def cribl(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """Cribl Stream's event."""
    return {
        "_raw": line.line,
        "_time": round(line.time, 3),
        "host": place.host.name,
        "source": place.path,
        "sourcetype": place.service,
        "cribl_breaker": "Break on newlines",
        "cribl_pipe": "passthru",
    }


def splunk_hec(line: LabelledLine, place: Place, draw: Draw) -> Event:
    """An event for Splunk's HTTP event collector."""
    return {
        "time": round(line.time, 3),
        "host": place.host.name,
        "source": place.path,
        "sourcetype": place.service,
        "index": "main",
        "event": line.line,
        "fields": {"pod": place.pod, "image": place.image},
    }
