"""Topics by pattern: which of a cluster's topics a regular expression means."""

from __future__ import annotations

import re
from collections.abc import Iterable

INTERNAL = "__"
"""Topics with such a beginning are Kafka's own, or another program's, by custom."""


def topic_regex(pattern: str, never: Iterable[str | None] = ()) -> re.Pattern[str]:
    """What matches the whole name of a topic that is meant; internal ones and ``never`` are not.

    Raises ValueError, one line, for what is no regular expression.
    """
    others = [re.escape(name) + r"\Z" for name in never if name is not None]
    try:
        re.compile(pattern)
        return re.compile(f"(?!{'|'.join([INTERNAL, *others])})(?:{pattern})\\Z")
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
