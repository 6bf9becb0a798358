"""Average precision of the first version, as it was published then: it is not run again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from benchmarks.detection.report import FIRST, Row

PRECISION = {"bgl_2k": 0.077, "ait_alerts_russellmitchell": 0.29, "story_1_percent": 0.322}


def with_first_version(rows: Sequence[Row]) -> list[Row]:
    """The rows, and one of the first version for each of their sets that it was measured on."""
    return [*rows, *first_version({row.set: row.family for row in rows}.items())]


def first_version(sets: Iterable[tuple[str, str]]) -> Iterable[Row]:
    for name, family in sets:
        if name in PRECISION:
            value = PRECISION[name]
            yield Row(family, name, FIRST, "other", 1, math.nan, value, value, value, *[math.nan] * 5)
