"""What stands in the brackets of a header: a level, a process, a thread, a logger, a client, an id."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from connectors.formats.severity import LETTERS, LEVELS
from connectors.records import LOGGER, PID, THREAD

CLIENT = "client.address"
THREAD_ID = "thread.id"
SOURCE = "code.file.path"
REST = "header"
"""Column of what else a header says: ids of requests, names of nodes."""

# Brackets in brackets, one level deep: [QuorumPeer[myid=1]/...].
BRACKET = re.compile(r"\[{1,2}([^\[\]\n]{0,128}(?:\[[^\[\]\n]{0,64}\][^\[\]\n]{0,128})?)\]{1,2}")
_PROCESS = re.compile(
    r"(?:pid[ =:]?)?([0-9]{1,10})(?::[A-Z]|:(?:tid[ =:]?)?([0-9]{1,20}))?|tid[ =:]?([0-9]{1,20})"
)
_CLIENT = re.compile(r"(?:client|remote) (\S{1,64})")
_LEVEL_BESIDE = re.compile(
    r"([\w.$#* -]{0,64})([:/])([A-Za-z]{1,13})|([A-Za-z]{1,13})([:/])([\w.$#*-]{1,64})"
)
_WORD = re.compile(r"(?:[^\s\"'=,;{}\[\]]|\[[^\s\[\]]*\])+")
_ID = re.compile(r"-|(?=[^\s]*[0-9])[\w.:/@#=-]{1,128}|[a-f]{8,64}")
_WORDS = re.compile(r"[^\s\"'=,;:{}<>]+(?: +[^\s\"'=,;{}<>]+){1,5}")


class Meaning(NamedTuple):
    """What a bracket says."""

    sure: bool
    """True when it belongs to a header whatever follows."""
    columns: tuple[tuple[str, str], ...]
    level: str = ""


@lru_cache(maxsize=8192)
def meaning(content: str) -> Meaning | None:
    """What the content of a bracket says without blanks around it; None when it is no part of a header."""
    if not any(map(str.isalnum, content)):
        return Meaning(sure=True, columns=())
    if content.upper() in LEVELS or content in LETTERS:
        return Meaning(True, (), content)
    return _process(content) or _beside(content) or _among(content) or _names(content)


def _process(content: str) -> Meaning | None:
    if match := _CLIENT.fullmatch(content):
        return Meaning(True, ((CLIENT, match[1]),))
    if match := _PROCESS.fullmatch(content):
        named = zip((PID, THREAD_ID, THREAD_ID), match.groups(), strict=True)
        return Meaning(True, tuple((name, value) for name, value in named if value))
    return None


def _beside(content: str) -> Meaning | None:
    """A level beside the name of a module (``core:error``) or of a thread (``Server thread/INFO``)."""
    match = _LEVEL_BESIDE.fullmatch(content)
    if match is None:
        return None
    name, mark, level = match.group(1, 2, 3) if match[3] else match.group(6, 5, 4)
    if level.upper() not in LEVELS:
        return None
    name = name.strip()
    return Meaning(True, ((LOGGER if mark == ":" else THREAD, name),) if name else (), level)


def _among(content: str) -> Meaning | None:
    """A level in capitals among other parts: ``7:7:1125/100000.5:ERROR:file.cc(12)``."""
    parts = content.split(":") if " " not in content else []
    for place, part in enumerate(parts):
        if part in LEVELS:
            return Meaning(True, ((REST, ":".join(parts[:place] + parts[place + 1 :])),), part)
    return None


def _names(content: str) -> Meaning | None:
    """A logger, a thread, ids."""
    if _WORD.fullmatch(content):
        if not any(map(str.isalpha, content)):
            return Meaning(False, ((REST, content),))
        dotted = "." in content and not content[0].isdigit() and "/" not in content
        return Meaning(False, ((LOGGER if dotted else THREAD, content),))
    if content.startswith("req-") or all(map(_ID.fullmatch, content.split())):
        return Meaning(True, ((REST, content),))
    return Meaning(False, ((THREAD, content),)) if _WORDS.fullmatch(content) else None
