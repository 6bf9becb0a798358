from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_processors.selection import max_min
from stream_processors.windows import OPEN_WINDOWS, TEXT_CHARACTERS, WindowSampler, merge
from tests.fakes import unit

DIM = 3


def vectors_of(rows: int, *, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(rows, DIM)))


def add(
    sampler: WindowSampler, *timestamps: float, first: int = 0, vectors: np.ndarray | None = None
) -> list[int]:
    """Adds one line a timestamp, offsets from ``first``; the starts that changed."""
    offsets = list(range(first, first + len(timestamps)))
    vectors = vectors_of(len(timestamps), seed=first) if vectors is None else vectors
    return sampler.add(
        np.array(timestamps, dtype=np.float64), vectors, [f"line {n}" for n in offsets], offsets
    )


def smallest_distance(rows: np.ndarray) -> float:
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(rows, 2))


def test_a_window_holds_the_lines_from_its_start_to_just_before_the_next():
    sampler = WindowSampler(DIM, seconds=60)
    assert add(sampler, 0, 59.999, 60, 119.5, 180) == [0, 60, 180]
    assert [sampler.part(start, 0).count for start in (0, 60, 180)] == [2, 2, 1]
    assert sampler.part(60, 0).offsets in {(2, 3), (3, 2)}


def test_times_before_the_epoch_fall_into_windows_too():
    sampler = WindowSampler(DIM, seconds=60)
    assert add(sampler, -1, -60, -61) == [-120, -60]
    assert sampler.part(-60, 0).count == 2


def test_counts_and_centre_are_exact_over_batches():
    sampler = WindowSampler(DIM, seconds=1_000, k=4)
    vectors = vectors_of(200)
    for first in range(0, 200, 50):
        add(sampler, *range(50), first=first, vectors=vectors[first : first + 50])
    part = sampler.part(0, 3)
    assert (part.start, part.partition, part.count) == (0, 3, 200)
    np.testing.assert_allclose(np.frombuffer(part.total, "<f4"), vectors.sum(axis=0), atol=1e-4)


def test_a_window_keeps_k_candidates_however_many_lines_pass():
    sampler = WindowSampler(DIM, seconds=1_000, k=4)
    for first in range(0, 400, 100):
        add(sampler, *range(100), first=first)
        part = sampler.part(0, 0)
        assert len(part.offsets) == len(part.texts) == 4
        assert len(part.vectors) == 4 * DIM * 2


def test_one_batch_is_cut_to_the_max_min_choice():
    vectors = vectors_of(30)
    sampler = WindowSampler(DIM, seconds=1_000, k=5)
    add(sampler, *range(30), vectors=vectors)
    assert list(sampler.part(0, 0).offsets) == max_min(vectors, 5)


def test_texts_stay_with_their_offsets_and_are_cut():
    sampler = WindowSampler(DIM, seconds=60, k=5)
    sampler.add(np.zeros(2), np.eye(2, DIM, dtype=np.float32), ["short", "x" * 10_000], [7, 8])
    part = sampler.part(0, 0)
    assert dict(zip(part.offsets, part.texts, strict=True)) == {7: "short", 8: "x" * TEXT_CHARACTERS}


def test_late_lines_of_an_open_window_are_counted_in_it():
    sampler = WindowSampler(DIM, seconds=60)
    add(sampler, 0, 60, 120, 180)
    assert add(sampler, 30, first=4) == [0]
    assert sampler.part(0, 0).count == 2


def test_lines_of_a_closed_window_are_counted_in_none():
    sampler = WindowSampler(DIM, seconds=60)
    add(sampler, 0)
    add(sampler, *(60 * n for n in range(1, OPEN_WINDOWS + 1)), first=1)
    assert add(sampler, 30, first=9) == []
    assert add(sampler, 240, 30, first=9) == [240]


def test_a_closed_window_never_opens_again_with_a_smaller_count():
    sampler = WindowSampler(DIM, seconds=60)
    add(sampler, 0, 60, 120)
    add(sampler, 0, 180, 240, 300, first=3)  # 60 is closed; 0, which is older, just changed and stays
    assert add(sampler, 60, first=7) == []


def test_the_number_of_open_windows_is_bounded_between_batches():
    sampler = WindowSampler(DIM, seconds=1)
    for first in range(0, 500, 50):
        add(sampler, *range(first, first + 50), first=first)
    add(sampler, 500, first=500)
    assert len(sampler._open) <= OPEN_WINDOWS + 1


def test_a_restored_sampler_goes_on_as_one_never_interrupted():
    sampler, restored = WindowSampler(DIM, seconds=60, k=5), WindowSampler(DIM, seconds=60, k=5)
    add(sampler, *range(0, 180, 2))
    restored.restore([sampler.part(start, 0) for start in (120, 0, 60)])
    for one in (sampler, restored):
        add(one, *range(100, 240, 3), first=90)
    for start in (60, 120, 180):
        left, right = sampler.part(start, 0), restored.part(start, 0)
        assert left.count == right.count
        assert left.offsets == right.offsets
        assert left.texts == right.texts
        np.testing.assert_allclose(
            np.frombuffer(left.total, "<f4"), np.frombuffer(right.total, "<f4"), atol=1e-5
        )


def test_a_restored_sampler_knows_which_windows_are_closed():
    sampler = WindowSampler(DIM, seconds=60)
    add(sampler, 60, 120, 180, 240)
    restored = WindowSampler(DIM, seconds=60)
    restored.restore([sampler.part(start, 0) for start in (60, 120, 180, 240)])
    assert add(restored, 0, first=4) == []


@settings(max_examples=50, derandomize=True)
@given(st.integers(0, 2**32), st.integers(2, 4), st.integers(1, 11))
def test_merged_partitions_keep_a_constant_factor_of_the_best_choice_of_all_lines(seed, k, split):
    vectors = vectors_of(12, seed=seed)
    parts = []
    for partition, rows in enumerate(np.split(np.arange(12), [split])):
        sampler = WindowSampler(DIM, seconds=1_000, k=k)
        sampler.add(np.zeros(len(rows)), vectors[rows], [str(row) for row in rows], rows.tolist())
        parts.append(sampler.part(0, partition))
    sample = merge(parts, k)
    chosen = vectors[[offset for _, offset, _ in sample.lines]]
    optimum = max(smallest_distance(vectors[list(choice)]) for choice in combinations(range(12), k))
    assert len(sample.lines) == k
    assert smallest_distance(chosen) >= optimum / 3  # seldom below a half, but a half is no theorem


def test_a_merge_counts_all_partitions_and_says_where_each_line_is():
    parts = []
    for partition in range(3):
        sampler = WindowSampler(DIM, seconds=60, k=2)
        add(sampler, *[0] * 10, first=100 * partition)
        parts.append(sampler.part(0, partition))
    sample = merge(parts, 4)
    assert (sample.start, sample.count, len(sample.lines)) == (0, 30, 4)
    for partition, offset, text in sample.lines:
        assert offset // 100 == partition
        assert text == f"line {offset}"


def test_a_merge_starts_at_the_line_nearest_the_centre_of_all_lines():
    crowd, stranger = WindowSampler(2, seconds=60, k=3), WindowSampler(2, seconds=60, k=3)
    east = np.tile(np.array([[1, 0]], dtype=np.float32), (50, 1))
    crowd.add(np.zeros(50), east, ["crowd"] * 50, list(range(50)))
    stranger.add(np.zeros(1), np.array([[0, 1]], dtype=np.float32), ["stranger"], [0])
    sample = merge([stranger.part(0, 1), crowd.part(0, 0)], 2)
    assert [text for _, _, text in sample.lines] == ["crowd", "stranger"]


def test_equal_lines_of_two_partitions_are_sampled_once():
    parts = []
    for partition in range(2):
        sampler = WindowSampler(DIM, seconds=60, k=3)
        sampler.add(np.zeros(1), np.eye(1, DIM, dtype=np.float32), ["the same"], [partition])
        parts.append(sampler.part(0, partition))
    assert len(merge(parts, 3).lines) == 1


def test_a_merge_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one partition"):
        merge([], 3)


@pytest.mark.parametrize("options", [{"seconds": 0}, {"k": 0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match="at least 1, got"):
        WindowSampler(DIM, **options)
