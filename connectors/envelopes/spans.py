"""The bytes of many objects, and what is where in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from connectors.envelopes.planning import Columns
from connectors.formats.json_bytes import ESCAPED
from connectors.formats.json_scan import scanned


class Spans:
    """Objects that were scanned together."""

    __slots__ = (
        "__weakref__",
        "array",
        "begins",
        "data",
        "ends",
        "kinds",
        "leaf_ends",
        "scan",
        "shapes",
        "starts",
        "text",
        "wide",
    )

    def __init__(self, objects: Sequence[bytes]) -> None:
        self.data = b"".join(objects)
        self.array = np.frombuffer(self.data, np.uint8)
        ends = np.cumsum(np.fromiter(map(len, objects), np.int64, len(objects)))
        self.scan = scanned(self.array, np.concatenate(([0], ends[:-1])), ends)
        self.ends: list[int] = ends.tolist()
        self.text = self.data.decode("latin-1")
        """One character a byte: right for objects that are ASCII."""
        self.shapes: list[int] = self.scan.shapes.tolist()
        self.wide: list[bool] = self.scan.wide.tolist()
        self.starts: list[int] = self.scan.starts.tolist()
        self.kinds = self.scan.kinds.tobytes()
        self.begins, self.leaf_ends = self.scan.begins.data, self.scan.ends.data

    def bytes_of(self, row: int) -> bytes:
        """One of them."""
        return self.data[self.ends[row - 1] if row else 0 : self.ends[row]]

    def kind(self, row: int, place: int) -> int:
        """What a leaf is."""
        return self.kinds[self.starts[row] + place]

    def size(self, row: int, place: int) -> int:
        """Bytes of a leaf."""
        at = self.starts[row] + place
        return self.leaf_ends[at] - self.begins[at]

    def leaf(self, row: int, place: int) -> str:
        """A leaf as text, numbers as they are spelled."""
        at = self.starts[row] + place
        begin, end = self.begins[at], self.leaf_ends[at]
        text = self.data[begin:end].decode() if self.wide[row] else self.text[begin:end]
        return orjson.loads(f'"{text}"') if self.kinds[at] == ESCAPED else text

    def part(self, row: int, place: int, columns: Columns) -> str:
        """One of the parts that a plan for columns takes, if it is text."""
        if place < self.starts[row + 1] - self.starts[row] and place not in columns.scalars:
            return self.leaf(row, place)
        part: str = self.parts(row, columns)[place]  # type: ignore[assignment]
        return part

    def parts(self, row: int, columns: Columns) -> list[object]:
        """All of them."""
        first, end = self.starts[row], self.starts[row + 1]
        begins, ends = self.begins[first:end].tolist(), self.leaf_ends[first:end].tolist()
        if self.wide[row]:
            data = self.data
            parts: list[object] = [data[at:to].decode() for at, to in zip(begins, ends, strict=True)]
        else:
            text = self.text
            parts = [text[at:to] for at, to in zip(begins, ends, strict=True)]
        place = self.kinds.find(ESCAPED, first, end)
        while place >= 0:
            parts[place - first] = orjson.loads(f'"{parts[place - first]}"')
            place = self.kinds.find(ESCAPED, place + 1, end)
        for place in columns.scalars:
            parts[place] = str(float(parts[place]))  # type: ignore[arg-type]
        parts += columns.constants
        for pick in columns.lists:
            items = pick(parts)
            parts += (",".join(items), items)
        return parts
