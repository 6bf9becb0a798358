from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder_core.vectors import unit_rows
from stream_processors.detection.selection import max_min


@st.composite
def small_inputs(draw):
    """Rows without structure, few enough for brute force."""
    rows, dim = draw(st.integers(2, 9)), draw(st.integers(1, 3))
    return np.random.default_rng(draw(st.integers(0, 2**32))).normal(size=(rows, dim)).astype(np.float32)


def smallest_distance(rows: np.ndarray) -> float:
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(rows, 2))


def greedy_by_definition(rows: np.ndarray, k: int) -> list[int]:
    """Max-Min as the paper states it, one distance at a time."""
    centre = rows.mean(axis=0)
    taken = [min(range(len(rows)), key=lambda i: float(np.linalg.norm(rows[i] - centre)))]
    while len(taken) < min(k, len(rows)):
        left = [i for i in range(len(rows)) if i not in taken]
        taken.append(max(left, key=lambda i: min(float(np.linalg.norm(rows[i] - rows[j])) for j in taken)))
    return taken


# Two rows are equally near to their mean: which comes first is a matter of rounding.
@given(small_inputs().filter(lambda rows: len(rows) > 2), st.integers(1, 9))
def test_rows_are_taken_as_the_definition_says(rows, k):
    assert max_min(rows, k) == greedy_by_definition(rows, k)


@given(small_inputs(), st.integers(2, 9))
def test_with_any_start_the_rows_are_at_least_half_as_diverse_as_the_best_choice(rows, k):
    k = min(k, len(rows))
    optimum = max(smallest_distance(rows[list(choice)]) for choice in combinations(range(len(rows)), k))
    assert smallest_distance(rows[max_min(rows, k)]) >= optimum / 2 - 1e-5


def test_the_first_row_is_the_one_nearest_the_centre():
    rows = np.array([[0, 0], [10, 0], [0, 10], [4, 3]], dtype=np.float32)
    assert max_min(rows, 1) == [3]
    assert max_min(rows, 1, centre=np.array([9, 1], dtype=np.float32)) == [1]


def test_equal_rows_are_taken_once():
    rows = np.array([[0, 0], [1, 0], [1, 0], [0, 0], [0, 1]], dtype=np.float32)
    chosen = max_min(rows, 5)
    assert len(chosen) == 3
    assert len({tuple(row) for row in rows[chosen]}) == 3


def test_one_distinct_row_is_one_answer():
    assert len(max_min(np.ones((50, 4), dtype=np.float32), 10)) == 1


def test_more_than_there_is_gives_all_there_is():
    rows = np.eye(3, dtype=np.float32)
    assert sorted(max_min(rows, 100)) == [0, 1, 2]


@pytest.mark.parametrize(("rows", "k"), [(0, 5), (5, 0), (5, -1)])
def test_nothing_of_nothing(rows, k):
    assert max_min(np.ones((rows, 2), dtype=np.float32), k) == []


def test_a_flat_array_is_refused():
    with pytest.raises(ValueError, match=r"2D array, got shape \(3,\)"):
        max_min(np.zeros(3, dtype=np.float32), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_a_row_whose_length_is_not_finite_becomes_zero_and_no_other_does(value):
    rows = unit_rows(np.array([[value, 4], [3, 4]], dtype=np.float32))
    np.testing.assert_allclose(rows, [[0, 0], [0.6, 0.8]], atol=1e-6)


def test_unit_rows_have_length_1_and_a_zero_row_stays():
    rows = unit_rows(np.array([[3, 4], [0, 0], [1e-3, 0]], dtype=np.float64))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0], [1, 0]], atol=1e-6)
    np.testing.assert_allclose(unit_rows(np.array([0, 2])), [0, 1])
