"""The files of a corpus: files, folders and globs to sources."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.settings import CorpusSettings

FORMATS = (".log", ".txt", ".jsonl", ".ndjson", ".csv", ".parquet")
PACKED = {".gz": "gzip", ".zst": "zstd"}
DOCUMENTS = {"readme", "license", "licenses", "licence", "licences", "manifest", "notice", "copying"}
"""Names of files and folders that a searched folder may hold beside its logs."""


class CorpusError(ValueError):
    """The corpus can't be used; the message names the path."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file, what its table in the settings says of it, and its name: unique, made of the file's."""

    name: str
    path: Path
    domain: str
    weight: float
    field: str | None


def find_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files under ``paths``, sorted, none twice.

    A file, and what a glob (``**`` for any depth) finds, is always taken. A folder is searched for the suffixes of
    ``FORMATS``, alone or with one of ``PACKED``; documents such as ``LICENSES`` are left out. Raises CorpusError for
    a path without files.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        path = path.expanduser()
        if path.exists():
            matches = [path]
        elif glob.has_magic(str(path)):
            matches = [Path(match) for match in glob.glob(str(path), recursive=True)]
            matches = [match for match in matches if match.is_file() or stem_of(match) not in DOCUMENTS]
        else:
            raise CorpusError(f"{path}: no such file or folder")
        files = [file for match in matches for file in (search(match) if match.is_dir() else [match])]
        if not files:
            raise CorpusError(f"{path}: no log files ({', '.join(FORMATS)}; {', '.join(PACKED)})")
        for file in files:
            found.setdefault(file.resolve(), file)
    return sorted(found.values())


def search(folder: Path) -> Iterator[Path]:
    """The log files in ``folder``, at any depth."""
    for path in folder.rglob("*"):
        inner = path.relative_to(folder)
        names = (stem_of(inner), *(part.casefold() for part in inner.parent.parts))
        if format_of(path)[0] in FORMATS and path.is_file() and DOCUMENTS.isdisjoint(names):
            yield path


def format_of(path: Path) -> tuple[str, str | None]:
    """The suffix that tells the format, in small letters, and the compression, if any."""
    suffixes = [suffix.casefold() for suffix in path.suffixes[-2:]]
    packing = PACKED.get(suffixes[-1]) if suffixes else None
    if packing:
        suffixes.pop()
    return (suffixes[-1] if suffixes else ""), packing


def stem_of(path: Path) -> str:
    """The name without the suffixes of format and compression, in small letters."""
    return strip_suffixes(path.name).casefold()


def strip_suffixes(name: str) -> str:
    """The name of a file without the suffixes of format and compression."""
    for endings in (tuple(PACKED), FORMATS):
        for ending in endings:
            if name.casefold().endswith(ending) and len(name) > len(ending):
                name = name[: -len(ending)]
                break
    return name


def list_sources(groups: Sequence[CorpusSettings]) -> list[Source]:
    """Every file of the corpus in its order: the order of the tables, then by path.

    A file of two tables belongs to the first. Raises CorpusError.
    """
    sources: dict[Path, Source] = {}
    names: set[str] = set()
    for group in groups:
        for path in find_files(group.paths):
            if path.resolve() in sources:
                continue
            name = stem = strip_suffixes(path.name)
            number = 1
            while name in names:
                number += 1
                name = f"{stem}-{number}"
            names.add(name)
            sources[path.resolve()] = Source(name, path, group.domain, group.weight, group.field)
    return list(sources.values())
