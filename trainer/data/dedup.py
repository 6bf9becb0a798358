"""The first stage: a corpus without exact and near repeats, a shard a source, and held-out lines (paper section 3.1).

Sources are read in their order, and what is made of one is finished before the next begins, so that an interrupted
run goes on after the last finished one.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, chain, islice, pairwise
from pathlib import Path

import numpy as np
import orjson
import zstandard
from numpy.typing import NDArray
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from trainer.data.corpus import CorpusError, Source, list_sources
from trainer.data.lsh import EXACT, KEPT, NEAR, Deduplicator, batches, hash_lines
from trainer.data.records import Rejected, read_records
from trainer.data.report import SourceCounts, read_report, totals, write_report
from trainer.settings import CorpusSettings, DedupSettings
from trainer.stages.manifest import read_json, write_json
from trainer.stages.shards import HELDOUT, INDEX, Shard, list_shards, read_shard, save_index, write_shard
from trainer.stages.stage import full_disk_named

REJECTED = "rejected.csv"
PARTS = "parts"
"""Folder of what belongs to one source, until all are finished."""

Decide = Callable[[Sequence[str]], NDArray[np.uint8]]
"""What becomes of each of a source's next lines: ``KEPT``, ``EXACT`` or ``NEAR``."""


def dedup(groups: Sequence[CorpusSettings], settings: DedupSettings, folder: Path) -> dict[str, int | float]:
    """Writes shards, held-out lines, ``rejected.csv`` and the reports into ``folder``; returns the counts of all.

    A line is dropped when it equals an earlier kept line, or shares an LSH band with one and is similar to it. Call
    it again with the same arguments to go on where it was interrupted: the files come out the same. Raises
    CorpusError when no line can be read, DiskFullError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = list_sources(groups)
    with full_disk_named(folder):
        if not (folder / INDEX).exists():
            counts = decide_all(sources, settings, folder)
            finish(sources, counts, folder)
        listed = {shard.path for shard in list_shards(folder)}
        for empty in set(folder.glob("shard-*")) - listed:
            empty.unlink()
        shutil.rmtree(folder / PARTS, ignore_errors=True)
    return totals(read_report(folder))


def decide_all(sources: Sequence[Source], settings: DedupSettings, folder: Path) -> list[SourceCounts]:
    """Writes a shard and the parts of every source that has none."""
    (folder / PARTS).mkdir(exist_ok=True)
    index = Deduplicator(settings, folder)
    counts: list[SourceCounts] = []
    while len(counts) < len(sources) and part(folder, len(counts), "json").exists():
        if settings.engine == "local":
            for lines in batches(kept_before(folder, len(counts))):
                index.restore(lines)
        counts.append(read_json(part(folder, len(counts), "json"), SourceCounts))
    fates: list[NDArray[np.uint8]] = []
    if settings.engine == "spark" and len(counts) < len(sources):
        from trainer.data.spark import decide_with_spark

        fates = decide_with_spark(sources, settings, folder)
    sizes = [source.path.stat().st_size for source in sources]
    quotas = held_out_quotas(sizes, settings.heldout_lines)
    columns = (
        TextColumn("{task.fields[lines]:,} lines, {task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        done = len(counts)
        task = bar.add_task("", total=sum(sizes), completed=sum(sizes[:done]), lines=totals(counts)["read"])
        for number, source in enumerate(sources[done:], start=done):
            bar.update(task, description=source.name)
            decide = replay(fates[number]) if fates else index.decide
            counts.append(write_source(source, decide, settings, quotas[number], folder, number))
            bar.update(task, advance=sizes[number], lines=totals(counts)["read"])
    return counts


def write_source(
    source: Source, decide: Decide, settings: DedupSettings, quota: int, folder: Path, number: int
) -> SourceCounts:
    """Writes the shard of one source, its held-out and its rejected lines, and last its counts."""
    counts = SourceCounts(source=source.name, file=str(source.path), domain=source.domain)
    with (
        part(folder, number, "heldout").open("wb") as heldout,
        part(folder, number, "rejected").open("w", newline="", encoding="utf-8") as listing,
    ):
        rejected = csv.writer(listing)

        def texts() -> Iterator[str]:
            for item in read_records(source.path, source.field):
                if isinstance(item, Rejected):
                    counts.rejected += 1
                    rejected.writerow([source.path, item.line, item.reason])
                    continue
                counts.repaired += item.repaired
                counts.cut += len(item.text) > settings.line_characters
                yield item.text[: settings.line_characters]

        def training_lines() -> Iterator[str]:
            for lines in batches(texts()):
                fates = decide(lines)
                counts.read += len(lines)
                counts.exact += int((fates == EXACT).sum())
                counts.near += int((fates == NEAR).sum())
                counts.bytes_read += size_of(lines)
                kept = [line for line, fate in zip(lines, fates.tolist(), strict=True) if fate == KEPT]
                counts.kept += len(kept)
                counts.bytes_kept += size_of(kept)
                chosen = (hash_lines(kept) < settings.heldout * 2.0**64).tolist()
                for line, hold_out in zip(kept, chosen, strict=True):
                    if hold_out and counts.heldout < quota:
                        counts.heldout += 1
                        record = {"line": line, "source": source.name}
                        heldout.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
                    else:
                        counts.characters += len(line)
                        yield line

        write_shard(shard_path(folder, number), training_lines())
    write_json(part(folder, number, "json"), counts)
    return counts


def finish(sources: Sequence[Source], counts: Sequence[SourceCounts], folder: Path) -> None:
    """Joins the parts of all sources; the list of shards is written last and marks the end."""
    with (folder / REJECTED).open("w", newline="", encoding="utf-8") as listing:
        csv.writer(listing).writerow(["file", "line", "reason"])
        for number in range(len(sources)):
            with part(folder, number, "rejected").open(newline="", encoding="utf-8") as rows:
                shutil.copyfileobj(rows, listing)
    total = totals(counts)
    if not total["read"]:
        more = f" and {len(sources) - 1} more files" if len(sources) > 1 else ""
        raise CorpusError(
            f"{sources[0].path}{more}: no line can be read, {total['rejected']} records were rejected; "
            f"see {folder / REJECTED}"
        )
    with (folder / HELDOUT).open("wb") as raw, zstandard.ZstdCompressor().stream_writer(raw) as stream:
        for number in range(len(sources)):
            with part(folder, number, "heldout").open("rb") as lines:
                shutil.copyfileobj(lines, stream)
    shards = []
    for number, (source, own) in enumerate(zip(sources, counts, strict=True)):
        path, kept = shard_path(folder, number), own.kept - own.heldout
        shards.append(Shard(source.name, source.domain, source.weight, path, kept, own.characters))
    write_report(folder, counts)
    save_index(folder / PARTS, [shard for shard in shards if shard.lines])
    (folder / PARTS / INDEX).replace(folder / INDEX)


def kept_before(folder: Path, number: int) -> Iterator[str]:
    """The lines that an interrupted run kept of a source that it finished."""
    with part(folder, number, "heldout").open("rb") as heldout:
        yield from chain(
            read_shard(shard_path(folder, number)), (orjson.loads(line)["line"] for line in heldout)
        )


def replay(fates: NDArray[np.uint8]) -> Decide:
    """Decisions on a source's lines that were made before, batch by batch."""
    left = iter(fates.tolist())
    return lambda lines: np.fromiter(islice(left, len(lines)), dtype=np.uint8, count=len(lines))


def held_out_quotas(sizes: Sequence[int], lines: int) -> list[int]:
    """The most lines that each source may give: shares of ``lines`` by size, which add up to it."""
    total = max(sum(sizes), 1)
    return [
        round(b * lines / total) - round(a * lines / total) for a, b in pairwise(accumulate(sizes, initial=0))
    ]


def size_of(lines: Sequence[str]) -> int:
    """Bytes of the lines in a file."""
    return sum(len(line.encode()) + 1 for line in lines)


def shard_path(folder: Path, number: int) -> Path:
    """The shard of a source by its place in the corpus: a name of the source's may not be one for a file."""
    return folder / f"shard-{number:05}.jsonl.zst"


def part(folder: Path, number: int, kind: str) -> Path:
    """What belongs to one source. The one of kind ``json`` is written when all others are whole."""
    return folder / PARTS / f"{number:05}.{kind}"
