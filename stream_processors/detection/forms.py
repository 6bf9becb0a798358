"""What templates are compared by: a template's form.

A form is the template's tokens with one ``*`` for whatever varies: placeholders of any type, lists of them, units and
empty brackets after them, and what neighbours or its own shape tell to be a value. A pure function of the template.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from encoder_core.templates import TYPES
from stream_processors.detection.words import NAME, SAID, kind_of

ANY = "*"
CHARACTERS = 2_048
"""Characters of a template that are taken apart; the rest is one token."""
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
            "img",
            "iso",
            "rpm",
            "deb",
            "gz",
            "zip",
            "tar",
        ),
        *(
            "py",
            "js",
            "java",
            "scala",
            "cpp",
            "h",
            "c",
            "go",
            "rs",
            "html",
            "php",
            "css",
            "log",
            "txt",
            "csv",
        ),
        *(
            "json",
            "xml",
            "yml",
            "yaml",
            "toml",
            "conf",
            "cfg",
            "ini",
            "properties",
            "db",
            "dat",
            "tmp",
            "pid",
        ),
        *(
            "sock",
            "lock",
            "key",
            "pem",
            "crt",
            "service",
            "socket",
            "timer",
            "mount",
            "slice",
            "scope",
            "device",
        ),
        *(
            "target",
            "swap",
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
        ),
        *("example", "localdomain"),
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
    return (head[0], *collapsed(tokens)) if head else collapsed(tokens)


def _is_value(tokens: list[str], place: int, token: str) -> bool:
    """Whether its neighbours alone, or its own shape, say that a token varies."""
    before = tokens[place - 1].lower() if place else ""
    further = tokens[place - 2].lower() if place > 1 else ""
    after = tokens[place + 1] if place + 1 < len(tokens) else ""
    if not has_letter(token):
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
    if not name or not has_letter(name):
        return False
    return last in _SUFFIXES or (len(last) == 2 and last.islower() and kind_of(last) != SAID)


def _is_labelled(tokens: list[str], place: int) -> bool:
    """Whether a token is a value before its name, as in ``up (state), 4 (peers)``."""
    return place > 0 and tokens[place - 1] in (",", ":") and tokens[place + 1 : place + 2] == ["("]


def has_letter(token: str) -> bool:
    """Whether a token is a word."""
    return any(character.isalpha() for character in token)


def collapsed(tokens: list[str]) -> Form:
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
