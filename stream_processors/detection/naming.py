"""Which source inside its topic a line belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

from connectors.envelopes.paths import get
from connectors.records import CONTAINER, NAMESPACE, SERVICE, Record

WHOLE_TOPIC = "topic"
"""The setting under which a topic is one source."""
NONE = "-none"
"""Lines that have no name. No name begins with a dash."""
NAME_CHARACTERS = 128
_OTHER = re.compile(r"[^\w.@+/-]|^-")

Namer = Callable[[Record], str]


def namer(setting: str) -> Namer:
    """What names a line's source: ``service``, ``namespace/container``, else a column's name or a dotted path."""
    if setting == "service":
        return _service
    if setting == "namespace/container":
        return _container
    return partial(_field, setting)


def _service(record: Record) -> str:
    return clean(record.fields.get(SERVICE) or record.fields.get(CONTAINER) or "")


def _container(record: Record) -> str:
    parts = (record.fields.get(NAMESPACE), record.fields.get(CONTAINER))
    return clean("/".join(part for part in parts if part))


def _field(path: str, record: Record) -> str:
    found: Any = record.fields.get(path)
    if found is None and record.shipper is not None:
        inside = (get(shipper, path) for shipper in (record.shipper, *record.shipper.values()))
        found = next((value for value in inside if value is not None), None)
    return clean(str(found)) if isinstance(found, str | int | float) else NONE


@lru_cache(maxsize=4_096)
def clean(name: str) -> str:
    """A name as keys and command lines can have it. One that had to be changed ends with a hash of what it was."""
    short = _OTHER.sub("_", name[:NAME_CHARACTERS])
    if short == name:
        return name or NONE
    told_apart = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{short}~{told_apart}"
