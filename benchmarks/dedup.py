"""Near-duplicate removal beside datasketch's MinHashLSH on the same lines, and both against brute force.

Both sides sign, query and verify line by line in the order of the corpus, with the same shingles, permutations and
threshold, and take turns; datasketch verifies by its signatures' estimate, which is the cheaper way. Time is
the CPU's, over all threads, so that other work on the machine does not count. The lines are a random sample of the
corpus beside the project, or generated where there is none. Run: python -m benchmarks.dedup; with --whole also the
whole corpus, raw and by templates.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from stream_processors.demo.scenario import scenario
from trainer.data.corpus import list_sources
from trainer.data.dedup import dedup
from trainer.data.lsh import KEPT, Deduplicator, batches
from trainer.data.minhash import Sketcher
from trainer.data.records import read_file
from trainer.settings import CorpusSettings, DedupSettings

RESULTS = Path(__file__).parent / "results" / "dedup.csv"
CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
SETTINGS = DedupSettings()
COLUMNS = ("what", "lines", "ours", "datasketch", "ratio_median", "ratio_min", "ratio_max")


def sample_lines(count: int) -> tuple[str, list[str]]:
    """Random lines in the order of the corpus."""
    if not CORPUS.is_dir():
        return "generated logs", [line.line for line in scenario(lines=count, seed=11)]
    lines = [text for s in list_sources([CorpusSettings(paths=[str(CORPUS)])]) for text in read_file(s.path)]
    rows = sorted(random.Random(11).sample(range(len(lines)), count))
    return "public logs", [lines[row] for row in rows]


def shingles(line: str) -> set[str]:
    width = SETTINGS.shingle
    return {line[start : start + width] for start in range(max(len(line) - width, 0) + 1)}


def datasketch_signature(line: str) -> MinHash:
    signature = MinHash(num_perm=SETTINGS.permutations)
    signature.update_batch([shingle.encode() for shingle in shingles(line)])
    return signature


def our_rows(lines: Sequence[str]) -> list[int]:
    with tempfile.TemporaryDirectory() as folder:
        index = Deduplicator(SETTINGS, Path(folder))
        fates = np.concatenate([index.decide(batch) for batch in batches(iter(lines))])
    return np.flatnonzero(fates == KEPT).tolist()


def datasketch_rows(lines: Sequence[str]) -> list[int]:
    index = MinHashLSH(threshold=SETTINGS.threshold, num_perm=SETTINGS.permutations)
    kept: dict[int, MinHash] = {}
    for row, line in enumerate(lines):
        signature = datasketch_signature(line)
        if all(signature.jaccard(kept[other]) < SETTINGS.threshold for other in index.query(signature)):
            index.insert(row, signature)
            kept[row] = signature
    return list(kept)


def our_signatures(lines: Sequence[str]) -> None:
    sketcher = Sketcher(SETTINGS)
    for batch in batches(iter(lines)):
        sketcher.sketch(batch)


def brute_force(lines: Sequence[str]) -> NDArray[np.float32]:
    """Jaccard similarity of every pair, float32 (lines, lines)."""
    names: dict[str, int] = {}
    rows = [[names.setdefault(shingle, len(names)) for shingle in shingles(line)] for line in lines]
    starts = np.cumsum([0, *map(len, rows)])
    ones = np.ones(starts[-1], dtype=np.float32)
    sets = csr_matrix((ones, np.concatenate(rows), starts), shape=(len(lines), len(names)))
    shared = (sets @ sets.T).toarray()
    sizes = np.diff(starts)
    return shared / (sizes[:, None] + sizes - shared)


def candidate_pairs(lines: Sequence[str]) -> set[tuple[int, int]]:
    """The pairs that share a band and are verified similar."""
    sketcher = Sketcher(SETTINGS)
    sketches = sketcher.sketch(lines)
    found = set()
    for row in range(1, len(lines)):
        others = np.flatnonzero((sketches.keys[:row] == sketches.keys[row]).any(axis=1))
        rows, others, _ = sketcher.close(sketches, np.full(len(others), row), sketches, others)
        similar = sketcher.similar(sketches, rows, sketches, others)
        found |= {(int(other), row) for other in others[similar]}
    return found


def agreement(found: set, true: set) -> tuple[float, float]:
    """Recall and precision."""
    both = len(found & true)
    return both / max(len(true), 1), both / max(len(found), 1)


def quality(lines: Sequence[str]) -> list[tuple[str, float, float | None]]:
    """Against brute force: what, ours, datasketch's."""
    similarity = brute_force(lines)
    rows, others = np.nonzero(np.triu(similarity >= SETTINGS.threshold, 1))
    pairs = agreement(candidate_pairs(lines), set(zip(rows.tolist(), others.tolist(), strict=True)))
    kept: list[int] = []
    for row in range(len(lines)):
        if not kept or similarity[row, kept].max() < SETTINGS.threshold:
            kept.append(row)
    everything = set(range(len(lines)))
    true = everything - set(kept)
    ours = agreement(everything - set(our_rows(lines)), true)
    theirs = agreement(everything - set(datasketch_rows(lines)), true)
    return [
        (f"recall of {len(rows)} similar pairs", pairs[0], None),
        ("precision of the pairs", pairs[1], None),
        (f"recall of {len(true)} dropped lines", ours[0], theirs[0]),
        ("precision of the dropped lines", ours[1], theirs[1]),
    ]


def cpu_seconds(call: Callable[[Sequence[str]], object], lines: Sequence[str]) -> float:
    started = time.process_time()
    call(lines)
    return time.process_time() - started


def speed(lines: Sequence[str], repeats: int) -> list[list[object]]:
    calls = {
        "lines per CPU-second, sign, query and verify": (our_rows, datasketch_rows),
        "lines per CPU-second, sign": (
            our_signatures,
            lambda some: [datasketch_signature(line) for line in some],
        ),
    }
    rows: list[list[object]] = []
    for name, (ours, theirs) in calls.items():
        timed = [(cpu_seconds(ours, lines), cpu_seconds(theirs, lines)) for _ in range(repeats)]
        ratios = [b / a for a, b in timed]
        rates = [len(lines) / statistics.median(side) for side in zip(*timed, strict=True)]
        spread = [f"{value:.1f}" for value in (statistics.median(ratios), min(ratios), max(ratios))]
        rows.append([name, len(lines), *(f"{rate:.0f}" for rate in rates), *spread])
    return rows


def whole(form: str) -> None:
    """Prints what the stage makes of the whole corpus, as JSON; a process of its own, for its peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        counts = dedup([CorpusSettings(paths=[str(CORPUS)])], DedupSettings(form=form), Path(folder))
        counts["seconds"] = time.perf_counter() - started
    counts["cpu_seconds"] = time.process_time()
    counts["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    print(json.dumps(counts))


def whole_rows() -> list[list[object]]:
    rows: list[list[object]] = []
    for form in ("raw", "template"):
        command = [sys.executable, "-m", "benchmarks.dedup", "--form", form]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        counts = json.loads(output.splitlines()[-1])
        for name, value in (
            ("MB read", counts["bytes_read"] / 1e6),
            ("MB kept", counts["bytes_kept"] / 1e6),
            ("lines kept", counts["kept"]),
            ("seconds", counts["seconds"]),
            ("CPU seconds", counts["cpu_seconds"]),
            ("peak MB of memory", counts["peak_mb"]),
        ):
            rows.append([f"whole corpus, {form}: {name}", counts["read"], f"{value:.0f}", "", "", "", ""])
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lines", type=int, default=4_000)
    parser.add_argument("--whole", action="store_true", help="also the whole corpus, raw and by templates")
    parser.add_argument("--form", choices=("raw", "template"), help="the whole corpus only, as JSON")
    options = parser.parse_args(arguments)
    if options.form:
        whole(options.form)
        return
    whole_corpus = whole_rows() if options.whole and CORPUS.is_dir() else []
    name, lines = sample_lines(options.lines)
    rows = speed(lines, options.repeats)
    for what, ours, theirs in quality(lines):
        rows.append([what, len(lines), f"{ours:.4f}", "" if theirs is None else f"{theirs:.4f}", "", "", ""])
    rows = [[f"{name}: {row[0]}", *row[1:]] for row in rows + whole_corpus]
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    for row in [COLUMNS, ["---"] * len(COLUMNS), *rows]:
        print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
