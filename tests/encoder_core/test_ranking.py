"""Search by words, and rankings joined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder_core.ranking import BM25, fuse, mean_ranks, stem, words_of


@pytest.mark.parametrize(
    "forms",
    [
        ("failed", "failure", "fails", "failing", "fail"),
        ("denied", "denies", "deny"),
        ("stopped", "stops", "stopping", "stop"),
        ("created", "creation", "creates", "creating", "create"),
        ("services", "service"),
        ("processes", "process"),
        ("status",),
    ],
)
def test_forms_of_a_word_are_one(forms):
    assert len({stem(form) for form in forms}) == 1


def test_words_are_taken_out_of_names_and_codes_stay():
    assert words_of("eventName=GetObject <ip> code 4625, request 1234567") == [
        *("event", "nam", "get", "object", "cod", "4625", "request")
    ]
    assert words_of("Where is the error of it?") == ["error"]


def test_the_text_with_the_rarer_words_of_a_query_comes_first():
    texts = ["Failed password for <*> from <ip>", "session opened for <*>", "session failed", ""]
    scores = BM25(texts).scores("password failures")
    assert scores.argmax() == 0
    assert scores[2] > scores[1] == scores[3] == 0
    assert BM25([]).scores("anything").shape == (0,)


def test_a_word_said_in_every_text_counts_less_than_a_rare_one():
    texts = ["log disk", "log fan", "log fan", "log"]
    scores = BM25(texts).scores("log disk fan")
    assert scores[0] > scores[1] > scores[3]


def test_what_two_rankings_place_well_is_before_what_one_places_first():
    words, vectors = np.array([9.0, 5, 0, 0, 0]), np.array([0.1, 0.8, 0.9, 0.2, 0.3])
    assert fuse([words, vectors], places=10).argmax() == 1
    assert fuse([words, vectors], [1, 0]).argmax() == 0
    with pytest.raises(ValueError, match="1 for 2"):
        fuse([words, vectors], [1])


def test_fusion_knows_ranks_alone():
    words, vectors = np.array([3.0, 2, 1]), np.array([0.2, 0.4, 0.3])
    assert np.array_equal(fuse([words, vectors]), fuse([words * 100, np.exp(vectors)]))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_equal_scores_share_the_mean_of_their_ranks(scores):
    ranks = mean_ranks(np.array(scores, dtype=np.float32))
    assert ranks.sum() == len(scores) * (len(scores) + 1) / 2
    for score, rank in zip(scores, ranks, strict=True):
        above, same = sum(other > score for other in scores), scores.count(score)
        assert rank == above + (same + 1) / 2
