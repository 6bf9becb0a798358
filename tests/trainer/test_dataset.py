from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.dataset import TokenLines, encode_lines, pad_rows, training_rows


def numbered(lengths):
    """Lines whose every token is the line's own number."""
    ids = np.repeat(np.arange(len(lengths)), lengths).astype(np.uint16)
    return TokenLines(ids, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def epoch_of(lines, *, max_length=32, batch_tokens=256, seed=1, epoch=0):
    return list(
        training_rows(lines, max_length=max_length, batch_tokens=batch_tokens, seed=seed, epoch=epoch)
    )


def same(batches, others):
    return len(batches) == len(others) and all(
        len(rows) == len(other_rows) and all(map(np.array_equal, rows, other_rows))
        for rows, other_rows in zip(batches, others, strict=True)
    )


@pytest.fixture(scope="module")
def mixed() -> TokenLines:
    """Lines of 1 to 80 tokens, enough of them for several pools at a small budget."""
    return numbered(np.random.default_rng(5).integers(1, 81, 6_000))


def test_encoded_lines_are_what_the_tokenizer_says_without_special_tokens(tokenizer, lines):
    tokens = encode_lines(tokenizer, lines[:500], chunk=64)
    assert len(tokens) == 500
    assert tokens.ids.dtype == np.uint16
    for index, line in enumerate(lines[:500]):
        expected = tokenizer.encode(line, add_special_tokens=False).ids
        assert tokens.ids[tokens.starts[index] : tokens.starts[index + 1]].tolist() == expected
        assert tokens.lengths()[index] == len(expected)


def test_a_vocabulary_beyond_16_bits_is_refused():
    with pytest.raises(ValueError, match="70000"):
        encode_lines(SimpleNamespace(get_vocab_size=lambda: 70_000), ["x"])


def test_rows_are_framed_and_padded_to_the_longest():
    rows = [np.array(row, dtype=np.uint16) for row in ([7, 8, 9], [6])]
    batch = pad_rows(rows, cls_id=1, sep_id=2, pad_id=0)
    assert batch.ids.tolist() == [[1, 7, 8, 9, 2], [1, 6, 2, 0, 0]]
    assert batch.attention.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=300),
    max_length=st.integers(3, 40),
    slack=st.integers(0, 200),
    seed=st.integers(0, 1_000),
    epoch=st.integers(0, 5),
)
def test_an_epoch_is_every_line_once_within_the_budget(lengths, max_length, slack, seed, epoch):
    lines, budget = numbered(lengths), max_length + slack
    batches = epoch_of(lines, max_length=max_length, batch_tokens=budget, seed=seed, epoch=epoch)
    seen = []
    for rows in batches:
        padded = pad_rows(rows, cls_id=1, sep_id=2, pad_id=0).ids
        assert padded.numel() <= budget
        assert padded.shape[1] <= max_length
        for row in rows:
            assert len(set(row.tolist())) == 1
            assert len(row) == min(lengths[row[0]], max_length - 2)
            seen.append(int(row[0]))
    assert sorted(seen) == list(range(len(lengths)))


def test_several_pools_still_give_every_line_once(mixed):
    batches = epoch_of(mixed, batch_tokens=64)
    assert len(batches) > 3 * 256
    assert sorted(int(row[0]) for rows in batches for row in rows) == list(range(len(mixed)))


def test_equal_arguments_give_equal_batches_and_others_others(mixed):
    first = epoch_of(mixed, seed=3, epoch=2)
    assert same(first, epoch_of(mixed, seed=3, epoch=2))
    assert not same(first, epoch_of(mixed, seed=4, epoch=2))
    assert not same(first, epoch_of(mixed, seed=3, epoch=3))


def test_little_of_a_batch_is_padding(mixed):
    batches = epoch_of(mixed, max_length=82, batch_tokens=1_024)
    padded = sum(len(rows) * (max(map(len, rows)) + 2) for rows in batches)
    assert padded < 1.05 * (len(mixed.ids) + 2 * len(mixed))


def test_the_order_of_batches_is_not_the_order_of_lengths(mixed):
    lengths = [len(rows[0]) for rows in epoch_of(mixed)]
    rising = sum(one <= other for one, other in pairwise(lengths)) / len(lengths)
    assert rising < 0.8


def test_a_long_line_is_cropped_to_a_run_of_its_own_tokens_half_of_the_time_its_beginning():
    length, room = 50, 10
    ids = np.arange(400 * length, dtype=np.uint16)
    lines = TokenLines(ids, np.arange(0, 401 * length, length, dtype=np.int64))
    rows = [row for batch in epoch_of(lines, max_length=room + 2) for row in batch]
    offsets = [int(row[0]) % length for row in rows]
    for row in rows:
        assert len(row) == room
        assert np.array_equal(row, np.arange(row[0], row[0] + room))
        assert row[0] // length == row[-1] // length
    assert 0.4 < offsets.count(0) / len(offsets) < 0.64
    assert set(offsets) == set(range(length - room + 1))


def test_crops_differ_between_epochs():
    lines = TokenLines(np.arange(4_000, dtype=np.uint16), np.arange(0, 4_001, 100, dtype=np.int64))
    first, second = (
        {int(row[0]) for batch in epoch_of(lines, max_length=12, epoch=epoch) for row in batch}
        for epoch in (0, 1)
    )
    assert first != second
