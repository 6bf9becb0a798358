"""What is found in a line."""

from __future__ import annotations

from typing import NamedTuple

TYPES = ("num", "hex", "ip", "mac", "uuid", "time", "path", "url", "email", "id", "*")
"""Types of parameters. ``<TYPE>`` is a placeholder in a template; ``<*>`` stands for anything."""


class Parameter(NamedTuple):
    """A part of a line that varies."""

    slot: str
    """Name of its column, or its place among the placeholders of the template, counted from 0."""
    type: str
    """One of ``TYPES``."""
    value: str


class Match(NamedTuple):
    """A line's template and parameters."""

    template: str
    """The text with a placeholder for every part that varies."""
    id: str
    """64-bit hash of the template, 16 hexadecimal digits."""
    parameters: tuple[Parameter, ...]
