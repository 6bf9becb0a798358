"""The layouts of headers that are most usual, each read by one expression.

What they give is what ``connectors.formats.shape`` would find by the shape of the items, only quicker; glog, klog,
logcat and Python's own begin with a level, which by its shape could be a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from connectors.formats.brackets import SOURCE, meaning
from connectors.formats.clock import Clock
from connectors.formats.severity import LETTERS, LEVELS
from connectors.formats.times import Found, find_time
from connectors.records import LEVEL, LOGGER, PID, THREAD

# log4j, Logback, Hadoop, HDFS, Spark: " 7 INFO [main] org.example.Shop: message".
_LEVEL_AND_NAMES = (
    r" (?:- )?(?:([0-9]{1,10}) )?([A-Z]{4,8}) {1,4}"
    r"(?:\[([^\s\[\]\"'=,;]{1,128}(?: [^\s\[\]\"'=,;]{1,64}){0,3})\] {1,4})?"
    r"([A-Za-z_$][^\s:()\[\]\"'=,;]{0,127})(?: -|:) +"
)
_AFTER_TIME = re.compile(_LEVEL_AND_NAMES)
NO_NAMES = ("Error", "Exception", "Warning", "error", "exception", "warning")
"""Ends of words that are the message's own although a colon follows."""
_CAMEL = re.compile(r"[a-z0-9][A-Z]|[A-Za-z]_[A-Za-z]")
_WHOLE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}):([0-5][0-9])[.,]([0-9]{3,9})" + _LEVEL_AND_NAMES
)
# "queries: info: message"
_CATEGORY = re.compile(r" ([a-z][\w-]{1,63}): ([a-z]{3,13}): ")
_PYTHON = re.compile(r"([A-Z]{4,8}):([\w.-]{1,128}):")
_GLOG = re.compile(r" {1,6}([0-9]{1,10}) ([\w./+-]{1,128}:[0-9]{1,6})\] ?")
_GLOG_TIME = re.compile(r"[0-9]{4} [0-9:.]{8,17}(?= )")
_LETTER_TAG = re.compile(
    r"([VDIWEF])(?:/([^\s:()]{1,128}) *(?:\( *([0-9]{1,10})\))?| \(([0-9]{1,12})\) ([\w.$-]{1,64})): "
)


class Layout(NamedTuple):
    """What a header says, as ``connectors.formats.header.Header`` does."""

    end: int
    time: float | None
    severity: int
    columns: dict[str, str]
    program: bool = False


def read_layout(line: str, found: Found | None, clock: Clock) -> Layout | None:
    """The header of a line that has one of these layouts; found: the time that it begins with."""
    if found is None:
        return _level_first(line, clock)
    end = found.end
    if "a" <= line[end + 1 : end + 2] <= "z":
        return _category(line, found)
    match = _AFTER_TIME.match(line, end)
    return _named(match.groups(), match.end(), found.time) if match else None


def is_logger(word: str) -> bool:
    """Whether a word before a colon has the shape of a logger's name: dots, a capital inside, an underscore."""
    return "." in word[1:-1] or _CAMEL.search(word) is not None


def read_whole(line: str, clock: Clock) -> Layout | None:
    """The header of a line that begins with the most usual of them, its time included."""
    match = _WHOLE.match(line)
    if match is None:
        return None
    minute, second, fraction, *names = match.groups()
    seconds = clock.minute(minute, "YMDhm")
    return None if seconds is None else _named(names, match.end(), seconds + float(f"{second}.{fraction}"))


def _named(names: Sequence[str | None], end: int, time: float | None) -> Layout | None:
    pid, level, thread, logger = names
    severity = LEVELS.get(level or "")
    if severity is None or logger is None or level is None or logger.endswith(NO_NAMES):
        return None
    columns = {LEVEL: level, LOGGER: logger}
    if thread:
        if " " in thread and not (is_logger(logger) and _is_thread(thread)):
            return None
        columns[THREAD] = thread
    elif not is_logger(logger):
        return None
    if pid:
        columns[PID] = pid
    return Layout(end, time, severity, columns)


def _is_thread(words: str) -> bool:
    """Whether several words in brackets are a thread's name for sure: no time, no level, no ids."""
    said = meaning(words) if ":" not in words and not words[0].isdigit() else None
    return said is not None and said.columns == ((THREAD, words),) and not said.level


def _category(line: str, found: Found) -> Layout | None:
    if match := _CATEGORY.match(line, found.end):
        logger, level = match.groups()
        if (severity := LEVELS.get(level.upper())) is not None:
            return Layout(match.end(), found.time, severity, {LOGGER: logger, LEVEL: level})
    return None


def _level_first(line: str, clock: Clock) -> Layout | None:
    if "0" <= line[1:2] <= "9":
        return _glog(line, clock)
    if (match := _PYTHON.match(line)) and (severity := LEVELS.get(match[1])) is not None:
        return Layout(match.end(), None, severity, {LEVEL: match[1], LOGGER: match[2]})
    if match := _LETTER_TAG.match(line):
        columns = {LEVEL: match[1], LOGGER: match[2] or match[5]}
        if match[3]:
            columns[PID] = match[3]
        return Layout(match.end(), None, LETTERS[match[1]], columns)
    return None


def _glog(line: str, clock: Clock) -> Layout | None:
    """``I1125 10:00:00.000001 7 file.go:12] message``, or with another time."""
    if (severity := LETTERS.get(line[0])) is None:
        return None
    time, end = None, 0
    if match := _GLOG_TIME.match(line, 1):
        short = find_time(f"{line[1:3]}-{line[3 : match.end()]}", 0, clock)
        time, end = short.time if short else None, match.end()
    elif found := find_time(line, 1, clock):
        time, end = found.time, found.end
    place = _GLOG.match(line, end) if end else None
    if place is None:
        return None
    columns = {LEVEL: line[0], PID: place[1], SOURCE: place[2].rpartition(":")[0]}
    return Layout(place.end(), time, severity, columns)
