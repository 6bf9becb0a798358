from __future__ import annotations

import numpy as np

from stream_processors.detection.features import WIDTH, feature_rows
from stream_processors.detection.surprises import TOP


def test_every_part_of_the_input_reaches_the_forest_in_its_own_column():
    distance, rarity = np.full(3, 0.5, dtype=np.float32), np.full(3, 7, dtype=np.float32)
    rows = feature_rows(distance, rarity, np.arange(6 * TOP, dtype=np.float32).reshape(3, 2 * TOP))
    assert (rows.shape, rows.dtype) == ((3, WIDTH), np.float32)
    assert rows[1].tolist() == [0.5, 7.0, *range(2 * TOP, 4 * TOP)]


def test_no_lines_are_no_rows():
    empty = np.empty(0, dtype=np.float32)
    assert feature_rows(empty, empty, np.empty((0, 2 * TOP), dtype=np.float32)).shape == (0, WIDTH)
