"""Words for codes: what a person would call what a template says by number alone."""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus

_STATUS = re.compile(r"\b(?:status|code|http_status|sc-status)=([1-5]\d\d)\b")
_CLASSES = {"4": "client error", "5": "server error"}


def with_names(template: str) -> str:
    """A template with the names of its status codes: ``status=404`` is "not found", and an error of the client."""
    return " ".join([template, *(_name(code) for code in _STATUS.findall(template))])


@lru_cache(maxsize=512)
def _name(code: str) -> str:
    try:
        return f"{HTTPStatus(int(code)).phrase} {_CLASSES.get(code[0], '')}".strip()
    except ValueError:
        return ""
