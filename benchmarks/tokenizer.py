"""What the share of administration commands in the tokenizer's sample gives and costs, and the memory of learning.

Every 200th line of the corpus is left out of learning and tells bytes per token. Public logs are read where they are
at hand, else invented ones. Run: python -m benchmarks.tokenizer
"""

from __future__ import annotations

import argparse
import csv
import gzip
import multiprocessing
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from stream_processors.demo.scenario import scenario
from trainer.settings import TokenizerSettings
from trainer.stages.shards import Shard, list_shards, save_index, write_shard
from trainer.vocabulary.tokenizer import LINE_LIMIT, learn

RESULTS = Path(__file__).parent / "results" / "tokenizer.csv"
CORPUS = Path(__file__).parents[1].parent / "shared" / "corpus"
TABLE_1 = "sudo: root : TTY=unknown : PWD=/ : USER=root : COMMAND=/bin/ip netns identify 4867"


def sources() -> Iterator[tuple[str, list[str]]]:
    if not CORPUS.is_dir():
        print("no corpus of public logs at hand: invented lines")
        yield "invented", [labelled.line for labelled in scenario(lines=60_000)]
    for path in sorted(CORPUS.glob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="\n") as stream:
            yield path.name, [line.rstrip("\r\n") for line in stream]


def prepare(folder: Path) -> list[str]:
    """Writes shards and returns the lines left out."""
    shards, left_out = [], []
    for name, lines in sources():
        left_out += lines[::200]
        kept = [line for number, line in enumerate(lines) if number % 200]
        path = folder / f"{name}.jsonl.zst"
        write_shard(path, kept)
        shards.append(Shard(name, "", 1.0, path, len(kept), sum(map(len, kept))))
    save_index(folder, shards)
    return [line[:LINE_LIMIT] for line in left_out]


def measure(folder: Path, settings: TokenizerSettings) -> tuple[dict[str, int | float], float, float]:
    """Counts, seconds, and the peak of memory in MB, of a process of its own."""
    started = time.perf_counter()
    counts = learn(list_shards(folder), settings, folder)
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return counts, time.perf_counter() - started, int(peak[1]) / 1024 if peak else 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=float, nargs="+", default=[0.0, 0.01, 0.03, 0.1])
    parser.add_argument("--characters", type=int, default=TokenizerSettings().characters)
    parser.add_argument("--vocabulary", type=int, default=TokenizerSettings().vocabulary)
    options = parser.parse_args(arguments)
    rows: list[list[object]] = []
    with (
        tempfile.TemporaryDirectory() as name,
        multiprocessing.get_context("spawn").Pool(1, None, (), 1) as pool,
    ):
        left_out = prepare(Path(name))
        size = sum(len(line.encode()) for line in left_out)
        for share in options.commands:
            settings = TokenizerSettings(
                commands=share, characters=options.characters, vocabulary=options.vocabulary
            )
            counts, seconds, peak = pool.apply(measure, (Path(name), settings))
            tokenizer = Tokenizer.from_file(str(Path(name) / "tokenizer.json"))
            tokens = sum(map(len, tokenizer.encode_batch_fast(left_out, add_special_tokens=False)))
            words = [
                token.removeprefix("Ġ")
                for token in tokenizer.encode(TABLE_1, add_special_tokens=False).tokens
            ]
            rows.append(
                [
                    share,
                    counts["entries"],
                    counts["characters"],
                    f"{size / tokens:.4f}",
                    " ".join(words[-6:]),
                    f"{seconds:.1f}",
                    f"{peak:.0f}",
                ]
            )
    columns = [
        "commands",
        "entries",
        "characters",
        "bytes_per_token",
        "end of Table 1's line",
        "seconds",
        "peak_mb",
    ]
    print(
        "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [columns, ["---"] * len(columns), *rows])
    )
    with RESULTS.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])


if __name__ == "__main__":
    main()
