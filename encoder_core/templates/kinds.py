"""Which columns of a record tell its kind, and which values do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from encoder_core.templates import names as known
from encoder_core.templates.names import key_of, shown

MOST_EVENTS = 3
"""Columns that say what happened."""
MOST_OUTCOMES = 2
"""Columns that say how it ended."""
MOST_NAMES = 64
"""Names that tell the kind of a record that has nothing else to tell it."""
LONGEST = 64
"""Characters of a value, or of a name alone, that tells a kind."""
CARRIERS = frozenset({"json", "logfmt", "ltsv"})
"""Formats that say nothing of what is in them."""
TITLED = frozenset({"cef", "leef"})
"""Formats whose column ``name`` is the event's title."""
TITLING = frozenset({"_path", "hostIdentifier"})
"""Columns beside which ``name`` is the event's: those of Zeek and osquery."""
NOTHING = frozenset({"", "-", "(empty)", "null", "None", "N/A"})
"""Values that stand for none."""

_WORDS = re.compile(r"[A-Za-z_](?:[\w.:/+-]| (?=[A-Za-z])){0,63}", re.ASCII).fullmatch
_CODE = re.compile(r"[0-9]{1,7}").fullmatch
_CAPITALS = re.compile(r"[A-Z][A-Z0-9]{1,7}").fullmatch
_STATUS = re.compile(r"[1-5][0-9]{2}").fullmatch
_DIGITS = re.compile(r"[0-9]")
_LETTERS = re.compile(r"[A-Za-z]")
# Names that are keys of a table: times, ids.
_NUMBERED = re.compile(r"[0-9]{4}|[0-9a-f]{8}-")


def is_name(value: str) -> bool:
    """Whether a value is a name that somebody gave to a kind of event: a few words, few digits, no path."""
    if not _WORDS(value) or "/ " in f"{value} " or " /" in value or "//" in value or value.count(" ") > 5:
        return False
    digits = len(_DIGITS.findall(value))
    return not digits or len(_LETTERS.findall(value)) >= 2 * digits


def is_class(value: str) -> bool:
    """The same without digits, in columns whose names are used for other things as well."""
    return is_name(value) and not _DIGITS.search(value)


def is_word(value: str) -> bool:
    """One word without digits."""
    return " " not in value and is_class(value)


def is_code(value: str) -> bool:
    """A number of up to seven digits, or a name."""
    return bool(_CODE(value)) or is_name(value)


def is_state(value: str) -> bool:
    """One word, or a short code in capitals."""
    return is_word(value) or bool(_CAPITALS(value))


def is_error_code(value: str) -> bool:
    """A number of up to seven digits, or a name of one word."""
    return bool(_CODE(value)) or (" " not in value and is_name(value))


def is_status(value: str) -> bool:
    """One of HTTP's numbers, or a state."""
    return bool(_STATUS(value)) or is_state(value)


class Kind(NamedTuple):
    """A column whose value may tell the kind."""

    name: str
    shown: str
    test: Callable[[str], bool]

    def said(self, value: str) -> str:
        """``name=value`` when the value tells a kind, else empty; of several values each once, in order."""
        items = sorted(set(value.split(","))) if "," in value else [value]
        if len(items) > 1:
            value = ",".join(items)
        return f"{self.shown}={value}" if len(value) <= LONGEST and all(map(self.test, items)) else ""


class Kinds:
    """What is known of the columns of all records that have the same ones.

    names: in order, so that nothing follows from the order in a record.
    """

    def __init__(self, format: str, names: Sequence[str]) -> None:
        keys = {name: key_of(name) for name in names}
        texts = known.MESSAGES + known.TITLES + known.DESCRIPTIONS
        if "name" in keys and (format in TITLED or not TITLING.isdisjoint(keys)):
            keys["name"] = "rulename" if format in TITLED else "eventname"
        if "signatureid" in keys.values():  # an event's id beside it is new in each
            keys = {name: key for name, key in keys.items() if key != "eventid"}
        self.codes = _kinds(keys, known.CODES, is_code)
        self.makers = _kinds(keys, known.MAKERS, is_name)
        self.events = _kinds(keys, known.EVENTS, is_name)
        self.classes = _kinds(keys, known.CLASSES, is_class)
        self.protocols = _kinds(keys, known.PROTOCOLS, is_word)
        self.outcomes = (
            _kinds(keys, known.ERROR_CODES, is_error_code)
            + _kinds(keys, known.STATUSES, is_status)
            + _kinds(keys, known.OUTCOMES, is_state)
        )
        groups = (self.codes, self.makers, self.events, self.classes, self.protocols, self.outcomes)
        self._tests = {kind.name: kind for group in groups for kind in group}
        self.candidates = tuple(self._tests)
        """All that may tell the kind."""
        self.texts = _named(keys, known.TITLES + texts if format in TITLED else texts)
        """Columns of free text, the best first."""
        self.errors = _named(keys, known.ERRORS)
        self.may_be_text = tuple(dict.fromkeys(self.texts + self.errors))
        self.rest = tuple(name for name in names if keys.get(name) not in known.LEVELS | known.TIMES)
        """Columns that may be parameters."""
        self.bare = self._bare(format)
        """Tells the kind where nothing else does."""

    def _bare(self, format: str) -> str:
        if format not in CARRIERS:
            return format
        tops = {name.partition(".")[0] for name in self.rest}
        tops = {name for name in tops if len(name) <= LONGEST and not _NUMBERED.search(name)}
        return " ".join(sorted(tops)[:MOST_NAMES]) or format

    def test(self, name: str) -> Callable[[str], bool]:
        """Which values of one of the candidates tell a kind."""
        return self._tests[name].test

    def saying(self, values: Mapping[str, str]) -> dict[str, str]:
        """The columns whose values tell a kind, and what each says: ``{"event.action": "action=login"}``."""
        said = {n: kind.said(values[n]) for n, kind in self._tests.items() if values[n] not in NOTHING}
        return {name: text for name, text in said.items() if text}

    def chosen(self, saying: Mapping[str, str], *, has_text: bool) -> tuple[list[str], list[str]]:
        """The columns that tell the kind of a record and those that tell its outcome, which say most first.

        A code has its maker beside it; without any text, makers and protocols help to tell the kind.
        """
        codes = _first(self.codes, saying, 1)
        events = _first(self.events, saying, 1)
        classes = _first(self.classes, saying, 2)
        if codes:
            chosen = codes + _first(self.makers, saying, 2) + events + classes
        elif has_text:
            chosen = events + classes
        else:
            chosen = events + _first(self.makers, saying, 1) + classes or _first(self.protocols, saying, 1)
        outcomes = _first(self.outcomes, saying, MOST_OUTCOMES)
        return chosen[:MOST_EVENTS], outcomes

    def has_code(self, chosen: Sequence[str]) -> bool:
        """Whether a code is among the columns that tell the kind."""
        return bool(chosen) and any(kind.name == chosen[0] for kind in self.codes)

    def has_error_code(self, outcomes: Sequence[str]) -> bool:
        """Whether an outcome says already what went wrong."""
        return any(self._tests[name].test is is_error_code for name in outcomes)


def _first(kinds: Sequence[Kind], saying: Mapping[str, str], most: int) -> list[str]:
    """Names of the first of these columns that say something, and not the same."""
    found: dict[str, str] = {}
    for kind in kinds:
        if kind.name in saying:
            found.setdefault(saying[kind.name], kind.name)
    return list(found.values())[:most]


def _kinds(keys: Mapping[str, str], role: Sequence[str], test: Callable[[str], bool]) -> tuple[Kind, ...]:
    return tuple(
        Kind(name, shown(name, keys[name]), is_word if keys[name] == "event" else test)
        for name in _named(keys, role)
    )


def _named(keys: Mapping[str, str], role: Sequence[str]) -> tuple[str, ...]:
    """Columns of a role, those first whose names say most; of equal ones those that are nested least."""
    ranks = {key: rank for rank, key in enumerate(reversed(role))}
    found = [name for name, key in keys.items() if key in ranks]
    return tuple(sorted(found, key=lambda name: (-ranks[keys[name]], name.count("."), name)))
