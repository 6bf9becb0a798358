"""The header of a line that no list knows, found by its shape.

A header is what stands before the message: times, levels, numbers of processes and threads, brackets, names of hosts
and loggers, in any order. Its items are read from the left. An item that is surely one (a time, a level behind a
time, ``[pid 7]``) makes all before it a header; one that may be a part of the message (a number, a word with digits)
is one only when a sure item follows. The first thing that is neither begins the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connectors.formats.brackets import BRACKET, REST, THREAD_ID, Meaning, meaning
from connectors.formats.clock import Clock
from connectors.formats.header import Header
from connectors.formats.layouts import Layout, read_layout
from connectors.formats.severity import LEVELS
from connectors.formats.times import Found
from connectors.formats.words import place, word
from connectors.records import LEVEL, PID, THREAD

MAX_ITEMS = 14
MAX_WAITING = 5
"""Items in a row that are not sure."""

_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:[.,]\d{1,9})?(?=[\s\],|]|$)")
_DATE = re.compile(r"\d{4}([-./])(?:0\d|1[0-2])\1(?:[0-2]\d|3[01])(?=\s)")
_UPTIME = re.compile(r"\d{1,9}\.\d{1,9}:(?=\s)")
_NUMBER = re.compile(r"(\d{1,20})(?:#(\d{1,20}):(?: \*\d+)?|:([A-Z])(?=\s))?(?=[\s|,:\]]|$)")
_PAREN = re.compile(r"\(([^()\n\"'=,;{}]{0,96}(?:\([^()\n]{0,16}\)[^()\n\"'=,;{}]{0,64})?)\)")
_PROCESS = re.compile(r"<\d{1,9}\.\d{1,9}\.\d{1,9}>")
_COMMAND = re.compile(r"##\[(\w{1,10})\]")
_SYMBOLS = {".": "debug", "-": "verbose", "*": "notice", "#": "warning"}
"""The levels of Redis."""


def find_header(message: str, clock: Clock, found: Found | None) -> Header | Layout | None:
    """The header of a line or a message; None when it has none. found: the time that it begins with."""
    return read_layout(message, found, clock) or read_header(message, clock, found)


def read_header(message: str, clock: Clock, found: Found | None) -> Header | None:
    """As ``find_header``, by the shape alone."""
    header = Header(message, clock)
    if found is not None:
        header.take_time(found.time, found.end)
    _read(header)
    return header if header.end > 0 else None


def _read(header: Header) -> None:
    line, size = header.line, len(header.line)
    for _ in range(MAX_ITEMS):
        at = header.after
        if at >= size or header.done:
            break
        item = _ITEMS.get(line[at])
        if item is None or not item(header, at) or len(header.waiting) > MAX_WAITING:
            break


def _digit(header: Header, at: int) -> bool:
    line = header.line
    if found := header.find_time(at):
        return header.take_time(found.time, found.end)
    if header.levelled and header.times:
        return _number(header, at)
    if match := _CLOCK.match(line, at):
        return header.take_time(None, match.end())
    if match := _DATE.match(line, at) or (_UPTIME.match(line, at) if header.known else None):
        header.ends_at(match.end())
        return header.take(sure=line[match.end() - 1] == ":")
    return _number(header, at)


def _number(header: Header, at: int) -> bool:
    """The number of a process, then of a thread; nginx's ``7#7: *5`` and Redis' ``7:M``."""
    match = _NUMBER.match(header.line, at)
    if match is None:
        return False
    before = header.mark
    header.ends_at(match.end())
    header.numbers += 1
    header.with_role = header.with_role or match[3] is not None
    if match[2]:
        return header.take((PID, match[1]), (THREAD_ID, match[2]), sure=header.known)
    name = REST if header.numbers > 2 or header.mark == "," else PID if header.numbers == 1 else THREAD_ID
    return header.take((name, match[1]), sure=header.known and before == header.mark == "|")


def _bracket(header: Header, at: int) -> bool:
    match = BRACKET.match(header.line, at)
    if match is None:
        return False
    content, end = match[1].strip(), match.end()
    inner = _header_inside(header, content)
    if inner is not None:
        return _take_inner(header, inner, content, end)
    said = meaning(content)
    if said is None:
        return False
    header.ends_at(end)
    if at == 0 and "." in content and content.replace(".", "").isdigit():
        return header.take(sure=True)  # seconds since the kernel started
    header.with_role = header.with_role or (content[-2:-1] == ":" and content[-1].isupper())
    if said.level:
        return header.take_level(said.level, said.columns)
    return header.take(*said.columns, sure=_is_sure(header, said))


def _is_sure(header: Header, said: Meaning) -> bool:
    """Whether a bracket that could be the message's own is the header's."""
    if not said.columns:
        return True
    if not said.sure and " " in said.columns[0][1]:
        return header.known and header.mark in (":", "-")
    return header.known


def _header_inside(header: Header, content: str) -> Header | None:
    """The header that a bracket holds, when a time is in it: ``[INFO 2026-11-25 10:00:00 main]``."""
    if ":" not in content and not (content[:1].isdigit() and len(content) >= 10):
        return None
    inner = Header(content, header.clock)
    _read(inner)
    return inner if inner.times else None


def _take_inner(header: Header, inner: Header, content: str, end: int) -> bool:
    header.take_time(inner.time, end)
    rest = content[inner.end :].strip(" ,|-")
    if not inner.levelled and (said := meaning(rest)) and said.level:
        return header.take_level(said.level, said.columns)
    columns = [(name, value) for name, value in inner.columns.items() if name != LEVEL]
    columns += [(REST, rest)] if rest else []
    if inner.levelled:
        return header.take_level(inner.columns[LEVEL], tuple(columns))
    return header.take(*columns, sure=True)


def _paren(header: Header, at: int) -> bool:
    """A time, or a thread behind a level."""
    match = _PAREN.match(header.line, at)
    if match is None:
        return False
    content, end = match[1], match.end()
    if (found := header.find_time(at + 1)) and found.end == end - 1:
        return header.take_time(found.time, end)
    if not header.known:
        return False
    header.ends_at(end)
    if header.mark == ":" and content.startswith("0x"):
        return header.take((REST, content), sure=True)
    is_thread = header.mark == ":" or content == "main" or any(c in "0123456789-/" for c in content)
    return header.take((THREAD, content), sure=header.levelled and is_thread and ": " not in content)


def _angle(header: Header, at: int) -> bool:
    """Erlang's process, ``<0.310.0>``."""
    match = _PROCESS.match(header.line, at)
    if match is None or not header.known:
        return False
    header.ends_at(match.end())
    return header.take((THREAD, match[0]), sure=True)


def _symbol(header: Header, at: int) -> bool:
    """A dash for nothing, a level of Redis or of GitHub's runners (``##[error]``)."""
    line, symbol = header.line, header.line[at]
    if match := _COMMAND.match(line, at):
        header.ends_at(match.end())
        return header.known and match[1].upper() in LEVELS and header.take_level(match[1])
    if line[at + 1 : at + 2] != " ":
        return symbol == "." and place(header, at)
    header.ends_at(at + 1)
    if header.with_role and header.times:
        return header.take_level(_SYMBOLS[symbol])
    return symbol == "-" and header.take(sure=False)


_ITEMS: dict[str, Callable[[Header, int], bool]] = {
    **dict.fromkeys("0123456789", _digit),
    **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$", word),
    **dict.fromkeys("-*#.", _symbol),
    **dict.fromkeys("@/", place),
    "[": _bracket,
    "(": _paren,
    "<": _angle,
}
