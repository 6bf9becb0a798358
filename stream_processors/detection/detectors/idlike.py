"""Values that are random, such as hashes and keys: how surprising their characters are where such values are usual.

Pairs of letters and digits of a random value are always others. So of long values of letters and digits it is known, by
name and form and by form alone, how surprising those pairs were; only what is beyond that is a surprise. Compiled.
"""

from __future__ import annotations

from math import log2

import numpy as np
from numpy.typing import NDArray

from connectors.kernels import helper
from stream_processors.detection.hashing import joint

NAMES, FORMS = 1 << 12, 128
"""Places for names with a form, 32 KiB; forms: of which signs values are made, and how long they are."""
LONG = 16
"""Pairs of a value of letters and digits that may be random."""
UNEXPECTED = 8.0
"""Nats of values without surprise that each begins with: one value that surprises is not what is expected."""
OTHERS, DIGITS, LETTERS = 8, 4, 3


def _bits() -> NDArray[np.uint8]:
    bits = np.full(256, OTHERS, dtype=np.uint8)
    bits[48:58], bits[65:91], bits[97:123] = DIGITS, 2, 1
    return bits


MADE_OF = _bits()
"""By byte: the bit of lower case, upper case, digits or others, uint8 (256,)."""
Forms = tuple[NDArray[np.float32], NDArray[np.float32]]
"""By name and form (2 * NAMES,), and by form (2 * FORMS,): the sum of values' surprises, then of the squares."""


def make_forms() -> Forms:
    """Of no values."""
    return np.zeros(2 * NAMES, dtype=np.float32), np.zeros(2 * FORMS, dtype=np.float32)


@helper
def unexpected(
    surprise: float, pairs: int, made_of: int, name: np.uint64, weight: float, sums: Forms
) -> float:
    """What is beyond the usual of a value's surprise, which is counted in. made_of: bits. weight: values it counts as.

    The usual is the mean weighed by itself, so that values that have come before and surprise no more say nothing.
    """
    if pairs < LONG or not made_of & DIGITS or not made_of & LETTERS:
        return surprise
    form = made_of + 16 * min(7, int(log2(pairs)))
    own, of_form = 2 * np.int64(joint(name, np.uint64(form)) & np.uint64(NAMES - 1)), 2 * form
    of_names, of_forms = sums
    usual = of_forms[of_form + 1] / (of_forms[of_form] + UNEXPECTED)
    usual = (of_names[own + 1] + UNEXPECTED * usual) / (of_names[own] + UNEXPECTED)
    of_names[own] += weight * surprise
    of_names[own + 1] += weight * surprise * surprise
    of_forms[of_form] += weight * surprise
    of_forms[of_form + 1] += weight * surprise * surprise
    return max(0.0, surprise - usual)
