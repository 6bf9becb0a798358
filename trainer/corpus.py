"""Raw log files to lines.

A corpus is a folder or a list of files, plain or gzip, one record a line. A file is a *source*: sources
are sampled by weight, so that one chatty system does not become the whole language.
"""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".log", ".jsonl", ".txt", ".log.gz", ".jsonl.gz", ".txt.gz")


class CorpusError(ValueError):
    """The corpus can't be used; the message names the path."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the corpus with its lines, exact repeats removed, order kept."""

    name: str
    lines: tuple[str, ...]

    @property
    def size(self) -> int:
        """Characters of text."""
        return sum(map(len, self.lines))


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The corpus files under ``paths`` (folders are searched), sorted by name."""
    paths = list(paths)
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += [p for p in path.rglob("*") if p.name.endswith(SUFFIXES) and p.is_file()]
        elif path.is_file():
            files.append(path)
        else:
            raise CorpusError(f"{path}: no such file or folder")
    if not files:
        raise CorpusError(f"{', '.join(map(str, paths))}: no log files ({', '.join(SUFFIXES)})")
    return sorted(set(files))


def read_lines(path: Path) -> Iterator[str]:
    """Non-empty lines of a plain or gzip file; undecodable bytes become replacement characters."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace", newline="\n") as stream:
            for line in stream:
                if text := line.rstrip("\r\n"):
                    yield text
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: can't be read: {error}") from error


def load_sources(paths: Iterable[Path]) -> list[Source]:
    """Every source of the corpus; a line that an earlier source holds word for word is dropped."""
    paths = list(paths)
    seen: set[int] = set()
    sources = []
    for path in find_files(paths):
        lines = []
        for line in read_lines(path):
            if (key := hash(line)) not in seen:
                seen.add(key)
                lines.append(line)
        if lines:
            sources.append(Source(path.name.split(".")[0], tuple(lines)))
    if not sources:
        raise CorpusError(f"{', '.join(map(str, paths))}: holds no lines")
    return sources


def sample_lines(sources: list[Source], characters: int, *, power: float = 0.5, seed: int = 0) -> list[str]:
    """About ``characters`` of text, each source's share proportional to its size to the ``power``.

    ``power`` 1 samples by bytes, 0 gives every source the same share. A source smaller than its share is
    taken whole, and what it leaves goes to the others.
    """
    rng = random.Random(seed)
    remaining = sorted(sources, key=lambda source: source.size)
    weights = [source.size**power for source in remaining]
    chosen: list[str] = []
    for index, source in enumerate(remaining):
        share = characters * weights[index] / sum(weights[index:])
        lines = list(source.lines)
        rng.shuffle(lines)
        taken = 0
        for line in lines:
            if taken >= share:
                break
            chosen.append(line)
            taken += len(line)
        characters -= taken
    rng.shuffle(chosen)
    return chosen
