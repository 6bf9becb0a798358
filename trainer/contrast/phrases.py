"""Sentences that say the same in other words beside the opposite in nearly the same ones, from ``phrases.txt``.

Of an item and its turned companion, texts at the same place have the same subject in the same wording, so that words
alone cannot tell them apart.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainer.contrast.items import ENGLISH, TURNED, Item
from trainer.contrast.words import table

SOURCE = "phrases"
ITEMS = 80
"""Items of an axis of meaning; each has a companion."""
WORDINGS = 6
"""Texts of an item, at most."""
HELD_PHRASES = 8
"""One pair of phrases of so many, and one item, is only validated on: the item begins with such a pair."""
HOLE = re.compile(r"<(user|host|item|n)>")


@dataclass(frozen=True, slots=True)
class Axis:
    """Subjects, each its wordings, and pairs of phrases of opposite meaning."""

    subjects: list[list[str]]
    phrases: list[tuple[str, str]]


def axes(lines: Sequence[str] | None = None) -> list[Axis]:
    """The axes of the table. Raises KeyError for a subject that it does not have."""
    subjects: dict[str, list[str]] = {}
    found: list[Axis] = []
    for line in table("phrases.txt") if lines is None else lines:
        sign, _, rest = line.partition(" ")
        if sign == "*":
            subjects[rest] = []
        elif sign == "+":
            continue
        elif sign == "=":
            found.append(Axis([subjects[name] for name in rest.split()], []))
        elif found:
            left, right = line.split(" | ")
            found[-1].phrases.append((left, right))
        else:
            subjects[list(subjects)[-1]].append(line)
    return found


def holes() -> dict[str, list[str]]:
    """What each hole may be filled with."""
    rows = (line.split()[1:] for line in table("phrases.txt") if line.startswith("+ "))
    return {name: values for name, *values in rows}


def phrase_items(first: int, *, seed: int) -> Iterator[Item]:
    """Items of all axes, each followed by its companion. first: place of the first in the list of all items."""
    rng = random.Random(f"{seed} {SOURCE}")
    place, fillings = first, holes()
    for number, axis in enumerate(axes()):
        for count in range(ITEMS):
            subject = rng.choice(axis.subjects)
            names = {name: rng.choice(values) for name, values in fillings.items()} | {
                "n": str(rng.randint(1, 9999))
            }
            held = count % HELD_PHRASES == 0
            pairs = chosen(axis, held, rng)
            wordings = [rng.choice(subject) for _ in pairs]
            one, other = (
                [sentence(text, pair[side], names) for text, pair in zip(wordings, pairs, strict=True)]
                for side in ((0, 1) if rng.random() < 0.5 else (1, 0))
            )
            source = f"{SOURCE} {number}"
            yield Item(ENGLISH, source, one, held, "english", companions=[place + 1])
            yield Item(TURNED, source, other, held, "english", companions=[place])
            place += 2


def chosen(axis: Axis, held: bool, rng: random.Random) -> list[tuple[str, str]]:
    """Pairs of phrases of an item in random order; of a held-out item the first is one that no other item has."""
    usual = [pair for number, pair in enumerate(axis.phrases) if (number + 1) % HELD_PHRASES]
    pairs = rng.sample(usual, min(WORDINGS, len(usual)))
    unseen = axis.phrases[HELD_PHRASES - 1 :: HELD_PHRASES]
    return [rng.choice(unseen), *pairs[1:]] if held and unseen else pairs


def sentence(subject: str, phrase: str, names: dict[str, str]) -> str:
    """A phrase behind its subject, or alone where it names one, with its holes filled."""
    text = phrase if re.search(r"<(user|host|item)>", phrase) else f"{subject} {phrase}"
    return HOLE.sub(lambda hole: names[hole.group(1)], text)
