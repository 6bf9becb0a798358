from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection.patterns import PatternTable, pattern_id, template_of
from tests.fakes import unit


def at_angle(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def names(*texts: str) -> list[str]:
    return list(texts)


COS_20 = float(np.cos(np.radians(20)))


def test_a_line_within_the_threshold_joins_and_one_beyond_founds():
    table = PatternTable(2, threshold=COS_20)
    assignment = table.assign(at_angle(0, 19, 21), names("first", "near", "far"))
    assert assignment.rows.tolist() == [0, 0, 1]
    assert table.ids == [pattern_id("first"), pattern_id("far")]


def test_a_later_batch_joins_as_the_same_batch_would():
    degrees = [0, 19, 21, 45, 44, 1, 90, 91, 60]
    texts = [f"line {'abcdefghi'[n]}" for n in range(len(degrees))]
    whole = PatternTable(2, threshold=COS_20).assign(at_angle(*degrees), texts).rows
    table = PatternTable(2, threshold=COS_20)
    single = [
        table.assign(at_angle(angle), [text]).rows[0] for angle, text in zip(degrees, texts, strict=True)
    ]
    assert whole.tolist() == single


def test_a_line_joins_the_nearest_of_several():
    table = PatternTable(2, threshold=COS_20)
    table.assign(at_angle(0, 30), names("a", "b"))
    assert table.assign(at_angle(14, 16), names("x", "y")).rows.tolist() == [0, 1]


def test_a_patterns_vector_is_its_founders_and_never_moves():
    table = PatternTable(2, threshold=COS_20)
    table.assign(at_angle(0, 15, 15, 15), names("a", "b", "c", "d"))
    np.testing.assert_array_equal(table.vectors[0], at_angle(0)[0])
    assert table.assign(at_angle(30), names("e")).rows.tolist() == [1]


def test_counts_sum_to_lines():
    table = PatternTable(8, threshold=0.7)
    vectors = unit(np.random.default_rng(0).normal(size=(300, 8)))
    for part in np.array_split(vectors, 7):
        table.assign(part, [str(n) for n in range(len(part))])
    assert table.counts.sum() == 300
    assert 1 < len(table) < 300


def test_the_first_line_of_a_pattern_is_rarer_than_its_hundredth():
    table = PatternTable(2, threshold=COS_20)
    rarity = table.assign(at_angle(*([0] * 100), 90), names(*"a" * 101)).rarity
    assert rarity[99] < rarity[100]
    assert np.isfinite(rarity).all()


def test_over_the_limit_the_pattern_unused_for_longest_is_forgotten():
    table = PatternTable(2, threshold=COS_20, limit=2)
    table.assign(at_angle(0, 90), names("a", "b"))
    table.assign(at_angle(0), names("a again"))
    table.assign(at_angle(180), names("c"))
    assert len(table) == 2
    assert sorted(table.ids) == sorted([pattern_id("a"), pattern_id("c")])
    assert table.assign(at_angle(0), names("joins a")).ids == [pattern_id("a")]
    assert table.assign(at_angle(90), names("b is new")).ids == [pattern_id("b is new")]


def test_a_pattern_forgotten_within_a_batch_still_names_its_own_lines():
    table = PatternTable(2, threshold=COS_20, limit=1)
    assignment = table.assign(at_angle(0, 90, 90, 0), names("a", "b", "b", "a"))
    assert assignment.ids == [pattern_id(text) for text in "abba"]
    np.testing.assert_array_equal(assignment.vectors[pattern_id("b")], at_angle(90)[0])


def test_a_line_does_not_join_a_pattern_that_its_batch_has_just_forgotten():
    table = PatternTable(2, threshold=COS_20, limit=2)
    table.assign(at_angle(0, 90), names("a", "b"))
    assert table.assign(at_angle(180, 0), names("c", "d")).ids == [pattern_id("c"), pattern_id("d")]


def test_forgetting_within_one_batch_is_forgetting_over_several():
    vectors = unit(np.random.default_rng(1).normal(size=(200, 3)))
    texts = [f"line {chr(ord('a') + n % 26)}{chr(ord('a') + n // 26)}" for n in range(200)]
    at_once, single = PatternTable(3, limit=5), PatternTable(3, limit=5)
    rows = at_once.assign(vectors, texts).rows
    assert rows.tolist() == [single.assign(vectors[[n]], [texts[n]]).rows[0] for n in range(200)]
    assert at_once.ids == single.ids
    assert len(at_once) == 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("session 4711 closed", "session 9 closed"),
        ("from 10.0.0.1 port 22", "from 192.168.100.7 port 50122"),
        ("pointer 0xdeadbeef", "pointer 0x00ff"),
        ("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "id 7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    ],
)
def test_founders_that_differ_only_in_numbers_have_one_id(one, other):
    assert pattern_id(one) == pattern_id(other)


def test_two_models_have_two_ids_for_one_text():
    assert pattern_id("session closed", "a@1#0") != pattern_id("session closed", "b@1#0")
    assert pattern_id("session closed", "a@1#0") == pattern_id("session closed", "a@1#0")
    tables = [PatternTable(2, model=model) for model in ("a@1#0", "a@1#1")]
    one, other = (table.assign(at_angle(0), names("session closed")).ids for table in tables)
    assert one != other


def test_founders_that_differ_in_words_have_two_ids():
    assert pattern_id("session opened") != pattern_id("session closed")
    assert template_of("session opened") == "session opened"


@pytest.mark.parametrize("text", ["", "\ud800", "\x00", "9" * 1_000_000, "a1:" * 100_000])
def test_any_text_has_an_id_of_16_hex_digits(text):
    assert len(bytes.fromhex(pattern_id(text))) == 8


def test_a_restored_table_assigns_as_the_saved_one():
    rng = np.random.default_rng(2)
    saved = PatternTable(8, threshold=0.8, limit=20)
    saved.assign(unit(rng.normal(size=(60, 8))), [str(n) for n in range(60)])
    restored = PatternTable(8, threshold=0.8, limit=20)
    restored.restore(saved.state())
    more = unit(rng.normal(size=(100, 8)))
    texts = [f"more {n}" for n in range(100)]
    assert restored.assign(more, texts).rows.tolist() == saved.assign(more, texts).rows.tolist()
    assert restored.ids == saved.ids
    np.testing.assert_array_equal(restored.counts, saved.counts)


def test_an_empty_table_round_trips():
    restored = PatternTable(8)
    restored.restore(PatternTable(8).state())
    assert len(restored) == 0
    assert restored.assign(np.eye(1, 8, dtype=np.float32), ["a"]).rows.tolist() == [0]


def test_under_a_smaller_limit_the_most_recent_patterns_are_restored():
    saved = PatternTable(3, threshold=0.9)
    saved.assign(np.eye(3, dtype=np.float32), names("a", "b", "c"))
    saved.assign(np.eye(3, dtype=np.float32)[:1], names("a"))
    restored = PatternTable(3, threshold=0.9, limit=2)
    restored.restore(saved.state())
    assert restored.ids == [pattern_id("a"), pattern_id("c")]
    assert restored.counts.tolist() == [2, 1]


def test_vectors_of_another_model_are_refused():
    with pytest.raises(ValueError, match=r"\(rows, 4\), got \(0, 3\)"):
        PatternTable(4).restore(PatternTable(3).state())


@pytest.mark.parametrize("options", [{"threshold": 1.5}, {"threshold": -2}, {"limit": 0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}.*got"):
        PatternTable(2, **options)
