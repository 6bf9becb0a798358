"""The type of a whole value, such as that of a column."""

from __future__ import annotations

import re
from functools import lru_cache

_TYPES = (
    ("mac", r"[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}"),
    ("ip", r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:[:/][0-9]{1,5})?|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}"),
    ("num", r"[+-]?[0-9]+(?:[.,][0-9]+)*%?"),
    ("uuid", r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?"),
    ("time", r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,]{5,18}(?: ?(?:Z|UTC|[+-][0-9:]{2,6}))?)?"),
    ("hex", r"(?:0[xX])?[0-9a-fA-F]{8,}|0[xX][0-9a-fA-F]+"),
    ("url", r"[a-z][a-z0-9+.-]{1,15}://\S+"),
    ("email", r"[^\s@/]{1,64}@[^\s@/]{1,255}"),
    ("path", r"(?:[A-Za-z]:)?[/\\][^\s]*"),
    ("id", r"(?=[^\s]*[0-9])[\w.:@#$%+=~-]{1,128}"),
)
_PATTERN = re.compile("|".join(f"(?P<{name}>{pattern})(?!.)" for name, pattern in _TYPES), re.DOTALL)


_KNOWN = 32_768
_LONGEST = 48
"""Characters of a value whose type is remembered."""


def type_of(value: str) -> str:
    """One of ``TYPES``, by the value alone."""
    return _known_type(value) if len(value) <= _LONGEST else _type_of(value)


def _type_of(value: str) -> str:
    found = _PATTERN.match(value)
    return found.lastgroup or "*" if found else "*"


_known_type = lru_cache(maxsize=_KNOWN)(_type_of)
