"""What the encoders are timed on: rows of one length cut from real text, the real mix of lengths, a stream."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from encoder_core.batching import token_budget_batches
from stream_processors.demo.scenario import scenario

BESIDE = Path(__file__).parents[2] / "shared" / "eval"
SETS = ("idts", "odts")
SAMPLE_LINES = 1_500
STREAM_LINES = 12_000
SEED = 11
Ids = NDArray[np.int64]


def evaluation_folder(option: Path | None) -> Path | None:
    """The folder of real lines: the option, $SECENCODER_EVAL, or the one beside the project; None without any."""
    named = option or os.environ.get("SECENCODER_EVAL")
    if named and not Path(named).is_dir():
        raise ValueError(f"{named}: no such folder of evaluation lines")
    return Path(named) if named else BESIDE if BESIDE.is_dir() else None


def generated(count: int) -> list[str]:
    return [line.line for line in scenario(lines=count, seed=SEED)]


def sample_lines(folder: Path | None) -> tuple[str, list[str]]:
    """Distinct lines in random order, and where they are from."""
    paths = [path for name in SETS if folder and (path := folder / f"{name}.jsonl.gz").is_file()]
    if not paths:
        return "generated logs", list(dict.fromkeys(generated(2 * SAMPLE_LINES)))[:SAMPLE_LINES]
    lines = sorted(set(itertools.chain.from_iterable(map(read_set, paths))))
    return "public logs (" + ", ".join(SETS) + ")", random.Random(SEED).sample(lines, SAMPLE_LINES)


def read_set(path: Path) -> list[str]:
    """The lines of a gzipped JSONL file with a field ``line``."""
    return [json.loads(record)["line"] for record in gzip.decompress(path.read_bytes()).splitlines()]


def stream_lines(folder: Path | None) -> tuple[str, list[str]]:
    """Lines in order, with their repeats, of several systems in turn, and where they are from."""
    paths = sorted((folder / "loghub").glob("*_2k.log")) if folder else []
    if not paths:
        return "generated logs", generated(STREAM_LINES)
    systems = [path.read_text(errors="replace").splitlines() for path in paths]
    names = ", ".join(path.name.split("_")[0] for path in paths)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*systems))
    return f"Loghub samples ({names}), one line of each in turn", [line for line in turns if line is not None]


def rows_of_length(tokenizer: Tokenizer, lines: Sequence[str], *, rows: int, length: int) -> Ids:
    """Token ids of real text cut to exactly ``length`` with [CLS] and [SEP], int64 (rows, length)."""
    encodings = tokenizer.encode_batch(list(lines), add_special_tokens=False)
    text = np.concatenate([np.array(encoding.ids, dtype=np.int64) for encoding in encodings])
    ids = np.empty((rows, length), dtype=np.int64)
    ids[:, 1:-1] = np.resize(text, (rows, length - 2))
    ids[:, 0], ids[:, -1] = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    return ids


def in_order(rows: Sequence[Ids], size: int) -> list[list[Ids]]:
    """Batches of ``size`` rows as they come."""
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]


def padding_share(batches: Sequence[Sequence[int]]) -> float:
    """Share of padding in batches of rows of these lengths."""
    return 1 - sum(map(sum, batches)) / sum(len(batch) * max(batch) for batch in batches)


def padding_table(lengths: Sequence[int]) -> list[tuple[str, float]]:
    """Padding share by way of batching."""
    ways = {"64 lines in order": [list(lengths[start : start + 64]) for start in range(0, len(lengths), 64)]}
    ordered = sorted(lengths)
    ways["64 lines, sorted"] = [ordered[start : start + 64] for start in range(0, len(ordered), 64)]
    for budget in (1_024, 2_048, 4_096, 8_192):
        batches = token_budget_batches(lengths, budget)
        ways[f"at most {budget:,} tokens, sorted"] = [[lengths[i] for i in batch] for batch in batches]
    return [(name, padding_share(batches)) for name, batches in ways.items()]
