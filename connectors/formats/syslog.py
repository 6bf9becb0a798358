"""Syslog headers: RFC 5424, RFC 3164 and what daemons write into files (no priority)."""

from __future__ import annotations

import re
from typing import NamedTuple

from connectors.formats.brackets import REST
from connectors.formats.clock import MONTHS, UTC, Clock
from connectors.formats.pairs import MAX_FIELDS, render
from connectors.formats.payload import parse_payload
from connectors.formats.severity import LEVELS, SYSLOG, severity_of_word
from connectors.formats.shape import find_header
from connectors.formats.starts import may_begin_header, stated_level
from connectors.formats.times import Found, find_time, parse_time, skip_gap
from connectors.records import HOST, LEVEL, PID, SERVICE, Record

# RFC 5424 section 6.2.1, tables 1 and 2, under the names of syslog.conf(5).
SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
FACILITIES = [
    *["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"],
    *["ntp", "audit", "alert", "clock"],
    *[f"local{number}" for number in range(8)],
]
_PRIORITIES = {
    str(8 * facility + severity): (name, SEVERITIES[severity], SYSLOG[severity])
    for facility, name in enumerate(FACILITIES)
    for severity in range(8)
}

_PRIORITY = re.compile(r"<([0-9]{1,3})>")
_RFC5424 = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) (?=[-\[])")
_WORD = r"""[^\s:\[\]{}="|,]{1,128}"""
# A name of two words ("Google Chrome") needs a pid to be told from a sentence; behind a pid may be a level or a unit.
_PROGRAM = (
    rf"(?!CEF:|LEEF:)({_WORD}|{_WORD} {_WORD}(?=\[[0-9]))"
    r"""(?:\[([^\]\s]{1,64})\](?: ?\(([^()\s]{1,128})\))?)?:(?=\s|$)\s*"""
)
# The header of a daemon's file is told from a sentence by its host, which is no level and no bracket.
NO_HOSTS = ("TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL", "SEVERE")
_HOST_PROGRAM = re.compile(
    rf"(?!(?:{'|'.join(NO_HOSTS)})\s)"
    r"([\w*][^\s=\"{}\[\]]{0,254}(?<!:))\s+" + _PROGRAM
)
_ONLY_PROGRAM = re.compile(_PROGRAM)
_USUAL = re.compile(
    rf"<([0-9]{{1,3}})>((?:{'|'.join(MONTHS)}) [ 0-9][0-9] [0-9]{{2}}:[0-9]{{2}}):([0-5][0-9]) "
    r"([A-Za-z0-9][\w.-]{0,254}) ([A-Za-z][\w./-]{0,127})(?:\[([0-9]{1,10})\])?: +"
)
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
    beside: str | None = None
    """What stands in parentheses behind the program."""


def parse_with_priority(line: str, clock: Clock = UTC) -> Record | None:
    """The record of a line that begins with ``<PRI>``; None when that is no priority (0 to 191)."""
    if match := _USUAL.match(line):
        priority, minute, second, host, program, pid = match.groups()
        start, known = clock.minute(minute, "bDYhm"), _PRIORITIES.get(priority)
        if known is not None and start is not None and program.upper() not in LEVELS:
            header = _Header(host, program, pid, line[match.end() :])
            return _record("rfc3164", header, known, start + int(second), clock)
    match = _PRIORITY.match(line)
    if not match or match.end() == len(line) or (known := _PRIORITIES.get(str(int(match[1])))) is None:
        return None
    body = line[match.end() :]
    if record := _parse_rfc5424(body, known, clock):
        return record
    body = body.lstrip()
    found = find_time(body, 0, clock)
    rest = body[skip_gap(body, found.end) :] if found else body
    return _record(
        "rfc3164", _read_header(rest, has_time=found is not None), known, found.time if found else None, clock
    )


def parse_without_priority(line: str, found: Found, clock: Clock) -> Record | None:
    """The record of ``Jun 14 15:16:01 host program[pid]: message``; None when the header is not complete.

    found: the time that the line begins with.
    """
    rest = line[skip_gap(line, found.end) :]
    if match := _HOST_PROGRAM.match(rest):
        if match[2].upper() in LEVELS:
            return None
        header = _Header(match[1], match[2], match[3], rest[match.end() :], match[4])
    elif any(pattern.match(rest) for pattern in (_HOST_PAYLOAD, _HOST_REPEATED, _ADDRESS)):
        header = _read_header(rest, has_time=True)
    else:
        return None
    return _record("rfc3164", header, None, found.time, clock)


def _read_header(rest: str, *, has_time: bool) -> _Header:
    """Host, program and pid after the timestamp, each of which senders leave out."""
    if match := _HOST_PROGRAM.match(rest):
        if match[2].upper() in LEVELS:  # "host ERROR: message"
            return _Header(match[1], None, None, rest[match.start(2) :])
        return _Header(match[1], match[2], match[3], rest[match.end() :], match[4])
    if (match := _ONLY_PROGRAM.match(rest)) and match[1].upper() not in LEVELS:
        return _Header(None, match[1], match[2], rest[match.end() :], match[3])
    for pattern in (_HOST_PAYLOAD, _HOST_REPEATED, _HOST) if has_time else (_HOST_PAYLOAD,):
        if match := pattern.match(rest):
            return _Header(match[1], None, None, rest[match.end() :])
    return _Header(None, None, None, rest)


def _parse_rfc5424(body: str, priority: tuple[str, str, int], clock: Clock) -> Record | None:
    match = _RFC5424.match(body)
    if not match:
        return None
    stamp, host, program, pid, message_id = (None if part == "-" else part for part in match.groups())
    time = parse_time(stamp, clock) if stamp else None
    if stamp and time is None:
        return None
    data, message = _structured_data(body[match.end() :])
    extra = {"msgid": message_id} if message_id else {}
    header = _Header(host, program, pid, message.lstrip().removeprefix("\ufeff"))
    return _record("rfc5424", header, priority, time, clock, {**extra, **data})


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
    form: str,
    header: _Header,
    priority: tuple[str, str, int] | None,
    time: float | None,
    clock: Clock,
    data: dict[str, str] | None = None,
) -> Record:
    """Join the header and the payload of the message, which may have a header of its own.

    A payload gives its own format and its own fields; a header's field of the same name is kept under
    ``syslog.``. ``data`` is shown in place of an empty message.
    """
    program, message = header.program, header.message
    fields, severity = _columns(header, priority)
    if data:
        fields.update(data)
    if message:
        message, time, severity = _inner_header(message, fields, time, severity, clock)
    elif data:
        message = render(data)
    payload = parse_payload(message, time=time, clock=clock) if message else None
    if payload is not None and payload.parse_error is None:
        return _with_payload(payload, program, fields, time, severity)
    if not program:
        return Record(message or header.host or "", form, fields, time, severity)
    if not message:
        return Record(program, form, fields, time, severity)
    return Record(f"{program}: {message}", form, fields, time, severity, message=message)


def _columns(header: _Header, priority: tuple[str, str, int] | None) -> tuple[dict[str, str], int]:
    """What a header says, and the severity."""
    host, program, pid, _, beside = header
    fields: dict[str, str] = {}
    if host:
        fields[HOST] = host
    if program:
        fields[SERVICE] = program
    if pid:
        fields[PID] = pid
    severity = 0
    if priority is not None:
        fields["facility"], fields["severity"], severity = priority
    if beside:
        severity = severity_of_word(beside) or severity
        fields[LEVEL if beside.upper() in LEVELS else REST] = beside
    return fields, severity


def _inner_header(
    message: str, fields: dict[str, str], time: float | None, severity: int, clock: Clock
) -> tuple[str, float | None, int]:
    """A message without the header that a logger wrote into it, the time and the severity."""
    if not may_begin_header(message):
        return message, time, severity
    inner = find_header(message, clock, find_time(message, 0, clock))
    if inner is None or inner.program or inner.end == len(message):
        return message, time, stated_level(message) or severity
    for name, value in inner.columns.items():
        fields.setdefault(name, value)
    return message[inner.end :], inner.time if time is None else time, inner.severity or severity


def _with_payload(
    payload: Record, program: str | None, fields: dict[str, str], time: float | None, severity: int
) -> Record:
    for name, value in fields.items():
        payload.fields.setdefault(f"syslog.{name}" if name in payload.fields else name, value)
    if time is not None:
        payload.time = time
    payload.severity = payload.severity or severity
    if program:
        payload.text = f"{program}: {payload.text}" if payload.text else program
    return payload


def add_program(record: Record, program: str) -> None:
    """Gives a record the program that its shipper took out of the header; one that it states itself stays."""
    if SERVICE in record.fields:
        return
    record.fields[SERVICE] = program
    if record.message is None:
        record.message = record.text
    record.text = f"{program}: {record.text}" if record.text else program
