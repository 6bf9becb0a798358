from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encoder_core.batching import pad_rows, token_budget_batches

lengths_of_lines = st.lists(st.integers(1, 600), max_size=80)


@given(lengths_of_lines, st.integers(1, 2_000))
def test_every_row_is_in_exactly_one_batch(lengths, budget):
    batches = list(token_budget_batches(lengths, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(batches)


@given(lengths_of_lines, st.integers(1, 2_000))
def test_no_batch_exceeds_the_budget_but_one_row_that_does_alone(lengths, budget):
    for batch in token_budget_batches(lengths, budget):
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget


@given(lengths_of_lines, st.integers(1, 2_000))
def test_a_batch_is_closed_only_when_the_next_row_does_not_fit(lengths, budget):
    batches = list(token_budget_batches(lengths, budget))
    for batch, following in pairwise(batches):
        assert (len(batch) + 1) * lengths[following[0]] > budget


@given(lengths_of_lines)
def test_rows_come_in_order_of_length(lengths):
    order = [lengths[index] for batch in token_budget_batches(lengths, 512) for index in batch]
    assert order == sorted(lengths)


@given(st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=20), min_size=1, max_size=20))
def test_padding_is_masked_and_nothing_else(rows):
    ids, mask = pad_rows([np.array(row, dtype=np.int64) for row in rows], pad_id=0)
    assert ids.shape == mask.shape == (len(rows), max(map(len, rows)))
    assert ids.dtype == mask.dtype == np.int64
    for row, padded, kept in zip(rows, ids, mask, strict=True):
        assert padded[: len(row)].tolist() == row
        assert (padded[len(row) :] == 0).all()
        assert kept.tolist() == [1] * len(row) + [0] * (len(padded) - len(row))
