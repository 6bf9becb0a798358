"""Templates of texts and of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from encoder_core.templates.batch import Octets, Places, TemplateBatch, joined, with_rows
from encoder_core.templates.columns import Columns
from encoder_core.templates.masks import Masks
from encoder_core.templates.match import TYPES, Match, Parameter
from encoder_core.templates.plain import Span, hashed, render, spans
from encoder_core.templates.seeds import Seeds
from encoder_core.templates.value_types import type_of


class Templates:
    """Templates of texts and of records: pure functions of the rules and of the user's own masks and seeds.

    masks: name -> regular expression; what it matches becomes ``<NAME>`` before any rule is applied.
    seeds: known templates, with placeholders such as ``<*>``, or sample lines. A line with the words of a seed has
    that template. Seeds are tried in their order, before masks and rules.
    Masks and seeds change all ids, so that ids of other rules are never taken for these.

    Raises ``ValueError`` for a mask with a bad name or expression, and for an empty seed.
    """

    def __init__(self, masks: Mapping[str, str] | None = None, seeds: Sequence[str] = ()) -> None:
        self._masks = Masks(masks) if masks else None
        self._names = self._masks.names if self._masks else TYPES
        self._salt = 0
        self._seeds: Seeds | None = None
        self._placeholders = joined([f"<{name}>".encode() for name in self._names])
        if masks or seeds:
            parts = [*(f"{name}={expression}" for name, expression in (masks or {}).items()), "", *seeds]
            self._salt = hashed("\n".join(parts).encode("utf-8", "surrogatepass"), 1)
        if seeds:
            self._seeds = Seeds([self._seed(seed) for seed in seeds], self._names)
        self.columns = Columns(self.of_text, type_of, self.id_of)
        """Templates of records, for who remembers their plans."""

    def of_text(self, text: str) -> Match:
        """The template of free text, such as a message without its header."""
        data = text.encode("utf-8", "surrogatepass")
        found = self._spans(text, data)
        template = render(data, found, self._names)
        return Match(
            template.decode("utf-8", "surrogatepass"),
            f"{hashed(template, self._salt):016x}",
            tuple(
                Parameter(str(slot), self._names[kind], data[begin:end].decode("utf-8", "surrogatepass"))
                for slot, (kind, begin, end) in enumerate(found)
            ),
        )

    def batch(self, texts: Sequence[str]) -> TemplateBatch:
        """The templates of many texts, compiled: for each what ``of_text`` gives, whatever stands beside it."""
        buffer, starts = joined([text.encode("utf-8", "surrogatepass") for text in texts])
        return self.mask(buffer, starts)

    def mask(self, buffer: Octets, starts: Places, ends: Places | None = None) -> TemplateBatch:
        """The templates of lines in one buffer, without the GIL and with no Python object a line.

        buffer: UTF-8, uint8. starts: where each line begins, int64 (n,), and behind them where the last one ends if
        there are no ``ends``, which are where each line ends, int64 (n,).
        """
        from encoder_core.templates import compiled  # numba

        buffer = buffer.view()
        buffer.flags.writeable = False
        begins = np.ascontiguousarray(starts if ends is not None else starts[:-1], dtype=np.int64)
        ends = np.ascontiguousarray(starts[1:] if ends is None else ends, dtype=np.int64)
        if len(begins) != len(ends):
            raise ValueError(f"as many starts as ends are needed, got {len(begins)} and {len(ends)}")
        if self._masks or self._seeds:
            values = self._own_values(buffer, begins, ends)
        else:
            values = compiled.values_of(buffer, begins, ends, False)
        ids = compiled.ids_of(buffer, begins, ends, values, *self._placeholders, self._salt)
        return TemplateBatch(ids, *values, buffer, begins, ends, self._names)

    def of_columns(self, format: str, columns: Mapping[str, str], message: str | None = None) -> Match:
        """The template of a structured record.

        format: what the columns came in. message: the free text when it is known, be it one of the columns or none.
        """
        return self.columns.match(format, columns, message)

    def id_of(self, template: str) -> str:
        """The id of a template: 16 hexadecimal digits."""
        return f"{hashed(template.encode('utf-8', 'surrogatepass'), self._salt):016x}"

    def _own_values(
        self, buffer: Octets, begins: Places, ends: Places
    ) -> tuple[Places, Octets, Places, Places]:
        """``compiled.values_of`` by masks and seeds too."""
        from encoder_core.templates import compiled

        filled, seeded, fixed = buffer.copy(), {}, []
        for row, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
            line = buffer[begin:end].tobytes()
            if self._seeds and (spans := self._seeds.spans(line)) is not None:
                seeded[row] = [(kind, begin + first, begin + last) for kind, first, last in spans]
                filled[begin:end] = 32
            elif self._masks:
                masked = self._masks.apply(line.decode("utf-8", "surrogateescape"), "surrogateescape")
                filled[begin:end] = np.frombuffer(masked.data, dtype=np.uint8)
                fixed += masked.kinds
        filled.flags.writeable = False
        values = compiled.values_of(filled, begins, ends, self._masks is not None)
        values[1][values[1] == len(TYPES)] = fixed
        return with_rows(values, seeded) if seeded else values

    def _spans(self, text: str, data: bytes) -> list[Span]:
        if self._seeds and (found := self._seeds.spans(data)) is not None:
            return found
        if self._masks is None:
            return spans(data)
        masked = self._masks.apply(text)
        fixed = iter(masked.kinds)
        return [
            (next(fixed) if kind == len(TYPES) else kind, begin, end)
            for kind, begin, end in spans(masked.data, True)
        ]

    def _seed(self, seed: str) -> bytes:
        """The template that a seed stands for."""
        if not seed.strip():
            raise ValueError("templates.seeds: a seed is a template or a line, got an empty one")
        if any(f"<{name}>" in seed for name in self._names):
            return seed.encode("utf-8", "surrogatepass")
        return self.of_text(seed).template.encode("utf-8", "surrogatepass")
