from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection.rarity import PatternCounts


def rarity(counts: PatternCounts, *patterns: int) -> np.ndarray:
    ids, of = np.unique(np.array(patterns, dtype=np.uint64), return_inverse=True)
    return counts.rarity(ids, of.reshape(-1))


def test_a_rare_pattern_is_rare_and_a_common_one_is_not():
    counts = PatternCounts(10)
    rarity(counts, *[1] * 99, 2)
    common, rare, new = rarity(counts, 1, 2, 3)
    assert common == pytest.approx(np.log(102 / 100))
    assert rare == pytest.approx(np.log(103 / 2))
    assert new == pytest.approx(np.log(104))


def test_of_merged_patterns_the_lines_count_together():
    counts = PatternCounts(10)
    rarity(counts, *[1] * 50, *[2] * 50)
    counts.merge(2, 1)
    counts.merge(7, 1)
    assert rarity(counts, 1)[0] == pytest.approx(np.log(102 / 101))
    counts.merge(1, 9)
    assert rarity(counts, 9)[0] == pytest.approx(np.log(103 / 102))


def test_patterns_unused_for_longest_are_forgotten():
    counts = PatternCounts(2)
    for pattern in (1, 2, 1, 3):
        rarity(counts, pattern)
    assert sorted(counts.state()["ids"].tolist()) == [1, 3]
    with pytest.raises(ValueError, match="at least 1"):
        PatternCounts(0)


def test_restored_counts_go_on_as_the_saved_ones():
    saved, restored = PatternCounts(10), PatternCounts(10)
    rarity(saved, 5, 5, 6)
    restored.restore(saved.state())
    np.testing.assert_array_equal(rarity(restored, 5, 7, 6), rarity(saved, 5, 7, 6))
