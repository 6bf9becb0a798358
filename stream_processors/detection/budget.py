"""How many lines a user wants flagged: a share of them, or a number in a time."""

from __future__ import annotations

import re
from dataclasses import dataclass

SECONDS = {"minute": 60.0, "hour": 3_600.0, "day": 86_400.0}
EVERYTHING = 1 - 1e-6
"""A share from which all lines are flagged, whatever their scores."""

_SHARE = re.compile(r"(?:top\s+)?(\d+(?:\.\d+)?(?:e-?\d+)?)\s*%", re.I)
_RATE = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?)\s*(?:/|an?|per)\s*(minute|hour|day)", re.I)


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget of flagged lines of one source. One of the two is set."""

    share: float | None = None
    """Of the lines, above 0 and at most 1."""
    per_second: float | None = None
    """Of the lines' own time."""

    @classmethod
    def parse(cls, text: str) -> Budget:
        """``top 0.1 %``, ``20 an hour``, ``5 per day``, ``2/minute``. Raises ValueError, in one line, for others."""
        text = " ".join(text.split())
        if found := _SHARE.fullmatch(text):
            share = float(found[1]) / 100
            if not 0 < share <= 1:
                raise ValueError(f"{text!r}: a share lies above 0 % and goes up to 100 %")
            return cls(share=share)
        if found := _RATE.fullmatch(text):
            if float(found[1]) <= 0:
                raise ValueError(f"{text!r}: a budget is above 0")
            return cls(per_second=float(found[1]) / SECONDS[found[2].lower()])
        raise ValueError(f'{text!r}: expected e.g. "top 0.1 %" or "20 an hour" (a minute, an hour, a day)')
