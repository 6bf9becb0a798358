"""Exchanging words of a line: for others that mean the same, or for those that turn its meaning around.

The tables are ``opposites.txt`` and ``synonyms.txt``, ours. Words are found inside names, too: ``LoginFailed`` has two.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
"""A word, also inside a name such as ``LogonType`` or ``ACCESS_DENIED``."""
PLACEHOLDER = re.compile(r"<[a-z*]+>")
SYNONYM_SHARE = 0.7
"""Share of the words with synonyms that ``reworded`` exchanges."""


@cache
def opposites() -> Mapping[str, tuple[str, ...]]:
    """The words that each word, in small letters, is exchanged with."""
    found: dict[str, list[str]] = {}
    for line in table("opposites.txt"):
        for pair in line.split():
            left, right = pair.split("=")
            if "_" not in pair:
                found.setdefault(left, []).append(right)
                found.setdefault(right, []).append(left)
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items()}


@cache
def synonyms() -> Mapping[str, tuple[str, ...]]:
    """The words that each word, in small letters, may stand for."""
    found: dict[str, list[str]] = {}
    for line in table("synonyms.txt"):
        group = line.split()
        for word in group:
            found.setdefault(word, []).extend(other for other in group if other != word)
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items() if others}


def table(name: str) -> list[str]:
    """The lines of a table, without its comments."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def turning(text: str, rng: random.Random) -> dict[str, str]:
    """An exchange that turns a text's meaning around, as ``replaced`` takes it; empty where no word has an opposite."""
    known = sorted({word.lower() for word in words_of(text) if word.lower() in opposites()})
    if not known:
        return {}
    word = rng.choice(known)
    return {word: rng.choice(opposites()[word])}


def reworded(text: str, rng: random.Random) -> str | None:
    """The text with some words exchanged for synonyms; None where there is none to exchange."""
    known = sorted({word.lower() for word in words_of(text) if word.lower() in synonyms()})
    chosen = [word for word in known if rng.random() < SYNONYM_SHARE] or known[:1]
    if not chosen:
        return None
    return replaced(text, {word: rng.choice(synonyms()[word]) for word in chosen})


def words_of(text: str) -> Sequence[str]:
    """The words of a text, placeholders left out."""
    found: list[str] = WORD.findall(PLACEHOLDER.sub(" ", text))
    return found


def replaced(text: str, others: Mapping[str, str]) -> str:
    """The text with words, named in small letters, replaced in the letters' own case; placeholders stay."""
    parts, end = [], 0
    for hole in [*PLACEHOLDER.finditer(text), None]:
        begin = hole.start() if hole else len(text)
        parts.append(WORD.sub(lambda match: cased(match.group(), others), text[end:begin]))
        if hole:
            parts.append(hole.group())
            end = hole.end()
    return "".join(parts)


def cased(word: str, others: Mapping[str, str]) -> str:
    """What stands for a word, in its case."""
    other = others.get(word.lower())
    if other is None:
        return word
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other.capitalize() if word[0].isupper() else other
