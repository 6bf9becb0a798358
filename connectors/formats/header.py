"""What is known of a line's header while its items are read, and in the end."""

from __future__ import annotations

import re

from connectors.formats.brackets import REST
from connectors.formats.clock import Clock
from connectors.formats.severity import severity_of_word
from connectors.formats.times import Found, find_time
from connectors.records import LEVEL, LOGGER, THREAD, UNSTATED

Column = tuple[str, str]

_GAP = re.compile(r"\s*(?:[|,;]\s*|:(?=\s|$|\[)\s*|-{1,3}\s+|[–—]\s+)?")
_CLOSING = frozenset([":", "-", "--", "---", "–", "—"])


class Header:
    """The header of one line; ``connectors.formats.shape.read_header`` makes it.

    An item is sure or not: a sure one makes all before it a part of the header. Items that are not sure wait.
    """

    __slots__ = (
        *("after", "clock", "columns", "done", "end", "gap", "levelled", "line", "mark", "numbers"),
        *("program", "severity", "time", "times", "waiting", "with_role"),
    )

    def __init__(self, line: str, clock: Clock) -> None:
        self.line, self.clock = line, clock
        self.end = 0
        """Where the message begins; 0 when there is no header."""
        self.time: float | None = None
        self.severity = UNSTATED
        self.columns: dict[str, str] = {}
        self.program = False
        """True when the header ends with the name of a program, as syslog's do."""
        self.after = 0
        """Where the next item begins."""
        self.gap = self.mark = ""
        """What stands before it, and that without blanks."""
        self.times = self.numbers = 0
        self.levelled = self.with_role = self.done = False
        self.waiting: list[Column] = []

    @property
    def known(self) -> bool:
        """Whether the line has surely a header."""
        return self.times > 0 or self.levelled

    @property
    def wide(self) -> bool:
        """Whether the latest item was padded to a column's width."""
        return (len(self.gap) > 1 and self.gap.isspace()) or "\t" in self.gap

    @property
    def following(self) -> str:
        """The first character behind the latest item."""
        return self.line[self.after : self.after + 1]

    def ends_at(self, end: int) -> None:
        """Notes where an item ends and what stands behind it."""
        match = _GAP.match(self.line, end)
        assert match is not None, "it may be empty"
        self.gap, self.after = match[0], match.end()
        self.mark = self.gap.strip()

    def take(self, *columns: Column, sure: bool) -> bool:
        """Takes an item, whose end is noted, with what it says; always True."""
        self.waiting.extend(columns or (("", ""),))
        if sure:
            # What names a source and is set apart ends the header.
            self.done = bool(columns) and self.levelled and self.mark in _CLOSING
            for name, value in self.waiting:
                self._add(name, value)
            self.waiting.clear()
            self.end = self.after
        return True

    def take_level(self, word: str, columns: tuple[Column, ...] = ()) -> bool:
        """Takes a level with what stands beside it; always True."""
        if not self.levelled:
            self.severity, self.levelled = severity_of_word(word), True
            columns = (*columns, (LEVEL, word))
        self.take(*columns, sure=True)
        self.done = len(columns) > 1 and self.mark == ":"
        return True

    def take_time(self, time: float | None, end: int) -> bool:
        """Takes a time, None for one that can't be read, and its end; always True."""
        if self.time is None:
            self.time = time
        self.times += 1
        self.ends_at(end)
        return self.take(sure=True)

    def find_time(self, at: int) -> Found | None:
        """The time at a place; behind a time and a level it is the message's own."""
        return None if self.levelled and self.times else find_time(self.line, at, self.clock)

    def _add(self, name: str, value: str) -> None:
        if not name:
            return
        if name in self.columns:
            name = LOGGER if name == THREAD and LOGGER not in self.columns else REST
            value = f"{self.columns[name]} {value}" if name in self.columns else value
        self.columns[name] = value
