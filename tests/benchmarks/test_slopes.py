from __future__ import annotations

import numpy as np
import pytest

from benchmarks.slopes import bars, draw, slope_of

TIMES = np.arange(100.0)


def noise(seed: int = 0):
    return np.random.default_rng(seed).normal(size=100)


def test_what_grows_has_its_slope_and_outliers_do_not_move_it():
    values = 0.5 * TIMES + noise()
    values[::10] += 1_000
    slope = slope_of(TIMES, values)
    assert slope.middle == pytest.approx(0.5, abs=0.05)
    assert slope.low < 0.5 < slope.high


@pytest.mark.parametrize("seed", range(3))
def test_what_does_not_grow_may_have_the_slope_0(seed):
    slope = slope_of(TIMES, noise(seed))
    assert slope.low <= 0 <= slope.high


def test_what_never_changes_has_the_slope_0_for_sure():
    assert slope_of(TIMES, np.full(100, 7.0)) == (0, 0, 0)


def test_two_points_are_enough_and_one_is_not():
    assert slope_of([0, 2], [1, 5]).middle == 2
    with pytest.raises(ValueError, match="two points"):
        slope_of([0], [1])


def test_bars_go_from_the_least_to_the_highest():
    assert bars([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert bars([3, 3]) == "▁▁"
    assert len(bars(range(1_000))) == 48


def test_a_drawing_is_made(tmp_path):
    pytest.importorskip("matplotlib")
    measures = {"memory": 0.5 * TIMES, "lag": noise()}
    draw(tmp_path / "soak.png", TIMES, measures, {"memory": slope_of(TIMES, 0.5 * TIMES)}, 30.0)
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")
