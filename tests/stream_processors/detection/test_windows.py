from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from weakref import WeakKeyDictionary

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.findings import WindowPart
from stream_processors.detection.merging import merge
from stream_processors.detection.selection import max_min
from stream_processors.detection.table import Entry, Rows, TemplateTable
from stream_processors.detection.windows import (
    NEW_WINDOWS,
    OPEN_WINDOWS,
    SPARE,
    TEXT_CHARACTERS,
    WindowSampler,
)
from tests.fakes import batch_with, unit

DIM = 3


def vectors_of(rows: int, *, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(rows, DIM)))


def add(sampler, times, vectors, texts, places) -> list[WindowPart]:
    """The parts that changed with lines of vectors of their own."""
    return whole(sampler, batch_with(vectors, times, texts, places), texts.__getitem__)


KEPT: WeakKeyDictionary[WindowSampler, dict] = WeakKeyDictionary()


def whole(sampler, batch, show) -> list[WindowPart]:
    """The parts that changed, as a store has them that was told of all before."""
    kept = KEPT.setdefault(sampler, {})
    changed = [(part.start, part.opened, part) for part in sampler.add(batch, show)]
    kept.update({(start, opened): part.onto(kept.get((start, opened))) for start, opened, part in changed})
    return [kept[start, opened] for start, opened, _ in changed]


@dataclass
class OfRows:
    """What a sampler needs of a batch."""

    rows: Rows
    templates: np.ndarray
    offsets: np.ndarray

    def __post_init__(self) -> None:
        self.times, self.indexes = np.zeros(len(self)), np.zeros(len(self), dtype=np.int32)

    def __len__(self) -> int:
        return len(self.templates)


def batch_of_rows(vectors: np.ndarray, rows: np.ndarray, first: int):
    """A batch of lines of templates whose ids are the numbers of their vectors."""
    table = TemplateTable(vectors.shape[1], limit=10**6)
    keys = rows.astype(np.uint64)
    made, templates = table.place(keys, lambda n: Entry(int(keys[n]), "", int(keys[n]), ""))
    places = np.unique(templates)
    table.fill(made, places, vectors[made.templates[places].astype(int)], np.zeros(len(places), dtype=bool))
    return OfRows(made, templates, np.arange(first, first + len(rows)))


class Kept:
    """A sampler and what a store keeps of it: the last state of every part."""

    def __init__(self, dim: int = DIM, **options) -> None:
        self.sampler = WindowSampler(dim, **options)
        self.parts: dict[tuple[int, int], WindowPart] = {}
        self.lines = 0

    def add(
        self, *timestamps: float, first: int | None = None, vectors: np.ndarray | None = None
    ) -> list[int]:
        """One batch of a line a timestamp; the starts of the windows that changed."""
        first = self.lines if first is None else first
        offsets = list(range(first, first + len(timestamps)))
        vectors = vectors_of(len(timestamps), seed=first) if vectors is None else vectors
        texts = [f"line {n}" for n in offsets]
        places = [(offset, 0) for offset in offsets]
        return self.take(add(self.sampler, timestamps, vectors, texts, places))

    def take(self, changed: list[WindowPart]) -> list[int]:
        for part in changed:
            before = self.parts.get((part.start, part.opened))
            assert before is None or before.count <= part.count, "a part never loses lines"
            self.parts[part.start, part.opened] = part
        self.lines = sum(part.count for part in self.parts.values())
        return [part.start for part in changed]

    def part(self, start: int) -> WindowPart:
        """The latest part of a window."""
        return self.parts[max(key for key in self.parts if key[0] == start)]

    def count(self, start: int) -> int:
        """Lines of a window over all its parts."""
        return sum(part.count for key, part in self.parts.items() if key[0] == start)


def smallest_distance(rows: np.ndarray) -> float:
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(rows, 2))


def test_a_window_holds_the_lines_from_its_start_to_just_before_the_next():
    sampler = Kept(seconds=60)
    assert sampler.add(0, 59.999, 60, 119.5, 180) == [0, 60, 180]
    assert [sampler.part(start).count for start in (0, 60, 180)] == [2, 2, 1]
    assert set(sampler.part(60).places) == {(2, 0), (3, 0)}


def test_times_before_the_epoch_fall_into_windows_too():
    sampler = Kept(seconds=60)
    assert sampler.add(-1, -60, -61) == [-120, -60]
    assert sampler.part(-60).count == 2


def test_counts_and_centre_are_exact_over_batches():
    sampler = Kept(seconds=1_000, k=4, partition=3)
    vectors = vectors_of(200)
    for first in range(0, 200, 50):
        sampler.add(*range(50), first=first, vectors=vectors[first : first + 50])
    part = sampler.part(0)
    assert (part.start, part.partition, part.count) == (0, 3, 200)
    np.testing.assert_allclose(np.frombuffer(part.total, "<f4"), vectors.sum(axis=0), atol=1e-4)


def test_a_window_keeps_as_many_candidates_however_many_lines_pass():
    sampler = Kept(seconds=1_000, k=4)
    for first in range(0, 400, 100):
        sampler.add(*range(100), first=first)
        part = sampler.part(0)
        assert len(part.places) == len(part.texts) == len(part.weights) == len(part.templates) == 4 * SPARE
        assert len(part.vectors) == 4 * SPARE * DIM * 2
        assert sum(part.weights) == part.count == first + 100


def test_one_batch_is_cut_to_the_max_min_choice():
    vectors = vectors_of(30)
    sampler = Kept(seconds=1_000, k=5)
    sampler.add(*range(30), vectors=vectors)
    assert [offset for offset, _ in sampler.part(0).places] == max_min(vectors, 5 * SPARE)


def test_texts_stay_with_their_offsets_and_are_cut():
    texts, places = ["short", "x" * 10_000], [(7, 0), (7, 4)]
    sampler = WindowSampler(DIM, seconds=60, k=5)
    (part,) = add(sampler, [0.0, 0.0], np.eye(2, DIM, dtype=np.float32), texts, places)
    assert dict(zip(part.places, part.texts, strict=True)) == {(7, 0): "short", (7, 4): "x" * TEXT_CHARACTERS}


def test_late_lines_of_an_open_window_are_counted_in_it():
    sampler = Kept(seconds=60)
    sampler.add(0, 60, 120, 180)
    assert sampler.add(30, first=4) == [0]
    assert sampler.part(0).count == 2


def test_a_window_that_comes_again_after_it_was_closed_is_a_further_part():
    sampler = Kept(seconds=60)
    sampler.add(0, 0)
    sampler.add(*(60 * n for n in range(1, OPEN_WINDOWS + 1)))
    assert sampler.add(30) == [0]
    assert [(part.opened, part.count) for key, part in sorted(sampler.parts.items()) if key[0] == 0] == [
        (0, 2),
        (2 + OPEN_WINDOWS, 1),
    ]
    assert sampler.count(0) == 3


def test_a_window_goes_by_when_it_was_touched_and_not_by_its_time():
    sampler = Kept(seconds=60)
    for _ in range(20):
        sampler.add(*[30] * 5, *(10_000 * n for n in range(1, OPEN_WINDOWS + 3)))
    assert len([key for key in sampler.parts if key[0] == 0]) == 1, "later times did not close it"
    assert sampler.part(0).count == 100


def test_of_windows_touched_together_those_of_most_lines_stay_open():
    sampler = Kept(seconds=60)
    sampler.add(0, *[60] * 9, 120, 180, 240, *[300] * 9)
    sampler.add(60, 300)
    assert (sampler.part(60).count, sampler.part(300).count) == (10, 10)


@pytest.mark.parametrize(("batch", "lines"), [(1, 2_000), (50, 10_000), (500, 10_000)])
def test_a_hundredth_of_lines_from_the_future_and_the_past_costs_the_others_nothing(batch, lines):
    rng = np.random.default_rng(4)
    times = np.arange(lines) / 20  # twenty lines a second: 1,200 a window
    stray = rng.random(lines) < 0.01
    times[stray] += rng.choice([-86_400, 3_600, 1e9], stray.sum()) + rng.integers(0, 600, stray.sum())
    sampler = Kept(seconds=60, k=3)
    for start in range(0, lines, batch):
        sampler.add(*times[start : start + batch])
    assert sampler.lines == lines
    for start in range(0, lines // 20 - 20, 60):
        assert sampler.count(start) == (times // 60 * 60 == start).sum()
    assert len(sampler.parts) <= 9 + stray.sum() + OPEN_WINDOWS, "about a part a window, and one a stray line"


def test_a_batch_without_order_opens_a_bounded_number_of_windows_and_loses_no_line():
    times = np.random.default_rng(5).integers(0, 10**9, 2_000)
    times[:50] = 777
    sampler = Kept(seconds=60, k=3)
    sampler.add(-600)
    assert len(sampler.add(*times)) <= NEW_WINDOWS + 1
    assert sampler.lines == 2_001
    assert sampler.count(720) >= 50, "the windows of most lines are opened"


def test_lines_beyond_the_bound_count_in_the_nearest_window():
    sampler = Kept(seconds=60)
    pairs = [600 * n for n in range(NEW_WINDOWS)]
    sampler.add(*pairs, *pairs, 10_000_000, 660, 1_140)
    assert sampler.count(600 * (NEW_WINDOWS - 1)) == 3
    assert [sampler.count(start) for start in (600, 660, 1_140, 1_200)] == [3, 0, 0, 3]


@pytest.mark.parametrize("time", [np.nan, np.inf, -np.inf, 1e300, -1e300])
def test_a_time_that_is_none_is_a_line_of_some_window(time):
    sampler = Kept(seconds=60)
    sampler.add(time, 30)
    sampler.add(time, 30)
    assert (sampler.lines, sampler.part(0).count >= 2) == (4, True)


def test_a_part_says_of_which_partition_and_model_it_is():
    sampler = Kept(seconds=60, partition=3, model="m1")
    sampler.add(0, first=5)
    assert (sampler.part(0).partition, sampler.part(0).model, sampler.part(0).opened) == (3, "m1", 5)


def test_the_number_of_open_windows_is_bounded_between_batches():
    sampler = Kept(seconds=1)
    for first in range(0, 500, 50):
        sampler.add(*range(first, first + 50))
    assert len(sampler.sampler._open) == OPEN_WINDOWS


def test_a_restored_sampler_goes_on_as_one_never_interrupted():
    sampler, restored = Kept(seconds=60, k=5), Kept(seconds=60, k=5)
    sampler.add(*range(0, 180, 2))
    for start in (120, 0, 60):
        restored.sampler.restore([sampler.part(start)])
    for one in (sampler, restored):
        one.add(*range(100, 240, 3), first=90)
    for start in (60, 120, 180):
        left, right = sampler.part(start), restored.part(start)
        assert left.count == right.count
        assert left.places == right.places
        assert left.texts == right.texts
        np.testing.assert_allclose(
            np.frombuffer(left.total, "<f4"), np.frombuffer(right.total, "<f4"), atol=1e-5
        )


def test_a_restored_sampler_goes_on_with_the_windows_touched_last_and_their_latest_parts():
    sampler, restored = Kept(seconds=60), Kept(seconds=60)
    for start in (600, 60, 120, 180, 240, 600):
        sampler.add(start)
    restored.sampler.restore(sampler.parts.values())
    restored.parts = dict(sampler.parts)
    assert restored.add(600, 120, first=6) == [120, 600]
    assert (restored.part(600).opened, restored.part(600).count) == (5, 2)
    assert (restored.part(120).opened, restored.part(120).count) == (2, 2)
    restored.add(60, first=8)
    assert restored.part(60).opened == 8


def test_parts_of_others_are_set_aside():
    ours = Kept(seconds=60, model="m1")
    ours.add(0, 0, 0)
    part = ours.part(0)
    wide = Kept(DIM + 1, seconds=60, model="m1")
    wide.add(0, vectors=np.eye(1, DIM + 1, dtype=np.float32))
    restored = Kept(seconds=60, model="m1")
    restored.sampler.restore(
        [
            wide.part(0),
            replace(part, model="m2"),
            replace(part, model=""),
            replace(part, partition=1),
            replace(part, vectors=part.vectors[:-1]),
            replace(part, total=b""),
            replace(part, places=(), texts=(), vectors=b""),
        ]
    )
    restored.add(0, first=100)
    assert (restored.part(0).opened, restored.part(0).count) == (100, 1)


@settings(max_examples=50, derandomize=True)
@given(st.integers(0, 2**32), st.integers(2, 4), st.integers(1, 11))
def test_merged_partitions_keep_a_constant_factor_of_the_best_choice_of_all_lines(seed, k, split):
    vectors = vectors_of(12, seed=seed)
    parts = []
    for partition, rows in enumerate(np.split(np.arange(12), [split])):
        sampler = WindowSampler(DIM, seconds=1_000, k=k, partition=partition)
        texts, places = [str(row) for row in rows], [(row, 0) for row in rows.tolist()]
        parts += add(sampler, [0.0] * len(rows), vectors[rows], texts, places)
    sample = merge(parts, k)
    chosen = vectors[[offset for _, offset, _, _ in sample.lines]]
    optimum = max(smallest_distance(vectors[list(choice)]) for choice in combinations(range(12), k))
    assert len(sample.lines) == k
    assert smallest_distance(chosen) >= optimum / 3  # seldom below a half, but a half is no theorem


def test_a_merge_counts_all_partitions_and_says_where_each_line_is():
    parts = []
    for partition in range(3):
        sampler = Kept(seconds=60, k=2, partition=partition)
        sampler.add(*[0] * 10, first=100 * partition)
        parts.append(sampler.part(0))
    sample = merge(parts, 4)
    assert (sample.start, sample.count, len(sample.lines)) == (0, 30, 4)
    for partition, offset, _, text in sample.lines:
        assert offset // 100 == partition
        assert text == f"line {offset}"


def test_a_merge_starts_at_the_line_nearest_the_centre_of_all_lines():
    crowd, stranger = WindowSampler(2, k=3), WindowSampler(2, k=3, partition=1)
    east = np.tile(np.array([[1, 0]], dtype=np.float32), (50, 1))
    parts = add(crowd, [0.0] * 50, east, ["crowd"] * 50, [(n, 0) for n in range(50)])
    parts += add(stranger, [0.0], np.array([[0, 1]], dtype=np.float32), ["stranger"], [(0, 0)])
    sample = merge(parts[::-1], 2)
    assert [text for *_, text in sample.lines] == ["crowd", "stranger"]


def test_equal_lines_of_two_partitions_are_sampled_once():
    parts = []
    for partition in range(2):
        sampler = WindowSampler(DIM, k=3, partition=partition)
        parts += add(sampler, [0.0], np.eye(1, DIM, dtype=np.float32), ["the same"], [(partition, 0)])
    assert len(merge(parts, 3).lines) == 1


def test_a_merge_of_the_parts_of_one_partition_is_the_whole_window():
    sampler = Kept(seconds=60, k=2)
    for start in (0, 60, 120, 180, 240, 0):
        sampler.add(*[start] * 7)
    sample = merge([part for key, part in sampler.parts.items() if key[0] == 0], 4)
    assert (sample.start, sample.count, len(sample.lines)) == (0, 14, 4)


def test_a_sampled_line_stands_for_the_lines_nearest_to_it_whatever_batch_they_came_in():
    axes = np.eye(3, dtype=np.float32)
    near = unit(axes + np.array([0.1, 0.0, 0.02], dtype=np.float32))
    parts = []
    for partition, rounds in enumerate((3, 1)):
        sampler = WindowSampler(3, k=3, partition=partition)
        for at in range(rounds):
            vectors, texts = np.concatenate([axes, near, near[:1]]), list("abcdefg")
            parts = [part for part in parts if part.partition != partition]
            places = [(7 * at + n, 0) for n in range(7)]
            parts += add(sampler, [0.0] * 7, vectors, texts, places)
    sample = merge(parts, 3)
    found = {text: stands for (*_, text), stands in zip(sample.lines, sample.stands_for, strict=True)}
    assert {"adg".find(text[0]) >= 0: count for text, count in found.items()} == {True: 12, False: 8}
    assert sum(sample.stands_for) == sample.count == 28


def test_lines_that_come_after_their_window_was_closed_are_told_as_late():
    sampler = Kept(seconds=60)
    for start in (0, 60, 120, 180, 240):
        sampler.add(*[start] * 7)
    sampler.add(0, 0)
    assert merge([part for key, part in sampler.parts.items() if key[0] == 0], 4).late == 2
    assert merge([part for key, part in sampler.parts.items() if key[0] == 60], 4).late == 0
    assert merge([replace(sampler.part(0), partition=at) for at in range(3)], 4).late == 0, (
        "each is its first"
    )


def test_parts_of_earlier_versions_are_merged_and_say_nothing_of_what_they_stand_for():
    sampler = Kept(seconds=60)
    sampler.add(0, 0, 0)
    old = replace(sampler.part(0), weights=(), templates=())
    sample = merge([old], 3)
    assert (len(sample.lines), sample.stands_for, sample.templates) == (3, (0, 0, 0), ("", "", ""))
    sampler.sampler.restore([old])
    assert sampler.sampler._open[0].count == 3, "nor does one go on with them in place of what it has"


@pytest.mark.parametrize("k", [10, 30])
def test_sixteen_partitions_come_within_a_twentieth_of_one_window_of_all_lines(k):
    """Lines of 300 kinds, most of them seldom, of unequal distances, in batches."""
    rng = np.random.default_rng(k)
    kinds = unit(rng.normal(size=(300, 16)) + 2 * np.repeat(rng.normal(size=(20, 16)), 15, axis=0))
    of = np.minimum(rng.zipf(1.4, 20_000) - 1, 299)
    partitions = rng.integers(0, 16, len(of))
    seen = np.unique(of)
    best = smallest_distance(kinds[seen[max_min(kinds[seen], k, kinds[of].mean(axis=0))]])
    latest = {}
    for partition in range(16):
        sampler = WindowSampler(16, seconds=10**6, k=k, partition=partition)
        mine = of[partitions == partition]
        for begin in range(0, len(mine), 250):
            batch = batch_of_rows(kinds, mine[begin : begin + 250], begin)
            (latest[partition],) = whole(sampler, batch, str)
    sample = merge(list(latest.values()), k)
    chosen = kinds[[int(template, 16) for template in sample.templates]]
    assert (len(chosen), sample.count, sum(sample.stands_for)) == (k, 20_000, 20_000)
    assert smallest_distance(chosen) >= 0.95 * best


def test_a_merge_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one part"):
        merge([], 3)


@pytest.mark.parametrize("options", [{"seconds": 0}, {"k": 0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match="at least 1, got"):
        WindowSampler(DIM, **options)


def test_a_long_message_that_comes_back_to_a_window_loses_no_line_of_it():
    """Its lines come in several parts of one step, and what it opened twice could not be told apart."""
    sampler, kept = WindowSampler(DIM, seconds=60), {}
    for part in range(3):
        times = np.arange(0.0, 600.0, 60.0)
        places = [(7, 10 * part + n) for n in range(10)]
        for found in add(sampler, times, vectors_of(10), ["line"] * 10, places):
            kept[found.start, found.opened] = found
    assert sum(found.count for found in kept.values()) == 30
    add(sampler, [0.0], vectors_of(1), ["line"], [(8, 0)])
    assert len(sampler._open) == OPEN_WINDOWS


def test_a_line_that_the_store_has_is_told_without_text_and_vector():
    sampler, found = WindowSampler(DIM, k=1), []
    for first in (0, 2):
        texts, places = ["a", "b"], [(first, 0), (first + 1, 0)]
        batch = batch_with(np.eye(4, DIM, k=-first, dtype=np.float32)[:2], [0.0, 0.0], texts, places)
        found += sampler.add(batch, texts.__getitem__)
    one, other = found
    assert (one.new, one.gone, one.texts) == ((0, 1), (), ("a", "b"))
    assert set(other.gone) == set(one.places) - set(other.places)
    assert [other.places[at] for at in other.new] == [place for place in other.places if place[0] >= 2]
    assert len(other.texts) == len(other.new) == len(other.vectors) // (2 * DIM)


def test_a_text_is_a_candidate_of_a_window_once():
    asked = []
    sampler = WindowSampler(DIM, seconds=60, k=2)
    for first in (0, 2):
        batch = batch_with(vectors_of(2), [0.0, 0.0], ["a", "b"], [(first, 0), (first + 1, 0)])
        (part,) = whole(sampler, batch, lambda place: asked.append(place) or "shown")
    assert (part.count, len(asked)) == (4, 2)
    assert part.places == ((0, 0), (1, 0)) or part.places == ((1, 0), (0, 0))
