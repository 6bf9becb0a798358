"""logfmt and its relatives: a line of ``key=value`` pairs, among them the Linux audit log."""

from __future__ import annotations

import re

from connectors.formats.clock import UTC, Clock
from connectors.formats.logfmt_shapes import MESSAGES, LogfmtShapes
from connectors.formats.pairs import Leaves, add_leaf, joined, render
from connectors.formats.severity import severity_of_fields
from connectors.formats.structured import event_time
from connectors.formats.times import parse_time
from connectors.records import Record

MIN_PAIRS = 3
MIN_COVERAGE = 0.6
"""Least share of the line's characters that belongs to pairs."""

_FIRST_PAIR = re.compile(r"[A-Za-z_@][\w.@/-]{0,63}=")
# A pair whose value is quoted, in parentheses or bare; anything else is a loose word.
_TOKEN = re.compile(
    r"""([^\s="'(){}\[\]]+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|'([^']*)'|(\([^()]*\))|(\S*))|\S+""", re.DOTALL
)
_ESCAPE = re.compile(r'\\(["\\])')

_AUDIT = re.compile(r"audit\(([0-9]{1,12}\.[0-9]{1,9}):[0-9]+\):?")
# Fields that auditd writes in hex when they hold spaces, quotes or control characters.
_AUDIT_HEX = frozenset(["proctitle", "data", "cmd", "name", "exe", "comm", "cwd", "acct"])
_HEX = re.compile(r"(?:[0-9A-F]{2}){2,}")
_ARGUMENT = re.compile(r"a[0-9]{1,3}")


def parse_logfmt(line: str, *, time: float | None = None, clock: Clock = UTC) -> Record | None:
    """The record of a line that begins with a pair, has three or more and consists mostly of them.

    Words between the pairs stay in the text, and are together the field ``words``. clock: of times without a zone.
    """
    if not _FIRST_PAIR.match(line) or (line.count("=") < MIN_PAIRS and "msg=audit(" not in line):
        return None
    return SHAPES.read(line, time, clock) or parse_plainly(line, time=time, clock=clock)


def parse_plainly(line: str, *, time: float | None = None, clock: Clock = UTC) -> Record | None:
    """The same, whatever is known of the line's shape."""
    leaves: Leaves = {}
    words: list[str] = []
    covered = pairs = 0
    for match in _TOKEN.finditer(line):
        key = match[1]
        if key is None:
            words.append(match[0])
            continue
        pairs += 1
        covered += match.end() - match.start() + 1
        _add_pair(leaves, key, match)
    fields = joined(leaves)
    if pairs < MIN_PAIRS and not is_audit(fields):
        return None
    if covered < MIN_COVERAGE * len(line):
        return None
    return _record(fields, words, time, clock)


def _record(fields: dict[str, str], words: list[str], time: float | None, clock: Clock) -> Record:
    shown = dict(fields)
    stated = event_time(fields, clock)
    audit = is_audit(fields)
    if audit:
        stated = float(_AUDIT.match(fields["msg"])[1])  # type: ignore[index]
        del shown["msg"]
        fields.update(_decoded(fields))
        shown.update((name, fields[name]) for name in shown)
    elif stated is None and "date" in fields and "time" in fields:
        stated = parse_time(f"{fields['date']} {fields['time']}", clock)
    text = render(shown)
    if words:
        fields.setdefault("words", " ".join(words))
        text = f"{text} {' '.join(words)}"
    return Record(
        text,
        "logfmt",
        fields,
        time if stated is None else stated,
        severity_of_fields(fields),
        message=None if audit else next(filter(None, map(fields.get, MESSAGES)), None),
    )


def _add_pair(leaves: Leaves, key: str, match: re.Match[str]) -> None:
    """Add one pair; a quoted value that itself consists of pairs adds each under a dotted name."""
    double, single, parenthesised, bare = match.group(2, 3, 4, 5)
    if single is not None and "=" in single:
        for inner in _TOKEN.finditer(single):
            if inner[1] is not None:
                _add_pair(leaves, f"{key}.{inner[1]}", inner)
        return
    if double is not None:
        value = _ESCAPE.sub(r"\1", double) if "\\" in double else double
    elif single is not None:
        value = single
    elif parenthesised is not None:
        value = parenthesised
    else:
        value = bare.rstrip(",;")
    add_leaf(leaves, key, value)


def is_audit(fields: dict[str, str]) -> bool:
    """Whether a record is one of the Linux audit log."""
    return "type" in fields and _AUDIT.fullmatch(fields.get("msg", "")) is not None


def _decoded(fields: dict[str, str]) -> dict[str, str]:
    """The hex-encoded fields of an audit record as text, arguments separated by a space."""
    return {name: unhexed(value) for name, value in fields.items() if may_be_hex(fields["type"], name)}


def may_be_hex(kind: str, name: str) -> bool:
    """Whether auditd writes a field of a type of record in hex where it has to."""
    return name.rpartition(".")[2] in _AUDIT_HEX or (
        kind == "EXECVE" and _ARGUMENT.fullmatch(name) is not None
    )


def unhexed(value: str) -> str:
    """A hex-encoded value as text, any other as it is."""
    if not _HEX.fullmatch(value):
        return value
    return bytes.fromhex(value).decode("utf-8", "replace").replace("\x00", " ")


SHAPES = LogfmtShapes(parse_plainly, may_be_hex, unhexed)
