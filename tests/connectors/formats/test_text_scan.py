"""Compiled readers of text lines say what the plain way says, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.formats import HeaderLines, parse_text
from connectors.formats.clock import clock_of
from connectors.formats.rows import Layouts
from connectors.formats.text_scan import scan_texts
from connectors.records import Record
from stream_processors.demo.scenario import scenario

ZONE = "Europe/Berlin"
TEXTS = {"text", "raw", "rfc3164", "rfc5424"}
KNOWN = [
    '192.0.2.7 - - [25/Nov/2026:10:00:00 +0100] "GET /a/b?c=1&d HTTP/1.1" 200 512 "https://example.com/" "curl/8.5.0"',
    '192.0.2.7 - eve [25/Nov/2026:10:00:00 -0530] "GET / HTTP/2.0" 503 -',
    '2001:db8::7 - - [25/Nov/2026:10:00:00 +0000] "-" 400 0 "-" "-" 0.004 "x"',
    "<38>Nov 25 10:00:00 web-1 sshd[4711]: Failed password for root from 192.0.2.7 port 50022 ssh2",
    "<86>Nov  5 10:00:00 web-1 CRON[7]: pam_unix(cron:session): session opened for user root(uid=0)",
    "Nov 25 10:00:00 web-1 kernel: [ 1234.567890] usb 1-1: new high-speed USB device number 2 using xhci_hcd",
    "Nov 25 10:00:00 web-1 systemd[1]: Connection to 192.0.2.7 closed",
    "2026-11-25T10:00:00.123456+01:00 web-1 postfix/smtpd[7]: connect from mail.example.com[192.0.2.7]",
    "<165>1 2026-11-25T10:00:00.003Z web-1 shop 7 ID47 - order accepted for alice",
    "<13>1 - - shop - - - order accepted for alice",
    "2026-11-25 10:00:00,123 INFO  [main] org.example.shop.Orders - Accepted order 7",
    "2026-11-25 10:00:00.123456 7 WARN shop.api.orders: Accepted order 7",
    "2026-11-25T10:00:00Z ERROR org.example.Shop: no route to 192.0.2.7",
    "25-Nov-2026 10:00:00.123 queries: info: client @0x7f00 192.0.2.7#50022 (www.example.org): query: www.example.org",
    "2026-11-25 10:00:00 security: error: client 192.0.2.7#50022 denied",
    'type=SYSCALL msg=audit(1795600800.123:77): arch=c000003e syscall=59 success=yes a0=7ffd comm="cat" key=(null)',
    'type=USER_AUTH msg=audit(1795600800.123:78): pid=7 uid=0 msg=\'op=PAM:auth acct="root" exe="/bin/su" res=failed\'',
    "type=PROCTITLE msg=audit(1795600800.123:79): proctitle=6C73002D6C61",
    'ts=2026-11-25T10:00:00.123Z level=warn caller=main.go:7 msg="order accepted" user=alice',
    "time=1795600800123 level=info service=shop message=accepted",
    "Accepted order 7 of alice",
    "Failed: no route to 192.0.2.7",
    "2026-11-25 10:00:00,123 DEBUG [Pool-1 keeper] org.example.Pool - 7 in use",
    "<35>Nov 25 10:00:00 web-1 sshd[7]: error: no route to 192.0.2.7",
]
"""Lines that are known for sure."""
UNKNOWN = [
    "Nov 25 10:00:00 web-1 ERROR: no route",
    "Nov 31 10:00:00 web-1 sshd[7]: day that does not exist",
    "<192>Nov 25 10:00:00 web-1 sshd[7]: no such priority",
    "<38>Nov 25 10:00:00 web-1 shop[7]: level=info msg=accepted user=alice",
    '<38>Nov 25 10:00:00 web-1 shop[7]: {"order": 7}',
    "<38>Nov 25 10:00:00 web-1 shop[7]: 2026-11-25 09:00:00 INFO order accepted",
    "2026-11-25 10:00:00,123 INFO Connection refused: no route",
    "2026-11-25T10:00:00Z CONFIG org.example.Shop: read",
    "Nov 25 10:00:00 web-1 %ASA-6-302013: Built inbound TCP connection",
    "2026-11-25 10:00:00,123 DEBUG [pid 7] org.example.Pool - 7 in use",
    "version account-id interface-id srcaddr dstaddr",
    'error: no route to 192.0.2.7 [x] "y"',
    "an order of caf\u00e9 cr\u00e8me was accepted",
]
"""Lines that take more care."""


class Read(NamedTuple):
    """A record, as far as arrays have it."""

    format: str
    fields: list[tuple[str, str]]
    time: float | None
    severity: int
    text: str | None
    error: str | None

    @classmethod
    def of(cls, record: Record) -> Read:
        text = record.text if record.message is None and record.format in TEXTS else record.message
        fields = list(record.fields.items())
        return cls(record.format, fields, record.time, record.severity, text, record.parse_error)


def scanned(lines: Sequence[str]) -> list[Read | None]:
    """What the compiled readers know of lines, between others."""
    encoded = [b"<" + line.encode() + b'"' for line in lines]
    ends = np.cumsum([0, *map(len, encoded)])
    buffer, layouts = np.frombuffer(b"".join(encoded), np.uint8), Layouts()
    rows, extra = scan_texts(buffer, ends[:-1] + 1, ends[1:] - 1, layouts, clock_of(ZONE))
    data = buffer.tobytes() + extra.tobytes()
    read: list[Read | None] = []
    for place, number in enumerate(rows.layouts.tolist()):
        first, last = rows.starts[place : place + 2]
        if number < 0:
            assert first == last
            read.append(None)
            continue
        layout = layouts.known[number]
        spans = zip(rows.begins[first:last], rows.ends[first:last], strict=True)
        values = [data[begin:end].decode() for begin, end in spans]
        text = None
        if rows.text_begins[place] >= 0:
            text = data[rows.text_begins[place] : rows.text_ends[place]].decode()
        read.append(
            Read(
                layout.format,
                list(zip(layout.names, values, strict=True)),
                None if np.isnan(rows.times[place]) else float(rows.times[place]),
                int(rows.severities[place]),
                text,
                "" if rows.broken[place] else None,
            )
        )
    return read


def plain(line: str) -> Read:
    record = parse_text(line, HeaderLines(), "", ZONE)
    assert record is not None
    return Read.of(record)


def check(lines: Sequence[str]) -> int:
    """How many lines are known; all of these are what the plain way says."""
    found = scanned(lines)
    wrong = [
        (line, read, plain(line))
        for line, read in zip(lines, found, strict=True)
        if read and read != plain(line)
    ]
    assert wrong == []
    return sum(read is not None for read in found)


def test_the_commonest_lines_are_known_and_read_as_in_the_plain_way() -> None:
    assert [line for line, read in zip(KNOWN, scanned(KNOWN), strict=True) if read is None] == []
    check(KNOWN)


def test_lines_that_take_more_care_are_left_to_the_plain_way() -> None:
    assert scanned(UNKNOWN) == [None] * len(UNKNOWN)


def test_nearly_all_generated_lines_of_text_are_known() -> None:
    lines = [line.line for line in scenario(lines=3_000) if line.line[0] != "{"]
    assert check(lines) > 0.95 * len(lines)


def test_the_constants_behind_the_buffer_are_the_columns_of_a_priority() -> None:
    (read,) = scanned([KNOWN[3]])
    assert read is not None
    assert dict(read.fields)["facility"] == "auth"
    assert dict(read.fields)["severity"] == "info"


PIECES = [
    *(
        " ",
        "  ",
        "-",
        ":",
        ": ",
        "=",
        '"',
        "'",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "<",
        ">",
        "\\",
        "%",
        "#033[",
        ",",
        ";",
    ),
    *(
        "|",
        "/",
        ".",
        "?",
        "&",
        "@",
        "+",
        "Z",
        "T",
        "0",
        "9",
        "60",
        "99",
        "4F",
        "INFO",
        "error",
        "Failed",
        "not",
        "CEF:",
    ),
    *(
        "\t",
        "\x1b[0m",
        "\u00e9",
        "\ufffd",
        "msg=",
        "level=",
        "type=",
        "Nov ",
        "Feb 29",
        "UTC ",
        "+0100",
        "$",
        "_",
        "I7",
    ),
    *(
        "audit(1.1:1)",
        "%ASA-6-302013: x",
        '] "',
        " - ",
        "::1",
        "2026-02-30",
        "host",
        "a.B",
        "a_b",
        "\n",
        "'a=b c=d'",
    ),
]
EDIT = st.tuples(st.integers(0, 200), st.integers(0, 3), st.sampled_from(PIECES))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(KNOWN + UNKNOWN), st.lists(EDIT, max_size=4)), min_size=20, max_size=60
    )
)
def test_whatever_is_known_is_what_the_plain_way_says(
    cases: list[tuple[str, list[tuple[int, int, str]]]],
) -> None:
    lines = []
    for line, edits in cases:
        for place, removed, piece in edits:
            line = line[:place] + piece + line[place + removed :]
        if line and line[0] not in "{#\r\n" and line.strip("\r\n") == line:
            lines.append(line)
    check(lines)
