"""What the severity of a line adds to how unusual it is: a prior, not a surprise of its own.

An ordinary ERROR is no alert, since it scores no more than other ordinary lines and this; an odd one ranks above an odd
INFO.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from connectors.records import ERROR, FATAL, WARN
from stream_processors.detection.detectors.kind import Reason

WEIGHTS = {WARN: 0.25, ERROR: 1.0, FATAL: 4.0}
"""Nats from the first of OpenTelemetry's numbers of a range on: how many times likelier such a line is to matter, as a
logarithm. Services write warnings all day; what kills a process seldom."""
NAMES = {WARN: "WARN", ERROR: "ERROR", FATAL: "FATAL"}


def _of_numbers() -> NDArray[np.float32]:
    weights = np.zeros(256, dtype=np.float32)
    for first, weight in WEIGHTS.items():
        weights[first:] = weight
    return weights


_OF_NUMBERS = _of_numbers()


def priors(severities: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What lines of these severities score more, in nats, (lines,)."""
    return _OF_NUMBERS[severities]


def reason(severity: int) -> Reason:
    """What the severity of one line adds."""
    name = next((name for first, name in reversed(NAMES.items()) if severity >= first), "INFO")
    weight = float(_OF_NUMBERS[severity])
    return Reason("severity", weight, f"severity {name}", {"severity": severity})
