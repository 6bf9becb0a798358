from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from connectors.findings import Changes, SourceStats, Template, WindowPart
from connectors.memory import MemoryStore
from stream_processors.answers.queries import PartitionLag, partition_lags, patterns, samples
from stream_processors.detection.windows import WindowSampler
from tests.fakes import batch_with, unit

DIM = 8


def template(
    name: str, vector: np.ndarray, *, model: str = "m1", pattern: str = "", text: str = ""
) -> Template:
    made = vector.astype("<f2").tobytes(), model
    return Template(name, text or f"text of {name}", pattern or name, 1, 0.0, 0.0, name, *made)


def parts(partition: int, starts: list[int], *, lines: int = 20, model: str = "m1") -> list[WindowPart]:
    sampler = WindowSampler(DIM, seconds=60, k=5, partition=partition, model=model)
    vectors = unit(np.random.default_rng(partition).normal(size=(lines, DIM)))
    found = []
    for start in starts:
        texts = [f"line {n}" for n in range(lines)]
        places = [(n, 0) for n in range(lines)]
        batch = batch_with(vectors, np.full(lines, start), texts, places)
        found += sampler.add(batch, texts.__getitem__)
    return found


@pytest.fixture
def store():
    store = MemoryStore()
    store.apply(Changes("logs", 0, None, 1, windows=parts(0, [0, 60, 120])))
    store.apply(Changes("logs", 1, None, 1, windows=parts(1, [60, 120])))
    return store


def test_the_latest_windows_come_first_merged_over_partitions(store):
    found = samples(store, "logs", windows=2, k=6)
    assert [(sample.start, sample.count, len(sample.lines)) for sample in found] == [
        (120, 40, 6),
        (60, 40, 6),
    ]
    assert {partition for partition, *_ in found[0].lines} == {0, 1}


def test_more_windows_than_there_are_gives_all(store):
    assert [sample.start for sample in samples(store, "logs", windows=99)] == [120, 60, 0]
    assert samples(MemoryStore(), "logs") == []


class WindowStore(MemoryStore):
    """Windows by start, as they are given."""

    def __init__(self, parts: dict[int, list[WindowPart]], *, newest: str = "") -> None:
        super().__init__()
        self.parts, self.newest = parts, newest

    def windows(self, source: str) -> list[int]:
        return sorted(self.parts, reverse=True)

    def window(self, source: str, start: int) -> list[WindowPart]:
        return self.parts[start]

    def stats(self, source: str) -> SourceStats:
        return SourceStats(source, model=self.newest)


def test_windows_without_lines_are_passed_over():
    empty = [replace(part, count=0) for part in parts(0, [180])]
    store = WindowStore({0: parts(0, [0]), 60: parts(0, [60]), 120: [], 180: empty, 240: []})
    assert [sample.start for sample in samples(store, "logs", windows=2)] == [60, 0]


def test_a_window_of_two_models_is_sampled_of_the_newest(store):
    old, new = parts(0, [0], lines=20, model="old"), parts(0, [0], lines=7, model="new")
    wide = [replace(part, total=part.total * 2, vectors=part.vectors * 2) for part in old]
    later = [replace(part, opened=500) for part in new]
    for newest, found in (
        ("new", [*new, *(replace(part, opened=900) for part in wide)]),
        ("", [*wide, *later]),
        ("gone", [*later, *wide]),
    ):
        (sample,) = samples(WindowStore({0: found}, newest=newest), "logs")
        assert sample.count == 7
    (sample,) = samples(WindowStore({0: wide}, newest="new"), "logs")
    assert sample.count == 20, "a window of an older model alone is an answer too"


def test_parts_of_one_partition_that_were_opened_one_after_the_other_are_one_window():
    first, again = parts(0, [0]), [replace(part, opened=900) for part in parts(0, [0], lines=3)]
    (sample,) = samples(WindowStore({0: [*first, *again]}), "logs")
    assert sample.count == 23


def test_a_pattern_reads_as_what_its_templates_have_in_common():
    axis, store = np.eye(DIM)[0], MemoryStore()
    texts = {"a": "session opened for user ada", "b": "session opened for user bob", "c": "disk <num> full"}
    known = [
        template(name, axis, text=text, pattern="a" if name == "b" else "") for name, text in texts.items()
    ]
    unknown = Template("d", "", "", 9, 0.0, 0.0)
    store.apply(Changes("logs", 0, None, 1, templates=[*known, unknown]))
    found, total = patterns(store, "logs")
    assert [(pattern.id, pattern.template) for pattern in found] == [
        ("d", ""),
        ("a", "session opened for user <*>"),
        ("c", "disk <num> full"),
    ]
    assert (patterns(store, "logs", limit=2), total) == ((found[:2], 3), 3)
    assert patterns(store, "nothing") == ([], 0)


def test_lag_is_told_for_every_partition_of_the_topic_applied_or_not():
    ends = {1: 10, 0: 100, 2: 0}
    rows = partition_lags("logs", {0: 90}, {0: 80}, {0: 0, 1: 0, 2: 0}, ends, {1: "can't be read"})
    assert rows == [
        PartitionLag("logs", 0, 90, 80, 0, 100),
        PartitionLag("logs", 1, None, None, 0, 10, "can't be read"),
        PartitionLag("logs", 2, None, None, 0, 0),
    ]
    assert [row.lag for row in rows] == [10, 10, 0]


@pytest.mark.parametrize(
    ("applied", "committed", "beginning", "lag"),
    [
        (None, None, 70, 30),  # never applied: what retention removed is not waiting
        (40, 40, 70, 30),
        (100, 90, 100, 0),
        (None, 60, 0, 40),  # started with the latest lines
        (0, 60, 0, 100),
        (120, 120, 0, -20),  # of a topic that was made anew
    ],
)
def test_lag_counts_the_lines_that_are_still_to_come(applied, committed, beginning, lag):
    assert PartitionLag("logs", 0, applied, committed, beginning, 100).lag == lag
