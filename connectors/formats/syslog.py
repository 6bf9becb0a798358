"""Syslog headers: RFC 5424, RFC 3164 and what daemons write into files (no priority)."""

from __future__ import annotations

import re
from typing import NamedTuple

from connectors.formats.pairs import MAX_FIELDS, render
from connectors.formats.payload import parse_payload
from connectors.formats.times import Stamp, parse_time, split_time
from connectors.records import HOST, PID, SERVICE, Record

# RFC 5424 section 6.2.1, tables 1 and 2, under the names of syslog.conf(5).
_SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
_FACILITIES = [
    *["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"],
    *["ntp", "audit", "alert", "clock"],
    *[f"local{number}" for number in range(8)],
]

_PRIORITY = re.compile(r"<([0-9]{1,3})>")
_RFC5424 = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) (?=[-\[])")
_WORD = r"""[^\s:\[\]{}="|,]{1,128}"""
# A name of two words ("Google Chrome") needs a pid to be told from a sentence.
_PROGRAM = (
    rf"(?!CEF:|LEEF:)({_WORD}|{_WORD} {_WORD}(?=\[[0-9]))" + r"""(?:\[([^\]\s]{1,64})\])?:(?=\s|$)\s*"""
)
# The header of a daemon's file is told from a sentence by its host, which is no level and no bracket.
_HOST_PROGRAM = re.compile(
    r"(?!(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE)\s)"
    r"([\w*][^\s=\"{}\[\]]{0,254}(?<!:))\s+" + _PROGRAM
)
_ONLY_PROGRAM = re.compile(_PROGRAM)
_HOST_PAYLOAD = re.compile(r"([\w*][^\s=\"{}\[\]|]{0,254}(?<!:))\s+(?=CEF:|LEEF:|\{)")
_HOST_REPEATED = re.compile(r"([\w*][^\s:=]{0,254})\s+(?=last message repeated |-- MARK --)")
# Without a program, only an address is surely a host.
_ADDRESS = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})\s+")
_HOST = re.compile(r"([\w*][^\s=\"{}\[\]|,]{0,254}(?<!:))\s+")

_SD_ELEMENT = re.compile(r'\[([^\s=\]"]+)((?:\s+[^\s=\]"]+="[^"\\]*(?:\\.[^"\\]*)*")*)\s*\]', re.DOTALL)
_SD_PARAM = re.compile(r'\s+([^\s=\]"]+)="([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_SD_ESCAPE = re.compile(r'\\(["\\\]])')


class _Header(NamedTuple):
    host: str | None
    program: str | None
    pid: str | None
    message: str


def parse_with_priority(line: str) -> Record | None:
    """The record of a line that begins with ``<PRI>``; None when that is no priority (0 to 191)."""
    match = _PRIORITY.match(line)
    if not match or int(match[1]) > 191 or match.end() == len(line):
        return None
    facility, severity = divmod(int(match[1]), 8)
    fields = {"facility": _FACILITIES[facility], "severity": _SEVERITIES[severity]}
    body = line[match.end() :]
    if record := _parse_rfc5424(body, fields):
        return record
    stamp = split_time(body.lstrip())
    return _record("rfc3164", _read_header(stamp.rest, has_time=stamp.rest != body), fields, stamp.time)


def parse_without_priority(stamp: Stamp) -> Record | None:
    """The record of ``Jun 14 15:16:01 host program[pid]: message``; None when the header is not complete."""
    if not stamp.is_syslog:
        return None
    rest = stamp.rest
    if not any(pattern.match(rest) for pattern in (_HOST_PROGRAM, _HOST_PAYLOAD, _HOST_REPEATED, _ADDRESS)):
        return None
    return _record("rfc3164", _read_header(rest, has_time=True), {}, stamp.time)


def _read_header(rest: str, *, has_time: bool) -> _Header:
    """Host, program and pid after the timestamp, each of which senders leave out."""
    if match := _HOST_PROGRAM.match(rest):
        return _Header(match[1], match[2], match[3], rest[match.end() :])
    if match := _ONLY_PROGRAM.match(rest):
        return _Header(None, match[1], match[2], rest[match.end() :])
    for pattern in (_HOST_PAYLOAD, _HOST_REPEATED, _HOST) if has_time else (_HOST_PAYLOAD,):
        if match := pattern.match(rest):
            return _Header(match[1], None, None, rest[match.end() :])
    return _Header(None, None, None, rest)


def _parse_rfc5424(body: str, fields: dict[str, str]) -> Record | None:
    match = _RFC5424.match(body)
    if not match:
        return None
    stamp, host, program, pid, message_id = (None if part == "-" else part for part in match.groups())
    time = parse_time(stamp) if stamp else None
    if stamp and time is None:
        return None
    data, message = _structured_data(body[match.end() :])
    extra = {"msgid": message_id} if message_id else {}
    header = _Header(host, program, pid, message.lstrip().removeprefix("\ufeff"))
    return _record("rfc5424", header, {**fields, **extra, **data}, time, data)


def _structured_data(text: str) -> tuple[dict[str, str], str]:
    """The parameters as ``{"id.name": value}`` and the message after them (RFC 5424 section 6.3)."""
    if text[0] == "-":
        return {}, text[1:]
    data: dict[str, str] = {}
    position = 0
    while match := _SD_ELEMENT.match(text, position):
        for name, value in _SD_PARAM.findall(match[2]):
            if len(data) < MAX_FIELDS:
                data[f"{match[1]}.{name}"] = _SD_ESCAPE.sub(r"\1", value)
        position = match.end()
    return data, text[position:]


def _record(
    header_format: str,
    header: _Header,
    fields: dict[str, str],
    time: float | None,
    data: dict[str, str] | None = None,
) -> Record:
    """Join the header and the payload of the message.

    A payload gives its own format and its own fields; a header's field of the same name is kept under
    ``syslog.``. ``data`` is read in place of an empty message.
    """
    columns = ((HOST, header.host), (SERVICE, header.program), (PID, header.pid))
    fields = {**{name: value for name, value in columns if value}, **fields}
    message = split_time(header.message)
    if time is None:
        time = message.time
    text = message.rest or header.message or (render(data) if data else "")
    payload = parse_payload(text, time=time)
    if payload and payload.parse_error is None:
        clashes = fields.keys() & payload.fields.keys()
        fields = {f"syslog.{name}" if name in clashes else name: value for name, value in fields.items()}
        fields.update(payload.fields)
        header_format, text, time = payload.format, payload.text, payload.time if time is None else time
    if header.program:
        text = f"{header.program}: {text}" if text else header.program
    return Record(text=text or header.host or "", format=header_format, fields=fields, time=time)


def add_program(record: Record, program: str) -> None:
    """Gives a record the program that its shipper took out of the header; one that it states itself stays."""
    if SERVICE in record.fields:
        return
    record.fields[SERVICE] = program
    if record.message is None:
        record.message = record.text
    record.text = f"{program}: {record.text}" if record.text else program
