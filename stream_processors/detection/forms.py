"""What templates are compared by: a template's form, and the frames that other words could fill.

A form is the template's tokens with one ``*`` for whatever varies: placeholders of any type, lists of them, units and
empty brackets after them, and what follows the name of a user or a ``key=``. A frame is a form with the words of one or
more places left out. Both are pure functions of one template; ``patternbook`` counts what the frames are filled with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from itertools import combinations
from typing import NamedTuple

from encoder_core.templates import TYPES
from stream_processors.detection.words import NAME, NOUN, SAID, kind_of

ANY = "*"
CHARACTERS = 2_048
"""Characters of a template that are taken apart; the rest is one token."""
PLACES = 16
"""Words of a form that may turn out to vary, at most."""
PAIRED = 8
"""Names of a form that are left out two at a time, and three in a row, at most."""
RUN = 3
"""Names in a row that can be one value, such as a person's, at most."""

LABELLED = 2
"""Placeholders before their names in brackets after which a word there is a value too."""

Form = tuple[str, ...]

_TYPE = "<(?:" + "|".join(re.escape(name) for name in TYPES) + ")>"
_PLACEHOLDER = re.compile(_TYPE)
_TOKEN = re.compile(rf"""{_TYPE}|\.{{3,}}|(?:(?!{_TYPE}|\.{{3,}})[^\s=:,;()\[\]{{}}"'|<>])+|\S""")
_KIND = re.compile(r"[\w.@-]+=[^<]*?(?:: |\Z)")
"""What structured records' templates begin with: columns that name the kind, all of which stay."""
_MARKS = frozenset("=:,;()[]{}\"'|<>")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_BRACKETS.values())
_ARTICLES = frozenset(("a", "an", "the"))
_UNITS = frozenset(
    (
        *("b", "kb", "mb", "gb", "tb", "pb", "kib", "mib", "gib", "tib", "hz", "khz", "mhz", "ghz"),
        *("ns", "us", "ms", "s", "sec", "secs", "min", "mins", "hrs"),
    )
)
_USERS = frozenset(("user", "users", "username", "ruser", "login", "account", "acct"))
_QUOTING = frozenset((":", "'", '"'))
_COMPARED = frozenset(("<", ">", "~"))
_SUFFIXES = frozenset(
    (
        *(
            "exe",
            "dll",
            "sys",
            "jar",
            "war",
            "bin",
            "sh",
            "bat",
            "so",
            "py",
            "js",
            "java",
            "scala",
            "cpp",
            "h",
            "c",
            "go",
            "rs",
        ),
        *(
            "log",
            "txt",
            "json",
            "xml",
            "yml",
            "yaml",
            "toml",
            "conf",
            "cfg",
            "ini",
            "properties",
            "csv",
            "db",
            "dat",
            "tmp",
        ),
        *(
            "gz",
            "zip",
            "tar",
            "rpm",
            "deb",
            "img",
            "iso",
            "pid",
            "sock",
            "lock",
            "key",
            "pem",
            "crt",
            "html",
            "php",
            "css",
        ),
        *("service", "socket", "timer", "mount", "slice", "scope", "device", "target", "swap"),
        *(
            "com",
            "net",
            "org",
            "edu",
            "gov",
            "info",
            "biz",
            "local",
            "internal",
            "lan",
            "arpa",
            "example",
            "localdomain",
        ),
    )
)
"""What names of files, units of systemd and hosts end in; hosts in any two letters as well."""
_OF_A_USER = frozenset(("for", "of", "by", "from", "as", "invalid", "illegal"))
_EVENTS = frozenset(
    (
        *("event", "eventid", "event_id", "eventcode", "event_code", "evt", "msgid", "messageid"),
        *("rule", "ruleid", "rule_id", "sid", "signature"),
    )
)


class Frame(NamedTuple):
    """A form with places left out."""

    key: int
    """Hash of what is left, which is a form too."""
    fillers: tuple[str, ...]
    """What the form has in each of these places."""
    words: int
    """Words that are left."""
    kind: int
    """``NAME`` when all fillers are names, else ``NOUN``."""


def key_of(form: Form) -> int:
    """64-bit hash of a form, the same on every machine."""
    digest = blake2b("\0".join(form).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def tokens_of(template: str) -> list[str]:
    """Words, marks and placeholders of a template as they stand."""
    tokens: list[str] = []
    joins, end = False, -1
    for match in _TOKEN.finditer(template[:CHARACTERS]):
        token = match.group()
        word = bool(_PLACEHOLDER.fullmatch(token)) or not (token[0] in _MARKS or token.startswith("..."))
        if word and joins and match.start() == end:
            tokens[-1] += token
        else:
            tokens.append(token)
        joins, end = word, match.end()
    if len(template) > CHARACTERS:
        tokens.append(template[CHARACTERS:])
    return tokens


def form_of(template: str) -> Form:
    """The form of a template."""
    tokens: list[str] = []
    head = _KIND.match(template)
    for token in tokens_of(template[head.end() :] if head else template):
        if _PLACEHOLDER.search(token):
            if tokens and tokens[-1] in _COMPARED:
                tokens.pop()
            tokens.append(ANY)
        elif token.lower() not in _ARTICLES:
            tokens.append("..." if token.startswith("...") else token.rstrip(".!?") or token)
    if tokens and tokens[-1] == "...":
        tokens.pop()
    labelled = sum(_is_labelled(tokens, place) for place, token in enumerate(tokens) if token == ANY)
    for place, token in enumerate(tokens):
        if _is_value(tokens, place, token) or (labelled >= LABELLED and _is_labelled(tokens, place)):
            tokens[place] = ANY
    return (head[0], *_collapsed(tokens)) if head else _collapsed(tokens)


def _is_value(tokens: list[str], place: int, token: str) -> bool:
    """Whether its neighbours alone, or its own shape, say that a token varies."""
    before = tokens[place - 1].lower() if place else ""
    further = tokens[place - 2].lower() if place > 1 else ""
    after = tokens[place + 1] if place + 1 < len(tokens) else ""
    if not _has_letter(token):
        named = further if before in _MARKS else before
        named = further if named == "id" else named
        return any(c.isdigit() for c in token) and named not in _EVENTS
    if after in ("=", "("):  # the name of a column or of a function
        return False
    if before in _USERS and further in _OF_A_USER:
        return True
    if (
        before in _USERS
        or (before == "for" and after == "from")
        or (before in _QUOTING and further in _USERS)
    ):
        return kind_of(token) == NAME
    return _is_file_or_host(token)


def _is_file_or_host(token: str) -> bool:
    name, _, last = token.rpartition(".")
    if not name or not _has_letter(name):
        return False
    return last in _SUFFIXES or (len(last) == 2 and last.islower() and kind_of(last) != SAID)


def _is_labelled(tokens: list[str], place: int) -> bool:
    """Whether a token is a value before its name, as in ``up (state), 4 (peers)``."""
    return place > 0 and tokens[place - 1] in (",", ":") and tokens[place + 1 : place + 2] == ["("]


def _has_letter(token: str) -> bool:
    return any(character.isalpha() for character in token)


def _collapsed(tokens: list[str]) -> Form:
    """The tokens with one ``*`` for a list of them, with its separators, units and empty brackets."""
    units = [t for n, t in enumerate(tokens) if not (n and tokens[n - 1] == ANY and t.lower() in _UNITS)]
    out: list[str] = []
    opened: list[str] = []  # brackets that a list has swallowed
    marks: list[str] = []  # what has come since the last ``*``
    for token in units:
        if token == ANY:
            if out and out[-1] == ANY:
                opened += [mark for mark in marks if mark in _BRACKETS]
                marks = []
            else:
                out += marks
                out.append(ANY)
                opened, marks = [], []
        elif out and out[-1] == ANY and not any(c.isalnum() for c in token):
            if token in _CLOSING and opened and not marks:
                opened.pop()
            elif token in _CLOSING and marks and _BRACKETS.get(marks[-1]) == token:
                marks.pop()
            else:
                marks.append(token)
        else:
            out += marks
            out.append(token)
            opened, marks = [], []
    return (*out, *marks)


def frames_of(form: Form) -> Iterator[Frame]:
    """The frames of a form: each word left out, two names, three in a row, all names, all runs of them."""
    kinds = [_kind(form, place) for place in range(len(form))]
    words = sum(map(_has_letter, form))
    places = [place for place, kind in enumerate(kinds) if kind != SAID][:PLACES]
    names = [place for place in places if kinds[place] == NAME]
    left_out: list[tuple[int, ...]] = [(place,) for place in places]
    if len(names) <= PAIRED:
        left_out += combinations(names, 2)
        left_out += [row for row in combinations(names, 3) if row[2] - row[0] == 2]
    if len(names) > 2:
        left_out.append(tuple(names))
    seen: set[int] = set()
    for chosen in left_out:
        if left := words - len(chosen):
            rest = list(form)
            for place in chosen:
                rest[place] = ANY
            key = key_of(_collapsed(rest))
            if key not in seen:
                seen.add(key)
                kind = NAME if all(kinds[place] == NAME for place in chosen) else NOUN
                yield Frame(key, tuple(form[place] for place in chosen), left, kind)
    runs = _runs(form, kinds)
    if runs and (left := sum(_has_letter(token) for token in runs[0])):
        key = key_of(_collapsed(runs[0]))
        if key not in seen:
            yield Frame(key, runs[1], left, NAME)


def _kind(form: Form, place: int) -> int:
    """The kind of a token as a filler: marks, ``*``, names of columns and what masks have left of values never vary."""
    if not _has_letter(form[place]) or "=" in form[max(place - 1, 0) : place + 2]:
        return SAID
    return kind_of(form[place])


def _runs(form: Form, kinds: list[int]) -> tuple[list[str], tuple[str, ...]] | None:
    """The form with ``*`` for each run of names, and the runs; None where a run is too long or there is none."""
    rest: list[str] = []
    runs: list[list[str]] = []
    inside = False
    for token, kind in zip(form, kinds, strict=True):
        if kind != NAME:
            rest.append(token)
        elif inside:
            runs[-1].append(token)
        else:
            rest.append(ANY)
            runs.append([token])
        inside = kind == NAME
    if not runs or max(map(len, runs)) > RUN:
        return None
    return rest, tuple(" ".join(run) for run in runs)
