"""What the forest sees of a line: how surprising its template, its structured values and its words are.

The paper's best detector joins structured columns with embeddings of the free text (section 5.1). A stream mixes
kinds of lines with different columns, and an axis-parallel forest over a raw embedding mostly isolates small but
ordinary kinds. So each part is turned into surprise first: the embedding into its distance to those before it and the
rarity of its pattern, each column's value and each word into -log of its share so far.
``benchmarks/detection`` measures this against a forest over the embedding alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream_processors.detection.surprises import TOP

WIDTH = 2 * TOP + 2
EQUAL_FEATURES = 0.02
"""Features that differ by less are alike: those of equal lines creep by some thousandths as counts grow."""


def feature_rows(
    distance: NDArray[np.float32], rarity: NDArray[np.float32], surprises: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The forest's input, float32 (lines, WIDTH).

    distance: to texts before. rarity: of each line's pattern. surprises: of its columns and words, (lines, 2 * TOP).
    """
    rows = np.empty((len(distance), WIDTH), dtype=np.float32)
    rows[:, 0], rows[:, 1], rows[:, 2:] = distance, rarity, surprises
    return rows
