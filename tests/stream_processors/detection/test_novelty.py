from __future__ import annotations

import numpy as np
import pytest

from stream_processors.detection.novelty import NEW_LINES, RecentTemplates
from tests.fakes import batch_of, make_lines


@pytest.fixture
def recent():
    return RecentTemplates(64)


def distances(recent: RecentTemplates, *texts: str) -> np.ndarray:
    return recent.distances(batch_of(make_lines(texts)))


CROWD = ["session opened for root"] * 200


def test_what_was_seen_is_near_and_what_was_not_is_far(recent):
    assert not distances(recent, *CROWD).any()
    near, far = distances(recent, "session opened for roots", "zzz qqq")
    assert 0 < near < 0.3 < far


def test_the_first_text_of_all_is_nothing_new_and_first_lines_count_little(recent):
    found = distances(recent, "aaa bbb", "zzz qqq", *["aaa bbb"] * 200, "kkk jjj")
    assert found[0] == 0
    assert found[1] < 0.05 < found[-1]


def test_a_new_text_wears_off_as_more_of_its_lines_come(recent):
    distances(recent, *CROWD)
    found = distances(recent, *["zzz qqq"] * (NEW_LINES + 5))
    assert (np.diff(found[:NEW_LINES]) < 0).all()
    assert not found[NEW_LINES:].any()


def test_how_lines_are_split_into_batches_changes_nothing():
    texts = [f"kind {chr(97 + n * 7 % 26)} of {chr(97 + n % 19)}" for n in range(300)]
    whole, parts = RecentTemplates(64), RecentTemplates(64)
    expected = distances(whole, *texts)
    found = np.concatenate([distances(parts, *texts[n : n + 41]) for n in range(0, 300, 41)])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_texts_unused_for_longest_are_forgotten():
    recent = RecentTemplates(64, limit=16)
    distances(recent, *CROWD, *["always there"] * 50)
    for n in range(10):
        distances(recent, "always there", *[f"{chr(97 + n)}{chr(97 + k)} other" for k in range(8)])
    assert len(recent.state()["keys"]) <= 16
    assert distances(recent, "always there")[0] == 0
    assert distances(recent, CROWD[0])[0] > 0.1


@pytest.mark.parametrize("lines", [0, 3, 150])
def test_restored_texts_go_on_as_the_saved_ones(recent, lines):
    distances(recent, *[f"kind {chr(97 + n % 26)}" for n in range(lines)])
    restored = RecentTemplates(64)
    restored.restore(recent.state())
    for texts in (["kind c", "zzz qqq"], ["zzz qqq", "kkk jjj"]):
        np.testing.assert_allclose(distances(restored, *texts), distances(recent, *texts), atol=1e-2)


def test_vectors_of_another_length_are_refused(recent):
    with pytest.raises(ValueError, match="vectors must be"):
        RecentTemplates(32).restore(recent.state())
