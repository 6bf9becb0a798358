"""The slow form, in plain Python: what the compiled one is tested against."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from encoder_core.templates.columns import Columns
from encoder_core.templates.match import Match, Parameter
from encoder_core.templates.value_types import type_of

_TOKEN = re.compile(r"""[^\s=:,;()\[\]{}<>"'|]+""")
_RUN = re.compile(r"<\*>(?:[\s,]+<\*>)+")


class Templates:
    """Templates of texts and of records."""

    def __init__(self) -> None:
        self._columns = Columns(self.of_text, type_of, lambda template: _named(template)[1])

    def of_text(self, text: str) -> Match:
        """The template of free text, such as a message without its header."""
        parameters: list[Parameter] = []

        def masked(match: re.Match[str]) -> str:
            token = match.group()
            if not any(c.isdigit() for c in token) and "/" not in token:
                return token
            parameters.append(Parameter(str(len(parameters)), "*", token))
            return "<*>"

        return Match(*_named(_RUN.sub("<*>", _TOKEN.sub(masked, text))), tuple(parameters))

    def of_columns(self, format: str, columns: Mapping[str, str], message: str | None = None) -> Match:
        """The template of a structured record.

        format: what the columns came in. message: the free text when it is known, be it one of the columns or none.
        """
        return self._columns.match(format, columns, message)


def _named(template: str) -> tuple[str, str]:
    digest = hashlib.blake2b(template.encode("utf-8", "surrogatepass"), digest_size=8)
    return template, digest.hexdigest()
