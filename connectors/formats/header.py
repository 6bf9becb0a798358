"""The header of a line that no list knows, found by its shape.

A header is what stands before the message: times, levels, numbers of processes and threads, brackets, names of hosts
and loggers, in any order. Its items are read from the left. An item that is surely one (a time, a level behind a
time, ``[pid 7]``) makes all before it a header; one that may be a part of the message (a number, a word with digits)
is one only when a sure item follows. The first thing that is neither begins the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connectors.formats.brackets import BRACKET, REST, SOURCE, THREAD_ID, Meaning, meaning
from connectors.formats.clock import Clock
from connectors.formats.severity import LETTERS, LEVELS, severity_of_word
from connectors.formats.times import Found, find_time
from connectors.records import LEVEL, LOGGER, PID, SERVICE, THREAD, UNSTATED

MAX_ITEMS = 14
MAX_UNSURE = 5
"""Unsure items in a row."""

_GAP = re.compile(r"\s*(?:[|,;]\s*|:(?=\s|$|\[)\s*|-{1,3}\s+|[–—]\s+)?")
_CLOCK = re.compile(r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?=[\s\],|]|$)")
_DATE = re.compile(r"\d{4}([-./])\d\d\1\d\d(?=\s)")
_UPTIME = re.compile(r"\d{1,9}\.\d{1,9}:(?=\s)")
_NUMBER = re.compile(r"(\d{1,20})(?:#(\d{1,20}):(?: \*\d+)?|:([A-Z])(?=\s))?(?=[\s|,:\]]|$)")
_ROLE_LEVELS = {".": "debug", "-": "verbose", "*": "notice", "#": "warning"}
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
_PAREN = re.compile(r"\(([^()\n\"'=,;{}]{0,96}(?:\([^()\n]{0,16}\)[^()\n\"'=,;{}]{0,64})?)\)")
_ANGLE = re.compile(r"<\d{1,9}\.\d{1,9}\.\d{1,9}>")
_COMMAND = re.compile(r"##\[(\w{1,10})\]")
_CAMEL = re.compile(r"[a-z0-9][A-Z]|[A-Za-z]_[A-Za-z]")
_NO_NAMES = ("Error", "Exception", "Warning", "error", "exception", "warning")


class Header:
    """What a header says; made by ``read_header``."""

    __slots__ = (
        *(
            "columns",
            "end",
            "program",
            "severity",
            "time",
            "_clock",
            "_done",
            "_gap",
            "_levelled",
            "_line",
            "_mark",
        ),
        *("_next", "_numbers", "_pending", "_role", "_times"),
    )

    def __init__(self, line: str, clock: Clock) -> None:
        self.end = 0
        """Where the message begins; 0 when there is no header."""
        self.time: float | None = None
        self.severity = UNSTATED
        self.columns: dict[str, str] = {}
        self.program = False
        """True when the header ends with the name of a program, as syslog's do."""
        self._done = False
        self._line, self._clock = line, clock
        self._gap = self._mark = ""
        self._next = 0
        self._levelled = self._role = False
        self._times = self._numbers = 0
        self._pending: list[tuple[str, str]] = []

    def read(self) -> None:
        """Reads item after item."""
        line, size = self._line, len(self._line)
        for _ in range(MAX_ITEMS):
            at = self._next
            if at >= size or self._done:
                break
            item = _ITEMS.get(line[at])
            if item is None or not item(self, at) or len(self._pending) > MAX_UNSURE:
                break

    def _after(self, end: int) -> None:
        """Notes what stands behind an item."""
        match = _GAP.match(self._line, end)
        assert match is not None, "it may be empty"
        self._gap, self._next = match[0], match.end()
        self._mark = self._gap.strip()

    def _take(self, *columns: tuple[str, str], sure: bool) -> bool:
        self._pending.extend(columns or (("", ""),))
        if sure:
            # What names a source and is set apart ends the header.
            self._done = bool(columns) and self._levelled and self._mark in (":", "-", "--", "---", "–")
            for name, value in self._pending:
                self._add(name, value)
            self._pending.clear()
            self.end = self._next
        return True

    def _add(self, name: str, value: str) -> None:
        if not name:
            return
        if name in self.columns:
            name = LOGGER if name == THREAD and LOGGER not in self.columns else REST
            value = f"{self.columns[name]} {value}" if name in self.columns else value
        self.columns[name] = value

    def _level(self, word: str, *, columns: tuple[tuple[str, str], ...] = ()) -> bool:
        if not self._levelled:
            self.severity, self._levelled = severity_of_word(word), True
            columns = (*columns, (LEVEL, word))
        self._take(*columns, sure=True)
        self._done = len(columns) > 1 and self._mark == ":"
        return True

    def add_time(self, found: Found) -> None:
        """Takes a time that begins the line."""
        self._time(found.time, found.end)

    def _time(self, time: float | None, end: int) -> bool:
        if self.time is None:
            self.time = time
        self._times += 1
        self._after(end)
        return self._take(sure=True)

    @property
    def _known(self) -> bool:
        """Whether the line has surely a header."""
        return self._times > 0 or self._levelled

    @property
    def _wide(self) -> bool:
        return (len(self._gap) > 1 and self._gap.isspace()) or "\t" in self._gap

    def _digit(self, at: int) -> bool:
        line = self._line
        if self._levelled and self._times:
            return self._number(at)
        found = find_time(line, at, self._clock)
        if found is not None:
            return self._time(found.time, found.end)
        if match := _CLOCK.match(line, at):
            return self._time(None, match.end())
        if match := _DATE.match(line, at):
            self._after(match.end())
            return self._take(sure=False)
        if self._known and (match := _UPTIME.match(line, at)):
            self._after(match.end())
            return self._take(sure=True)
        return self._number(at)

    def _number(self, at: int) -> bool:
        match = _NUMBER.match(self._line, at)
        if match is None:
            return False
        before = self._mark
        self._after(match.end())
        self._numbers += 1
        if self._numbers > 2:
            return self._take((REST, match[1]), sure=False)
        name = PID if self._numbers == 1 else THREAD_ID
        if match[2]:
            return self._take((PID, match[1]), (THREAD_ID, match[2]), sure=self._known)
        self._role = self._role or bool(match[3])
        return self._take((name, match[1]), sure=before == self._mark == "|" and self._known)

    def _bracket(self, at: int) -> bool:
        match = BRACKET.match(self._line, at)
        if match is None:
            return False
        content = match[1].strip()
        if (
            content[:1].isdigit()
            and (found := find_time(content, 0, self._clock))
            and found.end == len(content)
        ):
            return self._time(found.time, match.end())
        if ":" in content:
            inner = Header(content, self._clock)
            inner.read()
            if inner._times:
                return self._inner(inner, content, match.end())
        said = meaning(content)
        if said is None:
            return False
        if "." in content and at == 0 and content.replace(".", "").isdigit():
            said = said._replace(columns=(), sure=True)  # seconds since the kernel started
        self._role = self._role or (said.columns[:1] and content[-2:-1] == ":" and content[-1].isupper())
        self._after(match.end())
        if said.level:
            return self._level(said.level, columns=said.columns)
        return self._take(*said.columns, sure=(said.sure and self._known) or self._names(said))

    def _names(self, said: Meaning) -> bool:
        """Whether a bracket that may be one of the message's own is surely the header's."""
        if not said.columns:
            return True
        if " " in said.columns[0][1]:
            return self._known and self._mark in (":", "-")
        return self._known

    def _inner(self, inner: Header, content: str, end: int) -> bool:
        """A bracket that holds a whole header: ``[INFO 2026-11-25 10:00:00 main]``."""
        if inner._times:
            self.time = inner.time if self.time is None else self.time
            self._times += 1
        self._after(end)
        rest = content[inner.end :].strip(" ,|-")
        columns = [(name, value) for name, value in inner.columns.items() if name != LEVEL]
        columns += [(REST, rest)] if rest else []
        if inner._levelled and not self._levelled:
            return self._level(inner.columns[LEVEL], columns=tuple(columns))
        return self._take(*columns, sure=True)

    def _paren(self, at: int) -> bool:
        match = _PAREN.match(self._line, at)
        if match is None:
            return False
        found = find_time(self._line, at + 1, self._clock)
        if found is not None and found.end == match.end() - 1:
            return self._time(found.time, match.end())
        if not self._known:
            return False
        self._after(match.end())
        content = match[1]
        if self._mark == ":" and content[:2] == "0x":
            return self._take((REST, content), sure=True)
        threadlike = any(c in "0123456789-/" for c in content) or self._mark == ":" or content == "main"
        return self._take((THREAD, content), sure=self._levelled and threadlike and ": " not in content)

    def _angle(self, at: int) -> bool:
        match = _ANGLE.match(self._line, at)
        if match is None or not self._known:
            return False
        self._after(match.end())
        return self._take((THREAD, match[0]), sure=True)

    def _symbol(self, at: int) -> bool:
        line = self._line
        if line[at + 1 : at + 2] != " " and not line.startswith("##[", at):
            return False
        if match := _COMMAND.match(line, at):
            self._after(match.end())
            return self._known and match[1].upper() in LEVELS and self._level(match[1])
        self._after(at + 1)
        if self._role and self._times:
            return self._level(_ROLE_LEVELS[line[at]])
        return line[at] == "-" and self._take(sure=False)

    def _word(self, at: int) -> bool:
        line = self._line
        found = None if self._levelled and self._times else find_time(line, at, self._clock)
        if found is not None:
            return self._time(found.time, found.end)
        if self._known and (match := _SOURCE.match(line, at)):
            self._after(match.end())
            return self._take((SOURCE, match[1]), sure=True)
        match = _WORD.match(line, at)
        if match is None:
            return False
        word = match[1]
        if word.upper() in LEVELS and not self._levelled:
            return self._level_word(word, match.end(1))
        if len(word) == 1:
            return self._letter(word, at)
        if match.end() < len(line) and line[match.end(1)] == ":" and (node := _NODE.match(line, at)):
            self._after(node.end())
            return self._take((REST, node[0]), sure=False)
        before = self._mark
        self._after(match.end())
        if match[2] and (self._mark == ":" or (self._numbers == 0 and self._times)):
            return self._program(word, match[2])
        if match[3]:
            return self._take((REST, match[0]), sure=False) if self._times > 1 else False
        return self._name(word, before)

    def _level_word(self, word: str, end: int) -> bool:
        self._after(end)
        apart = self._wide or self._mark in (":", "|", "-", ",")
        if word.isupper():
            # At the start of a line a level in capitals is one when it is set apart: "ERROR 7 found" is a sentence.
            following = self._line[self._next : self._next + 1]
            behind_name = bool(self._pending) and self._pending[-1][0] == THREAD
            if self._times or apart or behind_name or following in ("[", "(") or self._time_follows():
                return self._level(word)
        elif self._times and apart and word not in ("note", "Note", "log", "Log"):
            return self._level(word)
        return False

    def _time_follows(self) -> bool:
        return find_time(self._line, self._next, self._clock) is not None

    def _letter(self, word: str, at: int) -> bool:
        """A level of one letter, which behind two numbers may be a word's."""
        pattern = _LETTER_TAG if self._numbers else _LETTER
        if self._levelled or not self._times or word not in LETTERS:
            return False
        if not (pattern.match(self._line, at) or _LETTER.match(self._line, at)):
            return False
        self._after(at + 1)
        return self._level(word)

    def _program(self, name: str, pid: str) -> bool:
        sure = self._times > 0 and self._mark == ":"
        self.program = sure
        self._take((SERVICE if sure else REST, name), (PID, pid), sure=sure)
        self._done = self._done or sure
        return True

    def _name(self, word: str, before: str) -> bool:
        """The name of a logger, a component or a host."""
        column = (LOGGER, word)
        dotted = "." in word[1:-1]
        if self._mark == ":":
            if not self._levelled:
                return self._times > 0 and self._take(column, sure=False)
            return not self._is_message(word, before, dotted) and self._take(column, sure=True)
        if self._mark == "-":
            return self._take(column, sure=self._levelled or (self._times > 0 and (dotted or before == "-")))
        if self._mark == "|":
            return self._take(column, sure=self._known and before == "|")
        following = self._line[self._next : self._next + 1]
        if self._levelled:
            if self._wide or (dotted and _is_class(word)):
                return self._take(column, sure=self._wide or following != "[")
            return (
                (dotted or LOGGER not in self.columns) and following == "[" and self._take(column, sure=False)
            )
        if self._wide and self._known:
            return self._take(column, sure=False)
        at_start = self.end == 0 and not self._pending
        plain = _IDLIKE.fullmatch(word) is None
        if plain and not (word.isupper() and (self._times > 1 or (at_start and self._time_follows()))):
            return False
        return self._take((REST, word), sure=False)

    def _is_message(self, word: str, before: str, dotted: bool) -> bool:
        """Whether a word before a colon is the message's own, behind a level."""
        if dotted:
            return False
        if word.endswith(_NO_NAMES) or before == ":" or LOGGER in self.columns:
            return True
        named = len(self.columns[LEVEL]) == 1 or THREAD in self.columns or _CAMEL.search(word) is not None
        return not named


def _is_class(word: str) -> bool:
    """A name of two dots or more with a capital behind one of them, as classes have: no host."""
    return word.count(".") > 1 and any(part[:1].isupper() for part in word.split(".")[1:])


_ITEMS: dict[str, Callable[[Header, int], bool]] = {
    **dict.fromkeys("0123456789", Header._digit),
    **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$", Header._word),
    **dict.fromkeys("-*#.", Header._symbol),
    "[": Header._bracket,
    "(": Header._paren,
    "<": Header._angle,
}


def read_header(line: str, clock: Clock, found: Found | None = None) -> Header | None:
    """The header of a line or a message; None when it has none. found: the time that it begins with, where known."""
    header = Header(line, clock)
    if found is not None:
        header.add_time(found)
    header.read()
    return header if header.end > 0 else None
