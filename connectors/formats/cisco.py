"""Messages of Cisco's devices and of those that write alike: ``%LINK-3-UPDOWN: ...``, ``%ASA-6-302013: ...``.

What stands before differs by device and settings: a priority, a sequence number, the host, a time with ``*`` when
the clock is not set, the node and the process of IOS XR.
"""

from __future__ import annotations

import re

from connectors.formats.clock import UTC, Clock
from connectors.formats.severity import severity_of_syslog
from connectors.formats.times import parse_time
from connectors.records import HOST, LEVEL, PID, SERVICE, Record

MAX_HEADER = 160
"""The message begins within this many characters."""

_MESSAGE = re.compile(
    r"%([A-Z][A-Z0-9_]{1,31}(?:[-_][A-Za-z0-9_]{1,31}){0,3}?)-([0-7])-([A-Z0-9][A-Za-z0-9_-]{1,63}?) ?:(?: |$)"
)
_PRIORITY = re.compile(r"<([0-9]{1,3})>")
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
_DATE = r"(?:([0-9]{4}) )?([A-Z][a-z]{2}) {1,2}([0-9]{1,2})(?: ([0-9]{4}))?"
_ZONE = r"(?: ?([A-Z]{2,5}|[+-][0-9]{2}:?[0-9]{2}))?"
_ISO = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})"
_PART = re.compile(
    rf"[\s:]*(?:(?P<time>[*.]?{_DATE} {{1,2}}({_CLOCK}){_ZONE})"
    rf"|(?P<iso>[*.]?{_ISO})"
    r"|(?P<address>[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,40}[0-9A-Fa-f](?!:[0-9])(?<![0-9]{2}:[0-9]{2}:[0-9]{2}))"
    rf"|(?P<uptime>[*.]?(?:(?:[0-9]{{1,3}}[ywdh]){{1,4}}|{_CLOCK}(?: ?[A-Z]{{2,5}})?))"
    r"|(?P<sequence>[0-9]{1,10})"
    r"|(?P<node>[A-Z]{2,3}/[0-9A-Z/]{1,16})"
    r"|(?P<name>([\w*][\w.*/@-]{0,254})(?:\[([0-9]{1,10})\])?)"
    r")(?=[\s:]|$)"
)

_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debugging")
_FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "audit", "alert", "clock", *(f"local{number}" for number in range(8))),
)
_MAX_PARTS = 8
_NAMES = ("address", "name", "node")
"""Parts that a sentence may begin with too."""
_NAME, _PID = _PART.groups - 1, _PART.groups


def parse_cisco(line: str, clock: Clock = UTC) -> Record | None:
    """The record of a message with the header that devices and relays write before it; None for any other line.

    ``facility``, ``level`` and ``mnemonic`` are columns, for an ASA the number of the message is the mnemonic. The
    text begins with the three, for people the message is what follows.
    """
    start = line.find("%", 0, MAX_HEADER)
    if start < 0 or not (match := _MESSAGE.match(line, start)):
        return None
    found = _header(line[:start], clock)
    if found is None:
        return None
    fields, time = found
    record = _record(match, line[start:].rstrip(), line[match.end() :], time)
    record.fields.update(fields)
    if program := fields.get(SERVICE):
        record.text = f"{program}: {record.text}"
    return record


def parse_message(text: str, *, time: float | None = None) -> Record | None:
    """The record of a message whose header is taken off; None for any other text."""
    match = _MESSAGE.match(text)
    return _record(match, text.rstrip(), text[match.end() :], time) if match else None


def _record(match: re.Match[str], text: str, message: str, time: float | None) -> Record:
    digit = int(match[2])
    fields = {"facility": match[1], LEVEL: _LEVELS[digit], "mnemonic": match[3]}
    return Record(
        text=text,
        format="cisco",
        fields=fields,
        time=time,
        severity=severity_of_syslog(digit),
        message=message.strip() or None,
    )


def _header(head: str, clock: Clock) -> tuple[dict[str, str], float | None] | None:
    """Columns and time of what stands before the message; None when that is no header but a sentence."""
    fields: dict[str, str] = {}
    time: float | None = None
    names: list[tuple[str, str | None]] = []
    certain, position, end = False, 0, len(head.rstrip(" :"))
    if match := _PRIORITY.match(head):
        if int(match[1]) > 191:
            return None
        fields["syslog.facility"] = _FACILITIES[int(match[1]) >> 3]
        certain, position = True, match.end()
    for _ in range(_MAX_PARTS):
        if position >= end:
            break
        if not (part := _PART.match(head, position)):
            return None
        position = part.end()
        kind = str(part.lastgroup)
        certain = certain or kind not in _NAMES
        if kind in ("time", "iso"):
            time = _seconds(part, clock)
        elif kind in ("address", "name"):
            names.append((part[_NAME] or part["address"], part[_PID]))
        elif kind != "uptime":
            fields[kind] = part[kind]
    if position < end or not (certain or end == 0) or not _add_names(fields, names):
        return None
    return fields, time


def _add_names(fields: dict[str, str], names: list[tuple[str, str | None]]) -> bool:
    """Adds the host and the program: a name with a pid, or the second one; False for more names than those."""
    names = list(dict.fromkeys(names))
    if names and names[-1][1] is not None:
        fields[SERVICE], fields[PID] = names[-1][0], names[-1][1] or ""
        names = names[:-1]
    elif len(names) > 1:
        fields[SERVICE] = names[-1][0]
        names = names[:-1]
    if names:
        fields[HOST] = names[0][0]
    return len(names) <= 1


def _seconds(part: re.Match[str], clock: Clock) -> float | None:
    """With the zone that is stated; one whose name is not known is the clock's."""
    if stamp := part["iso"]:
        return parse_time(stamp.lstrip("*."))
    before, month, day, after, time, zone = part.groups()[1:7]
    year = before or after
    stamp = f"{month} {day:>2} {f'{year} ' if year else ''}{time}"
    stated = parse_time(f"{stamp} {zone}", clock) if zone else None
    return parse_time(stamp, clock) if stated is None else stated
