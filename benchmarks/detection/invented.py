"""Streams of the scenario generator: one planted story, in any envelope, and in streams that drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from benchmarks.detection.streams import ORDINARY, UNUSUAL, Made, Stream
from stream_processors.demo.scenario import LabelledLine, scenario
from stream_processors.demo.scenario.envelopes import ENVELOPES, wrap

SEEDS = (1, 2, 3, 4, 5)
LINES = 4_000
BASE_RATES = {"story_2_percent": 2_000, "story_1_percent": LINES, "story_half_percent": 8_000}
"""The story has 39 lines."""
ENVELOPED = "story_in_envelopes"
"""Slow methods are not run on it."""
DRIFTS = ("drift_rollout", "drift_new_service", "drift_day_and_night")
DAYS = 2
DRIFT_FROM = 0.5
NEW_SERVICE = "java"
ROLLOUT = {
    " accepted: ": " was accepted by checkout v2: ",
    "com.example.shop.": "com.example.shop2.",
    "GET /product/": "GET /v2/catalogue/",
    "queries: info:": "query-log: info:",
    '"apiVersion":"audit.k8s.io/v1"': '"apiVersion":"audit.k8s.io/v2","origin":"gateway"',
}
"""What the same programs write after a rollout."""


def labels_of(steps: Iterable[str | None]) -> np.ndarray:
    return np.array([ORDINARY if step is None else UNUSUAL for step in steps], dtype=np.int8)


def stream_of(name: str, family: str, lines: Sequence[LabelledLine], variant: str) -> Stream:
    """One message a line."""
    steps = [line.attack for line in lines]
    return Stream(
        name,
        family,
        [line.line.encode() for line in lines],
        labels_of(steps),
        [step or "" for step in steps],
        variant=variant,
    )


def enveloped(envelope: str, seed: int) -> Stream:
    """The story in the messages of a shipper; one that holds an unusual line is unusual."""
    messages = list(wrap(scenario(lines=LINES, seed=seed), envelope, seed))
    steps = [next((line.attack for line in m.lines if line.attack is not None), None) for m in messages]
    return Stream(
        ENVELOPED,
        "story",
        [message.value for message in messages],
        labels_of(steps),
        [step or "" for step in steps],
        variant=envelope,
    )


def rolled_out(line: LabelledLine) -> LabelledLine:
    """An ordinary line as the new version of its program writes it."""
    if line.attack is not None:
        return line
    text = line.line
    for old, new in ROLLOUT.items():
        text = text.replace(old, new)
    return LabelledLine(text, line.system, line.template, line.time, None)


def drifting(seed: int) -> Iterator[Stream]:
    """A rollout and a new service, both before the story, and two days with their nights."""
    lines = list(scenario(lines=LINES, seed=seed))
    middle = int(DRIFT_FROM * len(lines))
    rollout = [*lines[:middle], *map(rolled_out, lines[middle:])]
    yield stream_of(DRIFTS[0], "drift", rollout, str(seed))
    late = [line for at, line in enumerate(lines) if at >= middle or line.system != NEW_SERVICE]
    yield stream_of(DRIFTS[1], "drift", late, str(seed))
    slow = list(scenario(lines=LINES, seed=seed, rate=LINES / (DAYS * 86_400)))
    yield stream_of(DRIFTS[2], "drift", slow, str(seed))


def planted(name: str, seed: int) -> Iterator[Stream]:
    """The story in so many lines as the set of that name has."""
    yield stream_of(name, "story", list(scenario(lines=BASE_RATES[name], seed=seed)), str(seed))


def invented_streams(seeds: Sequence[int], envelopes: Sequence[str] = ENVELOPES) -> Iterator[Made]:
    """All of them; envelopes with the first seed alone."""
    for seed in seeds:
        for name in BASE_RATES:
            yield Made((name,), partial(planted, name, seed))
        yield Made(DRIFTS, partial(drifting, seed))
    for envelope in envelopes:
        yield Made((ENVELOPED,), partial(lambda envelope: [enveloped(envelope, seeds[0])], envelope))
