"""What people said of patterns, as a partition needs it: a mark for each line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from connectors.alerts import NO_FEEDBACK, Feedback, Verdict

BENIGN, MALICIOUS = -1, 1
Marks = NDArray[np.int8] | None
"""``BENIGN``, ``MALICIOUS``, or 0 for each line, (lines,); None when all are 0."""


class Verdicts:
    """The verdicts that a partition knows of its source."""

    def __init__(self) -> None:
        self._feedback = NO_FEEDBACK

    @property
    def version(self) -> int:
        """Of the feedback that is known."""
        return self._feedback.version

    def learn(self, feedback: Feedback | None) -> None:
        """Takes what the store has; None when that is what is known."""
        if feedback is not None:
            self._feedback = feedback

    def marks(self, templates: NDArray[np.uint64], patterns: NDArray[np.uint64], now: float) -> Marks:
        """The mark of each line, by its template and its pattern, (lines,) each. now: the worker's clock."""
        found: Marks = None
        for verdict in self._holding(now):
            ids = np.array([int(name, 16) for name in (verdict.pattern, *verdict.templates)], dtype=np.uint64)
            places = np.isin(patterns, ids[:1]) | np.isin(templates, ids)
            if places.any():
                found = np.zeros(len(patterns), dtype=np.int8) if found is None else found
                found[places] = MALICIOUS if verdict.mark == "malicious" else BENIGN
        return found

    def _holding(self, now: float) -> list[Verdict]:
        """Those that have not ended, the one given last at the end: it is right."""
        verdicts = (verdict for verdict in self._feedback.verdicts.values() if verdict.holds(now))
        return sorted(verdicts, key=lambda verdict: verdict.at)
