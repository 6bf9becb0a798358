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
    if content in ("", "-"):
        return Meaning(sure=True, columns=())
    if content.upper() in LEVELS or content in LETTERS:
        return Meaning(True, (), content)
    if match := _PROCESS.fullmatch(content):
        named = zip((PID, THREAD_ID, THREAD_ID), match.groups(), strict=True)
        return Meaning(True, tuple((name, value) for name, value in named if value))
    if match := _CLIENT.fullmatch(content):
        return Meaning(True, ((CLIENT, match[1]),))
    if (match := _LEVEL_BESIDE.fullmatch(content)) and (beside := _beside(match)):
        return beside
    if _WORD.fullmatch(content):
        return Meaning(False, ((LOGGER if _dotted(content) else THREAD, content),))
    if all(_ID.fullmatch(word) or word.startswith("req-") for word in content.split()):
        return Meaning(True, ((REST, content),))
    if _WORDS.fullmatch(content):
        return Meaning(False, ((THREAD, content),))
    return None


def _beside(match: re.Match[str]) -> Meaning | None:
    """A level beside the name of a module (``core:error``) or of a thread (``Server thread/INFO``)."""
    name, mark, level = match.group(1, 2, 3) if match[3] else match.group(6, 5, 4)
    if level.upper() not in LEVELS:
        return None
    name = name.strip()
    return Meaning(True, ((LOGGER if mark == ":" else THREAD, name),) if name else (), level)


def _dotted(name: str) -> bool:
    return "." in name and not name[0].isdigit() and "/" not in name
