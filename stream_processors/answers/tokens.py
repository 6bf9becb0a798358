"""How many tokens a text is to a large language model, estimated rather too high, without any model's vocabulary."""

from __future__ import annotations

import re

_PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\sA-Za-z0-9]|\n| {2,}|[^\S\n ]")
SHORT, LONG = 3, 4
"""Characters of a token: of digits and of capitals, and of a word's other letters."""


def tokens(text: str) -> int:
    """The estimate: a token for each 4 letters of a word, 3 capitals, 3 digits, each sign, new line or run of spaces; a
    character beyond ASCII is as many as its UTF-8 bytes. A space before a word is part of it.

    Texts that end with a new line add up: ``tokens(a + b) == tokens(a) + tokens(b)``.
    """
    return sum(map(_cost, _PIECES.findall(text)))


def _cost(piece: str) -> int:
    if not piece.isascii():
        return len(piece.encode("utf-8", "replace"))
    if piece.isalnum():
        return -(-len(piece) // (LONG if piece[-1].islower() else SHORT))
    return 1
