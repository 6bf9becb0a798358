"""The frames of a form: what is left of it without the words of one or more places. A pure function of the form."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from stream_processors.detection.forms import ANY, Form, collapsed, has_letter, key_of
from stream_processors.detection.words import NAME, NOUN, SAID, kind_of

PLACES = 16
"""Words of a form that may turn out to vary, at most."""
PAIRED = 8
"""Names of a form that are left out two at a time, and three in a row, at most."""
RUN = 3
"""Names in a row that can be one value, such as a person's, at most."""


class Frame(NamedTuple):
    """A form with places left out."""

    key: int
    """Hash of what is left, which is a form too."""
    fillers: tuple[str, ...]
    """What the form has in each of these places."""
    words: int
    """Words that are left."""
    kind: int
    """``NAME`` when all fillers are names, else ``NOUN``."""


def frames_of(form: Form) -> Iterator[Frame]:
    """The frames of a form: each word left out, two names, three in a row, all names, all runs of them."""
    kinds = [_kind(form, place) for place in range(len(form))]
    words = sum(map(has_letter, form))
    places = [place for place, kind in enumerate(kinds) if kind != SAID][:PLACES]
    names = [place for place in places if kinds[place] == NAME]
    left_out: list[tuple[int, ...]] = [(place,) for place in places]
    if len(names) <= PAIRED:
        left_out += combinations(names, 2)
        left_out += [row for row in combinations(names, 3) if row[2] - row[0] == 2]
    if len(names) > 2:
        left_out.append(tuple(names))
    seen: set[int] = set()
    for chosen in left_out:
        if left := words - len(chosen):
            rest = list(form)
            for place in chosen:
                rest[place] = ANY
            key = key_of(collapsed(rest))
            if key not in seen:
                seen.add(key)
                kind = NAME if all(kinds[place] == NAME for place in chosen) else NOUN
                yield Frame(key, tuple(form[place] for place in chosen), left, kind)
    runs = _runs(form, kinds)
    if runs and (left := sum(has_letter(token) for token in runs[0])):
        key = key_of(collapsed(runs[0]))
        if key not in seen:
            yield Frame(key, runs[1], left, NAME)


def _kind(form: Form, place: int) -> int:
    """The kind of a token as a filler: marks, ``*``, names of columns and what masks have left of values never vary."""
    if not has_letter(form[place]) or "=" in form[max(place - 1, 0) : place + 2]:
        return SAID
    return kind_of(form[place])


def _runs(form: Form, kinds: list[int]) -> tuple[list[str], tuple[str, ...]] | None:
    """The form with ``*`` for each run of names, and the runs; None where a run is too long or there is none."""
    rest: list[str] = []
    runs: list[list[str]] = []
    inside = False
    for token, kind in zip(form, kinds, strict=True):
        if kind != NAME:
            rest.append(token)
        elif inside:
            runs[-1].append(token)
        else:
            rest.append(ANY)
            runs.append([token])
        inside = kind == NAME
    if not runs or max(map(len, runs)) > RUN:
        return None
    return rest, tuple(" ".join(run) for run in runs)
