"""Tokenised lines on disk: made once from the shards, mapped by every process that trains on them.

A folder holds ``ids.bin`` (uint16, the ids of all lines end to end), ``starts.bin`` (int64, where each line
begins, and the end of the last) and ``sources.json`` (which lines are whose), all little-endian.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from tokenizers import Tokenizer

from trainer.stages.shards import Shard, sample_shares

IDS, STARTS, SOURCES = "ids.bin", "starts.bin", "sources.json"
LINE_LIMIT = 400_000
"""Characters of a line that are tokenised: more than the longest input of 48,000 tokens needs."""
CHUNK = 1 << 20
"""Characters encoded at once: bounds the memory, and keeps the tokenizer's threads busy."""


@dataclass(frozen=True, slots=True)
class TokenSource:
    """One source's lines: those from ``first`` up to, not including, ``end``."""

    source: str
    domain: str
    weight: float
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class TokenLines:
    """Token ids of all lines end to end, uint16 (tokens,), and where each begins, int64 (lines + 1,).

    ``sources`` follow each other from the first line to the last; without any, all lines are one source.
    """

    ids: NDArray[np.uint16]
    starts: NDArray[np.int64]
    sources: tuple[TokenSource, ...] = ()

    @classmethod
    def open(cls, folder: Path) -> TokenLines:
        """Maps what ``encode_shards`` wrote, read-only; ValueError when the files do not fit together."""
        try:
            entries = json.loads((folder / SOURCES).read_text())["sources"]
            sources = tuple(TokenSource(**entry) for entry in entries)
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise ValueError(f"{folder}: holds no tokenised lines: {error}") from error
        starts = _mapped(folder / STARTS, np.dtype("<i8"), (sources[-1].end if sources else 0) + 1)
        ids = _mapped(folder / IDS, np.dtype("<u2"), int(starts[-1]))
        return cls(ids, starts, sources)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each line, int64 (lines,)."""
        return np.diff(self.starts)

    def draw(
        self, budget_tokens: int, *, power: float, seed: int, epoch: int, longest: int | None = None
    ) -> NDArray[np.int64]:
        """Shuffled indices of the lines of one pass over about ``budget_tokens`` tokens, int64 (n,), none twice.

        Each source gives the share that ``sample_shares`` asks for, a random subset of its lines, another in each
        epoch; a budget of all tokens or more gives every line. A line longer than ``longest`` counts as that long,
        as it will be cropped. Equal arguments give equal indices.
        """
        sources = self.sources or (TokenSource("", "", 1.0, 0, len(self)),)
        sizes = [int(self._cropped(source, longest).sum()) for source in sources]
        weights = [source.weight for source in sources]
        shares = sample_shares(sizes, weights, budget=budget_tokens, power=power)
        rng = np.random.default_rng((seed, epoch))
        drawn = []
        for source, share in zip(sources, shares, strict=True):
            order = rng.permutation(source.end - source.first)
            ends = np.cumsum(self._cropped(source, longest)[order])
            # The line that crosses the share is taken with the probability that makes the mean right.
            marks = ends - rng.random() * np.diff(ends, prepend=0)
            drawn.append(source.first + order[: np.searchsorted(marks, share, side="right")])
        return rng.permutation(np.concatenate(drawn))

    def _cropped(self, source: TokenSource, longest: int | None) -> NDArray[np.int64]:
        lengths = np.diff(self.starts[source.first : source.end + 1])
        return lengths if longest is None else np.minimum(lengths, longest)


def encode_lines(tokenizer: Tokenizer, lines: Iterable[str]) -> TokenLines:
    """All lines in memory, as one source, without special tokens; ValueError when ids do not fit 16 bits."""
    ids, lengths = [np.empty(0, np.uint16)], [np.zeros(1, np.int64)]
    for chunk_ids, chunk_lengths in _encode(tokenizer, lines):
        ids.append(chunk_ids)
        lengths.append(chunk_lengths)
    return TokenLines(np.concatenate(ids), np.cumsum(np.concatenate(lengths)))


def encode_shards(shards: Sequence[Shard], tokenizer: Tokenizer, folder: Path) -> dict[str, int]:
    """Tokenises every shard into ``folder`` for ``TokenLines.open``; returns how many sources, lines and tokens.

    Memory is that of one chunk. Called again after a kill, with the same shards and tokenizer, it goes on after the
    last whole source. ValueError when ids do not fit 16 bits or a shard has not the lines that it is listed with.
    """
    ends = list(accumulate(shard.lines for shard in shards))
    sources = [
        TokenSource(shard.source, shard.domain, shard.weight, end - shard.lines, end)
        for shard, end in zip(shards, ends, strict=True)
    ]
    header = {
        "tokenizer": hashlib.sha256(tokenizer.to_str().encode()).hexdigest(),
        "sources": [asdict(source) for source in sources],
    }
    done, line, token = _finished(folder, sources, header)
    (folder / SOURCES).write_text(json.dumps(header, indent=2) + "\n")
    console = Console(stderr=True)
    with (
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
        (folder / IDS).open("ab") as ids_file,
        (folder / STARTS).open("ab") as starts_file,
    ):
        task = progress.add_task("tokens", total=ends[-1] if ends else 0, completed=line)
        ids_file.truncate(2 * token)
        starts_file.truncate(8 * line)
        starts_file.write(np.int64(token).astype("<i8").tobytes())
        for shard, source in zip(shards[done:], sources[done:], strict=True):
            for ids, lengths in _encode(tokenizer, shard):
                ids_file.write(ids.astype("<u2").tobytes())
                ids_file.flush()  # first, so that no start ever points past the ids
                starts_file.write((token + np.cumsum(lengths)).astype("<i8").tobytes())
                line, token = line + len(lengths), token + len(ids)
                progress.update(task, completed=line)
            if line != source.end:
                found = line - source.first
                raise ValueError(f"{shard.path}: has {found} lines, {shard.lines} are listed")
    return {"sources": len(sources), "lines": line, "tokens": token}


def _finished(folder: Path, sources: Sequence[TokenSource], header: object) -> tuple[int, int, int]:
    """Whole sources, lines and tokens that an earlier call with this ``header`` left in ``folder``."""
    try:
        if json.loads((folder / SOURCES).read_text()) != header:
            return 0, 0, 0
        written = (folder / STARTS).stat().st_size // 8 - 1
        done = sum(source.end <= written for source in sources)
        line = sources[done - 1].end if done else 0
        token = int(np.fromfile(folder / STARTS, "<i8", count=1, offset=8 * line)[0])
        whole = (folder / IDS).stat().st_size >= 2 * token
    except (OSError, ValueError, IndexError):  # none of it, or not all: begin anew
        return 0, 0, 0
    return (done, line, token) if whole else (0, 0, 0)


def _mapped(path: Path, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """A file of ``count`` numbers, mapped read-only; ValueError when it holds more or fewer."""
    size = path.stat().st_size if path.exists() else 0
    if size != count * dtype.itemsize:
        raise ValueError(f"{path}: has {size} bytes, {count * dtype.itemsize} belong there")
    # As a plain array: a slice of a memmap object costs several times that of an array.
    return np.asarray(np.memmap(path, dtype, mode="r")) if count else np.empty(0, dtype)


def _encode(
    tokenizer: Tokenizer, lines: Iterable[str]
) -> Iterator[tuple[NDArray[np.uint16], NDArray[np.int64]]]:
    """Ids of a chunk of lines end to end, uint16 (tokens,), and tokens of each line, int64 (lines,)."""
    if tokenizer.get_vocab_size() > np.iinfo(np.uint16).max:
        raise ValueError(f"vocabulary of {tokenizer.get_vocab_size()} does not fit 16-bit ids")
    for chunk in _chunks(lines):
        rows = [row.ids for row in tokenizer.encode_batch_fast(chunk, add_special_tokens=False)]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        yield np.fromiter(chain.from_iterable(rows), np.uint16, lengths.sum()), lengths


def _chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Runs of lines of about ``CHUNK`` characters, each line cut to ``LINE_LIMIT``."""
    chunk, characters = [], 0
    for line in lines:
        chunk.append(line[:LINE_LIMIT])
        characters += len(chunk[-1])
        if characters >= CHUNK:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
