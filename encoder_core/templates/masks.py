"""A user's own masks: names and regular expressions that are applied before the rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from encoder_core.templates.match import TYPES

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_FILLERS = "\x1a\x1b"
"""What stands for a masked part: by turns, so that two in a row are two."""
_NOT_OURS = str.maketrans(dict.fromkeys(_FILLERS, "\x00"))


class Masked(NamedTuple):
    """A text with its masked parts filled."""

    data: bytes
    """UTF-8, every masked part replaced by as many filling bytes."""
    kinds: list[int]
    """Type of each part, in order: an index into ``Masks.names``."""


class Masks:
    """Masks by name. Where two match, the one named first wins.

    Raises ``ValueError`` for a name that is no word of ASCII letters, digits and ``_``, and for a bad expression.
    """

    def __init__(self, masks: Mapping[str, str]) -> None:
        self.names = (*TYPES, "*", *[_checked_name(name) for name in masks])
        """Names of placeholders by type; at the place behind ``TYPES`` the type of any masked part."""
        if len({*self.names[len(TYPES) + 1 :]}) < len(masks):
            raise ValueError(f"templates.masks: names differ in more than case, got {', '.join(masks)}")
        self._patterns = [
            _compiled(name, expression, placeholder)
            for (name, expression), placeholder in zip(
                masks.items(), self.names[len(TYPES) + 1 :], strict=True
            )
        ]

    def apply(self, text: str, errors: str = "surrogatepass") -> Masked:
        """The text with every part that a mask matches, or that is a mask's placeholder already, filled.

        errors: how surrogates are encoded.
        """
        found: list[tuple[int, int, int]] = []
        for kind, pattern in enumerate(self._patterns, len(TYPES) + 1):
            for match in pattern.finditer(text):
                begin, end = match.span()
                if begin < end:
                    found.append((begin, end, kind))
        pieces: list[str] = []
        kinds: list[int] = []
        place = 0
        for begin, end, kind in _apart(found):
            length = len(text[begin:end].encode("utf-8", errors))
            pieces += [text[place:begin].translate(_NOT_OURS), _FILLERS[len(kinds) % 2] * length]
            kinds.append(kind)
            place = end
        pieces.append(text[place:].translate(_NOT_OURS))
        return Masked("".join(pieces).encode("utf-8", errors), kinds)


def _apart(found: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Spans in order, those left out that overlap one of an earlier mask."""
    taken: list[tuple[int, int, int]] = []
    for kind in sorted({kind for _, _, kind in found}):
        merged, before = [], iter([*taken, None])
        other = next(before)
        for span in (span for span in found if span[2] == kind):
            while other is not None and other[1] <= span[0]:
                merged.append(other)
                other = next(before)
            if other is None or span[1] <= other[0]:
                merged.append(span)
        while other is not None:
            merged.append(other)
            other = next(before)
        taken = merged
    return taken


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"templates.masks: a name is up to 32 ASCII letters, digits and _, got {name!r}")
    return name.upper()


def _compiled(name: str, expression: str, placeholder: str) -> re.Pattern[str]:
    try:
        re.compile(expression)
        return re.compile(f"<{placeholder}>|(?:{expression})")
    except re.error as error:
        raise ValueError(f"templates.masks: {name}: bad regular expression {expression!r}: {error}") from None
