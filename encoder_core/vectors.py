"""Small things about vectors that more than one package needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows scaled to length 1, float32; a zero row stays zero, and one whose length is not finite becomes zero."""
    vectors = np.asarray(vectors, dtype=np.float32)
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    measurable = np.isfinite(norms)
    if not measurable.all():
        vectors, norms = np.where(measurable, vectors, 0), np.where(measurable, norms, 1)
    return vectors / np.maximum(norms, 1e-12)
