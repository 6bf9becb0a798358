"""A user's own templates: a line that one of them matches has that template."""

from __future__ import annotations

import re
from typing import NamedTuple

from encoder_core.templates.plain import Span, render


class Seed(NamedTuple):
    """A known template."""

    pieces: tuple[bytes, ...]
    """The text between placeholders, one more than there are placeholders."""
    kinds: tuple[int, ...]
    """Types of the placeholders."""

    def spans(self, line: bytes) -> list[Span] | None:
        """What of the line stands in place of the placeholders, or None if the line is another. Linear time.

        line: without spaces around it, and one space wherever there is white space.
        """
        first, last = self.pieces[0], self.pieces[-1]
        if not self.kinds:
            return [] if line == first else None
        stop = len(line) - len(last)
        if not line.startswith(first) or not line.endswith(last) or stop <= len(first):
            return None
        found, begin = [], len(first)
        for kind, piece in zip(self.kinds, self.pieces[1:-1], strict=False):
            end = line.find(piece, begin + 1, stop)
            if end < 0:
                return None
            found.append((kind, begin, end))
            begin = end + len(piece)
        return [*found, (self.kinds[-1], begin, stop)] if begin < stop else None


class Seeds:
    """Known templates, tried in their order.

    seeds: templates with placeholders, encoded. names: names of placeholders by type.
    """

    def __init__(self, seeds: list[bytes], names: tuple[str, ...]) -> None:
        kinds = {name.encode(): kind for kind, name in reversed([*enumerate(names)])}
        pattern = re.compile(b"<(" + b"|".join(re.escape(name) for name in kinds) + b")>")
        self.seeds = []
        for seed in seeds:
            parts = pattern.split(render(seed, [], names))
            self.seeds.append(Seed(tuple(parts[::2]), tuple(kinds[name] for name in parts[1::2])))

    def spans(self, data: bytes) -> list[Span] | None:
        """The parts of a line where the first seed that matches has placeholders, or None if none does."""
        line = render(data, [], ())
        for seed in self.seeds:
            if (found := seed.spans(line)) is not None:
                return found if line == data else _moved(found, data)
        return None


def _moved(spans: list[Span], data: bytes) -> list[Span]:
    """Spans of a line as places in ``data``, whose white space is as it came."""
    places: list[int] = []
    for word in re.finditer(rb"[^\x00-\x20\x7f]+", data):
        if places:
            places.append(word.start() - 1)
        places += range(*word.span())
    return [(kind, places[begin], places[end - 1] + 1) for kind, begin, end in spans]
