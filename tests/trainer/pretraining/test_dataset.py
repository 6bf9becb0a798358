from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.pretraining.dataset import epoch_rows, frame_rows
from trainer.vocabulary.tokens import TokenLines


def numbered(lengths):
    """Lines whose every token is the line's own number."""
    ids = np.repeat(np.arange(len(lengths)), lengths).astype(np.uint16)
    return TokenLines(ids, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def epoch_of(lines, *, max_length=32, batch_tokens=256, packing=False, seed=1):
    order = np.random.default_rng(seed).permutation(len(lines))
    return list(
        epoch_rows(
            lines,
            order,
            max_length=max_length,
            batch_tokens=batch_tokens,
            packing=packing,
            rng=np.random.default_rng(seed),
        )
    )


def spans_of(batches):
    return [span for rows in batches for row in rows for span in row]


def framed(lines, rows):
    return frame_rows(lines.ids, rows, cls_id=60_001, sep_id=60_002, pad_id=60_000)


@pytest.fixture(scope="module")
def mixed() -> TokenLines:
    """Lines of 1 to 80 tokens, enough of them for several pools at a small budget."""
    return numbered(np.random.default_rng(5).integers(1, 81, 6_000))


def test_rows_are_framed_line_by_line_and_padded_to_the_longest():
    lines = TokenLines(np.array([7, 8, 9, 6, 5, 4], dtype=np.uint16), np.array([0, 3, 4, 6]))
    batch = frame_rows(lines.ids, [[(0, 3), (3, 4)], [(4, 6)]], cls_id=1, sep_id=2, pad_id=0)
    assert batch.ids.tolist() == [[1, 7, 8, 9, 2, 1, 6, 2], [1, 5, 4, 2, 0, 0, 0, 0]]
    assert batch.segments.tolist() == [[1, 1, 1, 1, 1, 2, 2, 2], [1, 1, 1, 1, 0, 0, 0, 0]]


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=300),
    max_length=st.integers(3, 40),
    slack=st.integers(0, 200),
    packing=st.booleans(),
    seed=st.integers(0, 1_000),
)
def test_a_pass_is_every_line_once_within_the_budget(lengths, max_length, slack, packing, seed):
    lines, budget = numbered(lengths), max_length + slack
    batches = epoch_of(lines, max_length=max_length, batch_tokens=budget, packing=packing, seed=seed)
    for rows in batches:
        ids = framed(lines, rows).ids
        assert ids.numel() <= budget
        assert ids.shape[1] <= max_length
    seen = []
    for start, end in spans_of(batches):
        (number,) = set(lines.ids[start:end].tolist())
        assert end - start == min(lengths[number], max_length - 2)
        seen.append(number)
    assert sorted(seen) == list(range(len(lengths)))


@pytest.mark.parametrize("packing", [False, True])
def test_several_pools_still_give_every_line_once(mixed, packing):
    batches = epoch_of(mixed, batch_tokens=64, packing=packing)
    assert len(batches) > 3 * 256
    assert sorted(int(mixed.ids[start]) for start, _ in spans_of(batches)) == list(range(len(mixed)))


@pytest.mark.parametrize("packing", [False, True])
def test_equal_arguments_give_equal_batches_and_others_others(mixed, packing):
    first = epoch_of(mixed, packing=packing, seed=3)
    assert first == epoch_of(mixed, packing=packing, seed=3)
    assert first != epoch_of(mixed, packing=packing, seed=4)


def padding_share(lines, batches):
    used = sum((framed(lines, rows).segments > 0).sum().item() for rows in batches)
    return 1 - used / sum(framed(lines, rows).ids.numel() for rows in batches)


def test_little_of_a_batch_of_one_length_is_padding(mixed):
    assert padding_share(mixed, epoch_of(mixed, max_length=82, batch_tokens=1_024)) < 0.05


def test_packed_rows_are_full(mixed):
    assert padding_share(mixed, epoch_of(mixed, max_length=256, batch_tokens=1_024, packing=True)) < 0.02


def test_packing_uses_fewer_rows_than_lines_and_marks_each_line(mixed):
    batches = epoch_of(mixed, max_length=128, batch_tokens=1_024, packing=True)
    assert sum(map(len, batches)) < len(mixed) / 2
    row = max((row for rows in batches for row in rows), key=len)
    segments = framed(mixed, [row]).segments[0].tolist()
    assert sorted(set(segments) - {0}) == list(range(1, len(row) + 1))
    assert [segments.count(n) for n in range(1, len(row) + 1)] == [end - start + 2 for start, end in row]


def test_the_order_of_batches_is_not_the_order_of_lengths(mixed):
    lengths = [rows[0][0][1] - rows[0][0][0] for rows in epoch_of(mixed)]
    rising = sum(one <= other for one, other in pairwise(lengths)) / len(lengths)
    assert rising < 0.8


def test_a_long_line_is_cropped_to_a_run_of_its_own_tokens_half_of_the_time_its_beginning():
    length, room = 50, 10
    lines = TokenLines(
        np.arange(400 * length, dtype=np.uint16), np.arange(0, 401 * length, length, dtype=np.int64)
    )
    spans = spans_of(epoch_of(lines, max_length=room + 2))
    offsets = [start % length for start, _ in spans]
    for start, end in spans:
        assert end - start == room
        assert start // length == (end - 1) // length
    assert 0.4 < offsets.count(0) / len(offsets) < 0.64
    assert set(offsets) == set(range(length - room + 1))


def test_crops_differ_between_seeds():
    lines = TokenLines(np.arange(4_000, dtype=np.uint16), np.arange(0, 4_001, 100, dtype=np.int64))
    first, second = ({start for start, _ in spans_of(epoch_of(lines, max_length=12, seed=n))} for n in (0, 1))
    assert first != second
