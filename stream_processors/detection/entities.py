"""Who and where a flagged line speaks of: addresses, users and hosts, by which alerts are put together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from connectors.records import HOST, Record
from encoder_core.templates import Parameter

MOST = 8
"""Entities that are kept of a line."""
MOST_CHARACTERS = 100
"""A longer value names no one."""
_USERS = frozenset({"user", "username", "user_name", "usr", "account", "acct", "login", "principal"})
_HOSTS = frozenset({"host", "hostname", "host_name", "computer", "computername", "node", "server"})
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}")
_SAID = re.compile(
    r"\b(?:user(?:name)?(?:\s{0,2}[=:]\s{0,2}|\s{1,2})['\"]?|for (?:invalid )?(?:user )?)"
    r"([\w.@$\\-]{2,64})(?=['\"]?(?:[\s,;)]|$))",
    re.I,
)
_NO_USER = frozenset(
    ["a", "an", "by", "from", "has", "in", "is", "name", "not", "on", "that", "the", "this", "to", "was"]
)


def entities_of(
    record: Record, parameters: Sequence[Parameter], names: Sequence[str] = ()
) -> tuple[str, ...]:
    """``ip=...``, ``user=...`` and ``host=...`` of a line, the addresses first, each once, a few at most.

    names: of columns. A line that has some of them is about what they say, in their order, and nothing else; what is no
    address, user or host goes by the column's name: ``session=...``.
    """
    found = list(_named(record, names)) or sorted(
        _found(record, parameters), key=lambda one: ("ip", "user", "host").index(one[0])
    )
    kept = [f"{kind}={value}" for kind, value in found if value.strip() and len(value) <= MOST_CHARACTERS]
    return tuple(entity.encode("utf-8", "replace").decode() for entity in [*dict.fromkeys(kept)][:MOST])


def last_part(name: str) -> str:
    """What a column is called inside its object, in lower case."""
    return re.split(r"[./]", name)[-1].lower().replace("-", "_")


def rank_of(column: str, names: Sequence[str]) -> int:
    """The place of a column among names, each a ``last_part``, from 1; 0 for none of them."""
    last = last_part(column)
    return names.index(last) + 1 if last in names else 0


def _named(record: Record, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    if not names:
        return
    wanted = [*map(last_part, names)]
    ranked = [(rank_of(name, wanted), name, str(value)) for name, value in record.fields.items()]
    for _, name, value in sorted(
        (one for one in ranked if one[0] and one[2].strip()), key=lambda one: one[0]
    ):
        yield _kind(name, value) or last_part(name), value


def _kind(name: str, value: str) -> str:
    """Whether a column has an address, a host or a user; empty for none of them."""
    last = last_part(name)
    if _ADDRESS.fullmatch(value[:MOST_CHARACTERS]):
        return "ip"
    if name == HOST or last in _HOSTS:
        return "host"
    named = last in _USERS or name.lower().endswith(("user.name", "user.id", "useridentity.arn"))
    return "user" if named else ""


def _found(record: Record, parameters: Sequence[Parameter]) -> Iterator[tuple[str, str]]:
    for name, value in record.fields.items():
        text = str(value)
        if kind := _kind(name, text):
            yield kind, text
    for parameter in parameters:
        if parameter.type == "ip":
            yield "ip", parameter.value
        elif parameter.type == "email":
            yield "user", parameter.value
    said = _SAID.search((record.message or record.text)[:4_000])
    if said and said[1].lower() not in _NO_USER:
        yield "user", said[1]
