"""The templates of raw lines: what deduplication compares in its ``template`` form, and evaluation calls a form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from encoder_core.templates import Templates

CHUNK_LINES = 4_096
"""Lines of a stream that are looked at together."""


def templates_of(lines: Sequence[str]) -> list[str]:
    """The template of each line as it is in its file, header included where no rule leaves it out."""
    templates = Templates()
    return [templates.of_text(line).template for line in lines]


def stream_templates(lines: Iterable[str]) -> Iterator[str]:
    """``templates_of`` lines that stream by."""
    lines = iter(lines)
    while chunk := list(islice(lines, CHUNK_LINES)):
        yield from templates_of(chunk)
