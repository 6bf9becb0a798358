"""Templates and parameters of many lines at once, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder_core.templates.match import Match, Parameter
from encoder_core.templates.plain import Span, render

Octets = NDArray[np.uint8]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TemplateBatch:
    """Templates of n lines with m parameters in all; texts are made on demand."""

    ids: NDArray[np.uint64]
    """Id of each line's template (n,); ``f"{id:016x}"`` is how it is written."""
    starts: Places
    """Parameters of line ``i`` are those from ``starts[i]`` to ``starts[i + 1]``, slots in their order (n + 1,)."""
    types: Octets
    """Type of each parameter (m,): an index into ``names``."""
    begins: Places
    """Where each parameter begins in ``buffer`` (m,)."""
    ends: Places
    """Where each ends (m,)."""
    buffer: Octets
    """The lines in UTF-8, read-only."""
    line_begins: Places
    """Where each line begins in ``buffer`` (n,)."""
    line_ends: Places
    """Where each ends (n,)."""
    names: tuple[str, ...]
    """Names of types: ``TYPES``, then those of a user's masks."""

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.ids)

    def text(self, row: int) -> str:
        """The template of a line."""
        return decoded(render(self.line(row), self._spans(row), self.names))

    def line(self, row: int) -> bytes:
        """The line itself, in UTF-8."""
        return self.buffer[self.line_begins[row] : self.line_ends[row]].tobytes()

    def match(self, row: int) -> Match:
        """Template, id and parameters of a line, as ``Templates.of_text`` gives them."""
        line, spans = self.line(row), self._spans(row)
        parameters = [
            Parameter(str(slot), self.names[kind], decoded(line[begin:end]))
            for slot, (kind, begin, end) in enumerate(spans)
        ]
        return Match(
            decoded(render(line, spans, self.names)), f"{int(self.ids[row]):016x}", tuple(parameters)
        )

    def _spans(self, row: int) -> list[Span]:
        some = slice(int(self.starts[row]), int(self.starts[row + 1]))
        first = int(self.line_begins[row])
        return [
            (kind, begin - first, end - first)
            for kind, begin, end in zip(
                self.types[some].tolist(), self.begins[some].tolist(), self.ends[some].tolist(), strict=True
            )
        ]


def decoded(data: bytes) -> str:
    """Text of UTF-8 that may have lone surrogates; other bytes become U+FFFD."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def joined(lines: Sequence[bytes]) -> tuple[Octets, Places]:
    """Lines in one read-only buffer, and where each begins and the last ends (n + 1,)."""
    starts = np.zeros(len(lines) + 1, dtype=np.int64)
    np.cumsum([len(line) for line in lines], out=starts[1:])
    return np.frombuffer(b"".join(lines), dtype=np.uint8), starts


def with_rows(
    values: tuple[Places, Octets, Places, Places], rows: dict[int, list[Span]]
) -> tuple[Places, Octets, Places, Places]:
    """The values of lines, those of some rows replaced."""
    starts, kinds, begins, ends = values
    kept = np.ones(len(kinds), dtype=np.bool_)
    for row in rows:
        kept[starts[row] : starts[row + 1]] = False
    more = np.array([(row, *span) for row, spans in rows.items() for span in spans], dtype=np.int64).reshape(
        -1, 4
    )
    line = np.concatenate([np.repeat(np.arange(len(starts) - 1), np.diff(starts))[kept], more[:, 0]])
    order = np.argsort(line, kind="stable")
    counts = np.bincount(line, minlength=len(starts) - 1)
    return (
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([kinds[kept], more[:, 1].astype(np.uint8)])[order],
        np.concatenate([begins[kept], more[:, 2]])[order],
        np.concatenate([ends[kept], more[:, 3]])[order],
    )
