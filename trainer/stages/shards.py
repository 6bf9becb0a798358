"""Deduplicated lines on disk, one zstd JSONL file a source, and how much of each a sample takes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import zstandard

INDEX = "shards.json"
HELDOUT = "heldout.jsonl.zst"
"""Lines of every source that no later stage trains on."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The kept lines of one source, and how many they are."""

    source: str
    domain: str
    weight: float
    path: Path
    lines: int
    characters: int

    def __iter__(self) -> Iterator[str]:
        return read_shard(self.path)


def read_shard(path: Path) -> Iterator[str]:
    """The field ``line`` of every record of a zstd JSONL file."""
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        for record in io.BufferedReader(stream, 1 << 20):
            yield orjson.loads(record)["line"]


def write_shard(path: Path, lines: Iterable[str]) -> None:
    """One record ``{"line": ...}`` a line."""
    with path.open("wb") as raw, zstandard.ZstdCompressor(level=3).stream_writer(raw) as stream:
        for line in lines:
            stream.write(orjson.dumps({"line": line}, option=orjson.OPT_APPEND_NEWLINE))


def save_index(folder: Path, shards: Sequence[Shard]) -> None:
    """Lists the shards of ``folder`` in ``shards.json``."""
    entries = [asdict(shard) | {"path": shard.path.name} for shard in shards]
    (folder / INDEX).write_text(json.dumps(entries, indent=2) + "\n")


def list_shards(folder: Path) -> list[Shard]:
    """The shards that ``save_index`` listed."""
    entries = json.loads((folder / INDEX).read_text())
    return [Shard(**entry | {"path": folder / entry["path"]}) for entry in entries]


def sample_shares(
    sizes: Sequence[int], weights: Sequence[float], *, budget: float, power: float
) -> list[float]:
    """How much of each source a sample of ``budget`` takes: proportional to weight times size to ``power``.

    ``power`` 1 with equal weights samples by size, 0 gives every source the same. No source gives more than it
    has: what a small one leaves goes to the others. Same unit as ``sizes``.
    """
    wanted = [weight * size**power for size, weight in zip(sizes, weights, strict=True)]
    order = sorted(range(len(sizes)), key=lambda i: sizes[i] / wanted[i] if wanted[i] else 0.0)
    shares = [0.0] * len(sizes)
    left, rest = budget, sum(wanted)
    for index in order:
        shares[index] = min(float(sizes[index]), left * wanted[index] / rest) if rest > 0 else 0.0
        left -= shares[index]
        rest -= wanted[index]
    return shares
