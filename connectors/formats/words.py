"""Words in a header: levels, hosts, programs, loggers, files, threads."""

from __future__ import annotations

import re

from connectors.formats.brackets import REST, SOURCE
from connectors.formats.header import Header
from connectors.formats.layouts import NO_NAMES, is_logger
from connectors.formats.severity import LETTERS, LEVELS
from connectors.formats.times import find_time
from connectors.records import LEVEL, LOGGER, PID, SERVICE, THREAD

_WORD = re.compile(
    r"([A-Za-z_$][\w.$/@*+~#=-]{0,127}(?:\(\w{1,32}\)(?=\[))?)(?:\[(\d{1,10})\]|:(\d{1,6})(?=[\s\],:]))?"
)
_SOURCE = re.compile(
    r"([\w./$+-]{1,128}\.(?:java|py|go|cc|cpp|c|h|hpp|rs|rb|js|ts|kt|scala|cs|php|ex|erl|lua|pl|swift|m|mm))"
    r"(?::(\d{1,6})|\((\d{1,6})\)|:\d{1,6}\(\w{1,64}\))\]?"
)
_IDLIKE = re.compile(r"[\w./@=-]*[\d.@=_][\w./@*+~#=:-]*")
_NODE = re.compile(r"(?=[^\s]*\d)[\w./@*+~#-]{1,64}(?::[\w./@*+~#-]{1,64}){1,8}(?=\s)")
_LETTER = re.compile(r"[VDIWEFNC](?=\s{2,}[A-Z]|\s+[A-Z]{2,}\s|\s+\[|\s+[\w./+-]{1,128}\.\w{1,5}:\d|\|)")
_LETTER_TAG = re.compile(r"[VDIWEF](?=\s+[^\s:]{1,64}(?: [^\s:]{1,32})?\s*:)")
_BOTH = ("note", "Note", "log", "Log")
"""Levels that are words more often."""


def word(header: Header, at: int) -> bool:
    """Reads an item that begins with a letter; False when it is none of a header."""
    if found := header.find_time(at):
        return header.take_time(found.time, found.end)
    if place(header, at):
        return True
    match = _WORD.match(header.line, at)
    if match is None:
        return False
    if match[1].upper() in LEVELS and not header.levelled:
        return _level(header, match[1], match.end(1))
    return _letter(header, match[1], at) if len(match[1]) == 1 else _longer(header, match)


def _longer(header: Header, match: re.Match[str]) -> bool:
    if ":" in header.line[match.end(1) : match.end() + 1] and (
        node := _NODE.match(header.line, match.start())
    ):
        header.ends_at(node.end())
        return header.take((REST, node[0]), sure=False)
    before = header.mark
    header.ends_at(match.end())
    if match[2]:
        return _program(header, match[1], match[2])
    return _numbered(header, match) if match[3] else _name(header, match[1], before)


def place(header: Header, at: int) -> bool:
    """Reads the file and line that logged; False when there is none."""
    match = _SOURCE.match(header.line, at + (header.line[at] == "@")) if header.known else None
    if match is None:
        return False
    header.ends_at(match.end())
    return header.take((SOURCE, match[1]), sure=True)


def _level(header: Header, name: str, end: int) -> bool:
    header.ends_at(end)
    apart = header.wide or header.mark in (":", "|", "-", ",")
    if not name.isupper():
        return header.times > 0 and apart and name not in _BOTH and header.take_level(name)
    # At the start of a line a level in capitals is one when it is set apart: "ERROR 7 found" is a sentence.
    behind_name = bool(header.waiting) and header.waiting[-1][0] == THREAD
    if header.times or apart or behind_name or header.following in ("[", "(") or _time_follows(header):
        return header.take_level(name)
    return False


def _time_follows(header: Header) -> bool:
    return find_time(header.line, header.after, header.clock) is not None


def _letter(header: Header, name: str, at: int) -> bool:
    """A level of one letter, which behind numbers may stand before any word."""
    if header.levelled or not header.times or name not in LETTERS:
        return False
    if _LETTER.match(header.line, at) or (header.numbers and _LETTER_TAG.match(header.line, at)):
        header.ends_at(at + 1)
        return header.take_level(name)
    return False


def _program(header: Header, name: str, pid: str) -> bool:
    """``crond[7]:``, the end of a header, or ``name[7]`` within one."""
    header.program = header.times > 0 and header.mark == ":"
    header.take((SERVICE if header.program else REST, name), (PID, pid), sure=header.program)
    header.done = header.done or header.program
    return True


def _numbered(header: Header, match: re.Match[str]) -> bool:
    """A word with a number behind a colon: ``org.example.Shop:32 - message`` or a node."""
    if header.levelled and header.mark == "-" and "." in match[1]:
        return header.take((LOGGER, match[1]), sure=True)
    return header.times > 1 and header.take((REST, match[0]), sure=False)


def _name(header: Header, name: str, before: str) -> bool:
    """The name of a logger, a component or a host; before: the mark in front of it."""
    column, dotted = (LOGGER, name), "." in name[1:-1]
    if header.mark == ":":
        wanted = not _is_message(header, name, before) if header.levelled else header.times > 0
        return wanted and header.take(column, sure=header.levelled)
    if header.mark == "-":
        sure = header.levelled or (header.times > 0 and (dotted or before == "-"))
        return header.take(column, sure=sure)
    if header.mark == "|":
        return header.take(column, sure=header.known and before == "|")
    if header.levelled:
        return _behind_level(header, name, dotted)
    if header.wide and header.known:
        return header.take(column, sure=False)
    return _is_id(header, name) and header.take((REST, name), sure=False)


def _behind_level(header: Header, name: str, dotted: bool) -> bool:
    in_front_of_bracket = header.following == "["
    if header.wide or (dotted and not in_front_of_bracket and (header.numbers > 0 or _is_class(name))):
        return header.take((LOGGER, name), sure=True)
    return in_front_of_bracket and is_logger(name) and header.take((LOGGER, name), sure=False)


def _is_id(header: Header, name: str) -> bool:
    """Whether a word names a node or a unit: it has a digit, or capitals only where machines write the header."""
    if _IDLIKE.fullmatch(name):
        return True
    at_start = header.end == 0 and not header.waiting
    return name.isupper() and (header.times > 1 or (at_start and _time_follows(header)))


def _is_message(header: Header, name: str, before: str) -> bool:
    """Whether a word before a colon, behind a level, is the message's own."""
    if "." in name[1:-1]:
        return False
    if name.endswith(NO_NAMES) or before == ":" or LOGGER in header.columns:
        return True
    return not (len(header.columns[LEVEL]) == 1 or THREAD in header.columns or is_logger(name))


def _is_class(name: str) -> bool:
    """A name of two dots or more with a capital behind one of them, as classes have: no host."""
    return name.count(".") > 1 and any(part[:1].isupper() for part in name.split(".")[1:])
