"""What stands in the slots of a template, for people."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from connectors.findings import SlotSummary
from encoder_core.templates import Parameter

VALUE_CHARACTERS = 128
"""Characters of an example."""
SLOTS = 32
"""Slots of a template that are shown."""


def summaries(parameters: Iterable[Parameter]) -> tuple[SlotSummary, ...]:
    """One line's parameters as summaries, each slot once."""
    found: dict[str, SlotSummary] = {}
    for slot, kind, value in parameters:
        if slot not in found and len(found) < SLOTS:
            number = number_in(value)
            shown = value[:VALUE_CHARACTERS].encode("utf-8", "replace").decode()
            found[slot] = SlotSummary(slot, kind, (shown,), number, number)
    return tuple(found.values())


def number_in(value: str) -> float | None:
    """The number that a value is; None for one that is none."""
    try:
        number = float(value) if len(value) <= 32 else float("nan")
    except ValueError:
        return None
    return number if isfinite(number) else None
