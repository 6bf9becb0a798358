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


def entities_of(record: Record, parameters: Sequence[Parameter]) -> tuple[str, ...]:
    """``ip=...``, ``user=...`` and ``host=...`` of a line, the addresses first, each once, a few at most."""
    found = list(_found(record, parameters))
    order = {"ip": 0, "user": 1, "host": 2}
    kept = [f"{kind}={value}" for kind, value in found if value.strip() and len(value) <= MOST_CHARACTERS]
    unique = sorted(dict.fromkeys(kept), key=lambda entity: order[entity.split("=", 1)[0]])
    return tuple(entity.encode("utf-8", "replace").decode() for entity in unique[:MOST])


def _found(record: Record, parameters: Sequence[Parameter]) -> Iterator[tuple[str, str]]:
    for name, value in record.fields.items():
        last = re.split(r"[./]", name)[-1].lower().replace("-", "_")
        text = str(value)
        if _ADDRESS.fullmatch(text[:MOST_CHARACTERS]):
            yield "ip", text
        elif name == HOST or last in _HOSTS:
            yield "host", text
        elif last in _USERS or name.lower().endswith(("user.name", "user.id", "useridentity.arn")):
            yield "user", text
    for parameter in parameters:
        if parameter.type == "ip":
            yield "ip", parameter.value
        elif parameter.type == "email":
            yield "user", parameter.value
    said = _SAID.search((record.message or record.text)[:4_000])
    if said and said[1].lower() not in _NO_USER:
        yield "user", said[1]
