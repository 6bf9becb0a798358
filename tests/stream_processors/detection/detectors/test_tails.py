import numpy as np
import pytest

from stream_processors.detection.detectors.combination import NATS, Combination
from stream_processors.detection.detectors.tails import EQUAL


def rows_of(*kinds: np.ndarray, prior: float = 0.0) -> np.ndarray:
    """What kinds say of lines, and the severity's prior, as the combination takes them."""
    return np.column_stack([*kinds, np.full(len(kinds[0]), prior)]).astype(np.float32)


def taught(*kinds: np.ndarray, shares: tuple[float, ...] = (), own: tuple[int, ...] = ()) -> Combination:
    """A combination that has seen what kinds said."""
    combination = Combination(shares or [1.0] * len(kinds), own=own, warmup=16)
    combination.observe(rows_of(*kinds))
    return combination


def score(combination: Combination, *kinds: float, prior: float = 0.0) -> float:
    return float(combination.settle(rows_of(*(np.array([kind]) for kind in kinds), prior=prior))[0])


def test_of_a_stream_that_never_changes_nothing_is_unusual():
    same = taught(np.full(2_000, 3.0))
    assert score(same, 3.0) == 0
    assert score(same, 3.0 + EQUAL / 2) == pytest.approx(0, abs=0.01)
    assert score(same, 9.0) > 1


def test_a_score_is_the_share_of_lines_that_are_as_unusual():
    draw = np.random.default_rng(0).exponential(size=20_000)
    usual = taught(draw)
    for share in (0.5, 0.1, 0.01, 0.001):
        quantile = float(np.quantile(draw, 1 - share))
        assert score(usual, quantile + EQUAL) == pytest.approx(-np.log10(share), abs=0.25)


def test_what_is_far_out_stays_ordered_beyond_all_that_was_seen():
    usual = taught(np.random.default_rng(0).exponential(size=5_000))
    found = [score(usual, nats) for nats in (12.0, 15.0, 20.0, 40.0)]
    assert found[0] > 4
    assert found == sorted(found)
    assert len(set(found)) == 4


def test_a_kind_that_seldom_speaks_is_believed_when_it_does():
    rare, often = np.zeros(5_000), np.full(5_000, 9.0)
    rare[::500] = 9.0
    assert score(taught(rare), 9.0) > 2
    assert score(taught(often), 9.0) == 0


def test_a_kind_is_believed_no_more_than_it_says():
    low = np.zeros(5_000)
    low[::500] = 2.0
    assert score(taught(low), 2.0) * NATS == pytest.approx(2.0)


def test_what_is_a_tail_already_is_taken_as_it_is_however_often_it_comes():
    flood = taught(np.full(5_000, 9.0), own=(0,))
    assert score(flood, 9.0) * NATS == pytest.approx(9.0)
    cut = Combination([1.0], own=(0,))
    cut.restore(flood.state())
    assert score(cut, 9.0) == score(flood, 9.0)


def test_a_kind_with_nothing_to_say_costs_nothing_and_agreement_adds_a_little():
    draw = np.random.default_rng(0).exponential(size=(3, 5_000))
    alone, three = taught(draw[0]), taught(*draw)
    assert score(three, 8.0, 0.0, 0.0) == pytest.approx(score(alone, 8.0))
    both = score(three, 8.0, 8.0, 0.0)
    assert 1.05 * score(alone, 8.0) < both < 1.4 * score(alone, 8.0)


def test_a_kind_of_half_a_share_counts_half():
    draw = np.random.default_rng(0).exponential(size=5_000)
    assert score(taught(draw, shares=(0.5,)), 8.0) == pytest.approx(score(taught(draw), 8.0) / 2)


def test_severity_lifts_what_is_odd_above_what_is_ordinary():
    usual = taught(np.random.default_rng(0).exponential(size=5_000))
    assert score(usual, 0.1, prior=1.0) < score(usual, 8.0) < score(usual, 8.0, prior=1.0)
    assert score(usual, 8.0, prior=2.3) == pytest.approx(score(usual, 8.0) + 2.3 / NATS, abs=0.01)


def test_scores_do_not_depend_on_how_lines_are_cut_into_batches_nor_on_a_restart():
    draw = rows_of(*np.random.default_rng(1).exponential(size=(2, 3_000)))
    whole = Combination([1.0, 0.7]).observe(draw)
    cut, found = Combination([1.0, 0.7]), []
    for begin in range(0, len(draw), 7):
        if begin == 1_400:
            saved, cut = cut.state(), Combination([1.0, 0.7])
            cut.restore(saved)
        found.append(cut.observe(draw[begin : begin + 7]))
    np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-9)


def test_old_scores_fade():
    usual = taught(np.full(1_000, 8.0))
    usual.observe(rows_of(np.random.default_rng(0).exponential(size=120_000)))
    assert score(usual, 8.0) > 2


def test_a_state_of_other_kinds_is_refused():
    with pytest.raises(ValueError, match="counts must be"):
        Combination([1.0]).restore(Combination([1.0, 1.0]).state())


@pytest.mark.parametrize("strange", [np.nan, -1.0, np.inf, 1e30])
def test_no_number_makes_it_fail(strange):
    usual = taught(np.random.default_rng(0).exponential(size=500))
    assert len(usual.observe(rows_of(np.array([strange, 1.0])))) == 2
    assert np.isfinite(score(usual, 3.0))
