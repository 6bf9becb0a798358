"""Which words of a log can be the value of a variable, and which say what happened.

``words.txt`` has three lists: words that state something (outcomes, states, levels, prepositions), stems of verbs, and
nouns, the latter two counted over logs and texts about operations of many sources. Statements and verbs in any form say
what happened: two lines that differ in one are never the same statement. A word that is in no list is a name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

NAME, NOUN, SAID = 0, 1, 2
"""A word that is not of the language of logs; one that is, but names a thing; one that says what happened."""

_STATING = re.compile(r"[a-z]{2,}(?:ed|ing|tions?|sions?|[ai]bl[ey]|ally|fully|ive|ous|less)\Z")
_NAMING = re.compile(r"[a-z]{2,}(?:ments?|ness|[ae]nc(?:e|y|es|ies)|it(?:y|ies))\Z")
_ENDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    *(("ies", ("y",)), ("es", ("", "e")), ("s", ("",)), ("d", ("",)), ("ed", ("",)), ("ing", ("", "e"))),
    ("ly", ("",)),
)
"""Endings of English, and what stood there in the stem."""
_AGENT = re.compile(r"([a-z]{3,})[eo]rs?\Z")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z\W_]+")
_LONGEST = 32
"""Characters of a word that is looked up; what is longer is a name."""


def _read() -> tuple[frozenset[str], frozenset[str]]:
    """Words that say what happened, and nouns."""
    text = Path(__file__).with_name("words.txt").read_text(encoding="utf-8")
    said, verbs, nouns = (frozenset(part.split()) for part in text.split("\n\n"))
    return said | verbs, nouns - said - verbs


_SAYING, _NOUNS = _read()


@lru_cache(maxsize=1 << 14)
def kind_of(word: str) -> int:
    """``NAME``, ``NOUN`` or ``SAID``, whatever the case.

    A word with a digit and a single letter are codes, so they say what happened. So do ``read-only``, ``NOT_FOUND``
    and ``AccessDenied``, which have a part that does; dotted words are names.
    """
    if any(character.isdigit() for character in word):
        return SAID
    plain = word.strip("-_.*!?#@&%$~^`+")
    if len(plain) < 2:
        return SAID
    if len(plain) > _LONGEST or "." in plain:
        return NAME
    parts = [part for part in _PARTS.findall(plain) if len(part) > 1] or [plain]
    kinds = {_kind_of_part(part.lower()) for part in parts}
    return SAID if SAID in kinds else min(kinds)


def _kind_of_part(word: str) -> int:
    stems = _stems(word)
    if any(stem in _SAYING for stem in stems) or _STATING.match(word):
        return SAID
    who = _AGENT.match(word)
    if who is not None:
        stems += [who[1], who[1] + "e", who[1][:-1]]
    known = any(stem in _NOUNS or (who is not None and stem in _SAYING) for stem in stems)
    return NOUN if known or _NAMING.match(word) else NAME


def _stems(word: str) -> list[str]:
    """The word and what is left of it without an ending of English."""
    stems = [word]
    for ending, others in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            bare = word[: -len(ending)]
            stems += [bare + other for other in others]
            if bare[-1] == bare[-2]:
                stems.append(bare[:-1])
    return stems
