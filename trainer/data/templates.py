"""The templates of raw lines: what deduplication compares in its ``template`` form, and evaluation calls a form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from encoder_core.templates import Templates


def templates_of(lines: Sequence[str]) -> list[str]:
    """The template of each line as it is in its file, header included where no rule leaves it out."""
    batch = Templates().batch(lines)
    return [batch.text(row) for row in range(len(lines))]


def template_ids(lines: Sequence[str]) -> NDArray[np.uint64]:
    """The ids of ``templates_of`` lines, uint64 (lines,)."""
    return Templates().batch(lines).ids
