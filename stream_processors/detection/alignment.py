"""One readable template for several: their tokens in line, ``<*>`` where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from stream_processors.detection.forms import tokens_of

ANYTHING = "<*>"
TOKENS = 128
"""Tokens of a template that are lined up with others, at most."""


def aligned(templates: Sequence[str]) -> str:
    """What all templates have, in order, and ``<*>`` for what only some have. A pure function of their order."""
    if len(templates) < 2:
        return templates[0] if templates else ""
    common = _spaced(templates[0])
    for template in templates[1:]:
        common = _common(common, _spaced(template))
    return "".join(common).strip()


def _spaced(template: str) -> list[str]:
    """The tokens, each with the white space before it."""
    spaced: list[str] = []
    end = 0
    for token in tokens_of(template)[:TOKENS]:
        begin = template.index(token, end)
        spaced.append((" " if template[end:begin] else "") + token)
        end = begin + len(token)
    return spaced


def _common(one: list[str], other: list[str]) -> list[str]:
    """The tokens of both, a placeholder for each stretch where they differ."""
    common: list[str] = []
    for same, begin, end, start, stop in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if same == "equal":
            common += one[begin:end]
        elif not common or not common[-1].endswith(ANYTHING):
            spaced = any(
                tokens and tokens[0].startswith(" ") for tokens in (one[begin:end], other[start:stop])
            )
            common.append((" " if spaced else "") + ANYTHING)
    return common
