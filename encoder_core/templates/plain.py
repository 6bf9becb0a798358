"""The slow form, in plain Python: what the compiled one is tested against."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from encoder_core.templates.match import Match, Parameter

_TOKEN = re.compile(r"""[^\s=:,;()\[\]{}<>"'|]+""")
_RUN = re.compile(r"<\*>(?:[\s,]+<\*>)+")


class Templates:
    """Templates of texts and of records."""

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

        format: what the columns came in. message: the value of the column that is free text, if there is one.
        """
        inner = self.of_text(message or " ".join(columns))
        parameters = tuple(Parameter(name, "*", value) for name, value in columns.items())
        return Match(*_named(f"{format} {inner.template}"), parameters)


def _named(template: str) -> tuple[str, str]:
    digest = hashlib.blake2b(template.encode("utf-8", "surrogatepass"), digest_size=8)
    return template, digest.hexdigest()
