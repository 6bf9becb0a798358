"""Shapes of lines of pairs: what is learned of one line, and how much is kept."""

from __future__ import annotations

import numpy as np

from connectors.formats.pair_shapes import LEVEL, SHAPES, TIME, VALUE, PairShape, PairShapes


def learned(line: str, *values: str, shapes: PairShapes | None = None, code: int = 1) -> PairShape | None:
    begins = [line.index(f"={value}") + 1 for value in values]
    spans = np.array([(begin, begin + len(value)) for begin, value in zip(begins, values, strict=True)])
    shapes = PairShapes() if shapes is None else shapes
    return shapes.of(code, line.encode(), spans, False)


def test_the_time_and_the_level_are_told_by_the_names() -> None:
    shape = learned("ts=1795600800 level=info user=ann", "1795600800", "info", "ann")
    assert shape is not None
    assert shape.names == ("ts", "level", "user")
    assert shape.roles.tolist() == [TIME, LEVEL, VALUE]


def test_names_that_come_twice_have_no_shape() -> None:
    assert learned("user=ann user=bob port=22", "ann", "bob", "22") is None


def test_a_date_beside_a_time_has_no_shape() -> None:
    assert learned("date=2026-11-25 time=10:00:00 port=22", "2026-11-25", "10:00:00", "22") is None


def test_memory_is_bounded() -> None:
    shapes = PairShapes()
    for code in range(SHAPES + 5):
        learned("user=ann host=web port=22", "ann", "web", "22", shapes=shapes, code=code)
    assert len(shapes) == 5
