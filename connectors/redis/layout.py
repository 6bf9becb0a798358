"""The version of the keys of a topic: what becomes of those that another version of this program left.

It is in the field ``layout`` of a topic's ``owner``, which whoever claims the topic writes; keys without it count as 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.store import NewerKeys

LAYOUT = 2
"""Goes up when keys are written that the version before would misread. Of fields that it would miss it need not."""


def taken_up(answer: Sequence[bytes], source: str, program: str) -> str | None:
    """What ``claim.lua`` answers of older keys as one line; None for keys of this layout.

    answer: the kind of answer, the layout found, then the program that made newer keys, or how many patterns and parts
    of windows older ones hold. program: the version of this program. Raises NewerKeys.
    """
    if not answer:
        return None
    kind, layout, *found = (part.decode("utf-8", "replace") for part in answer)
    if kind == "newer":
        raise NewerKeys(
            f"{source}: its keys are of layout {layout}, made by version {found[0] or 'unknown'}; this is version "
            f"{program}, which knows layout {LAYOUT}: run the newer one, or take another environment "
            "(setting redis.env)"
        )
    patterns, parts = map(int, found)
    aside = [
        *([f"{patterns} patterns (removed, their lines stay counted)"] if patterns else []),
        *([f"{parts} parts of windows (they expire)"] if parts else []),
    ]
    return (
        f"keys of layout {layout}, of an earlier version, are taken up as layout {LAYOUT}: applied offsets, totals "
        f"and flagged lines are kept; set aside: {', '.join(aside) or 'nothing'}"
    )
