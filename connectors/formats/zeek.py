"""Zeek's tables: tab-separated rows, whose columns ``#fields`` names."""

from __future__ import annotations

import re

from connectors.formats.headers import HeaderLines
from connectors.formats.pairs import MAX_FIELDS, render
from connectors.formats.times import parse_time
from connectors.records import Record

_DIRECTIVE = re.compile(
    r"#(separator|set_separator|empty_field|unset_field|path|open|close|fields|types)(?:([^\w\n])([^\n]*))?"
)
_REMEMBERED = ("path", "unset_field", "empty_field")
_ESCAPED = re.compile(r"(?:\\x[0-9a-fA-F]{2})+")
_TIME = re.compile(r"[0-9]{9,10}\.[0-9]{6}").fullmatch
_UID = re.compile(r"[A-Za-z][A-Za-z0-9]{9,18}").fullmatch
_ADDRESS = re.compile(r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*").fullmatch
_NUMBER = re.compile(r"[0-9]{1,5}").fullmatch

_CONNECTION = ("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")
_CONN = (
    *("proto", "service", "duration", "orig_bytes", "resp_bytes", "conn_state", "local_orig", "local_resp"),
    *(
        "missed_bytes",
        "history",
        "orig_pkts",
        "orig_ip_bytes",
        "resp_pkts",
        "resp_ip_bytes",
        "tunnel_parents",
    ),
)
_DNS = (
    *(
        "proto",
        "trans_id",
        "rtt",
        "query",
        "qclass",
        "qclass_name",
        "qtype",
        "qtype_name",
        "rcode",
        "rcode_name",
    ),
    *("AA", "TC", "RD", "RA", "Z", "answers", "TTLs", "rejected"),
)
_HTTP = (
    *(
        "trans_depth",
        "method",
        "host",
        "uri",
        "referrer",
        "version",
        "user_agent",
        "origin",
        "request_body_len",
    ),
    *(
        "response_body_len",
        "status_code",
        "status_msg",
        "info_code",
        "info_msg",
        "tags",
        "username",
        "password",
    ),
    *("proxied", "orig_fuids", "orig_filenames", "orig_mime_types", "resp_fuids", "resp_filenames"),
    "resp_mime_types",
)
_PROTOCOL = re.compile(r"tcp|udp|icmp|unknown_transport").fullmatch
_METHOD = re.compile(r"[0-9]{1,5}\t(?:[A-Z_-]{1,32})\t").match
_LAYOUTS = {21: ("conn", _CONN), 22: ("conn", (*_CONN, "ip_proto")), 24: ("dns", _DNS), 30: ("http", _HTTP)}
"""Kind and columns after the connection's, by the number of all: for rows whose header was not seen."""


def note_header(line: str, headers: HeaderLines, stream: str) -> bool:
    """Whether the line is a header line of this format; what it says is remembered."""
    match = _DIRECTIVE.fullmatch(line)
    if not match:
        return False
    word, separator, value = match[1], match[2], match[3] or ""
    if word == "separator":
        named = _unescaped(value)
        if separator != " " or len(named) != 1 or named.isalnum():
            return False
        headers.note(stream, "zeek", word, named)
        return True
    if separator != _separator(headers, stream):
        return False
    if word == "fields":
        headers.name(stream, "zeek", tuple(value.split(separator)))
    elif word in _REMEMBERED:
        headers.note(stream, "zeek", word, value)
    return True


def parse_zeek(line: str, headers: HeaderLines | None, stream: str) -> Record | None:
    """The record of a row: named by the header lines of its stream, else when it begins with a connection.

    The kind of log (``conn``) is the column ``_path``, as in Zeek's JSON. Columns that are unset or empty are left
    out. Without a header the columns of conn, dns and http are known; those of others are ``column7`` and so on.
    None for any other line.
    """
    if headers is not None and headers.has(stream, "zeek"):
        separator = _separator(headers, stream)
        header = headers.named(stream, "zeek", line.count(separator) + 1)
        if header is not None:
            values = line.split(separator)
            if header.names[0] != "ts" or _TIME(values[0]) or parse_time(values[0]) is not None:
                empty = ("", header.words.get("unset_field", "-"), header.words.get("empty_field", "(empty)"))
                path = header.words.get("path", "")
                return _record(header.names, values, path, empty)
    return _guessed(line)


def _guessed(line: str) -> Record | None:
    values = line.split("\t", MAX_FIELDS)
    if not 7 <= len(values) <= MAX_FIELDS or not (_TIME(values[0]) and _UID(values[1])):
        return None
    _, _, source, source_port, target, target_port, *others = values
    if not (_ADDRESS(source) and _ADDRESS(target) and _NUMBER(source_port) and _NUMBER(target_port)):
        return None
    path, names = _LAYOUTS.get(len(values), ("", ()))
    is_path = _METHOD("\t".join(others[:2]) + "\t") if path == "http" else _PROTOCOL(others[0])
    if not (names and is_path):
        path, names = "", tuple(f"column{number}" for number in range(7, len(values) + 1))
    return _record(_CONNECTION + names, values, path, ("", "-", "(empty)"))


def _record(names: tuple[str, ...], values: list[str], path: str, empty: tuple[str, ...]) -> Record:
    fields = {"_path": path} if path else {}
    for name, value in zip(names, values, strict=True):
        if value not in empty:
            fields[name] = _unescaped(value) if "\\x" in value else value
    stated = fields.get("ts", "")
    time = float(stated) if _TIME(stated) else parse_time(stated)
    return Record(text=render(fields), format="zeek", fields=fields, time=time)


def _separator(headers: HeaderLines, stream: str) -> str:
    return headers.word(stream, "zeek", "separator", "\t") or "\t"


def _unescaped(value: str) -> str:
    r"""The text of ``\x09`` and its like; what is no UTF-8 or a NUL becomes U+FFFD."""

    def decoded(match: re.Match[str]) -> str:
        return bytes.fromhex(match[0].replace("\\x", "")).decode("utf-8", "replace").replace("\x00", "\ufffd")

    return _ESCAPED.sub(decoded, value)
