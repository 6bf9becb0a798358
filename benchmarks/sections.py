"""The workloads of the encoder's benchmark: who takes part in each, with which lines and batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.contestants import (
    CACHED,
    MAX_TOKENS,
    MINILM,
    MINILM_ONNX,
    ONNX,
    ONNX_INT8,
    OURS,
    STATIC_BUNDLE,
    TORCH,
    UNCACHED,
    MakeEncoder,
    Models,
    our_base,
)
from benchmarks.overlap import overlap_contestants
from benchmarks.report import Section
from benchmarks.stock import Ids, Runner
from benchmarks.timing import WARM_UP, Contestant, Work, measure, progress, timed
from benchmarks.workloads import in_order
from encoder_core.batching import pad_rows

BATCH_TOKENS = 4_096
ROWS_TRIED = (8, 32, 64)
MOST_TOKENS_TRIED = 16_384
NAIVE_ROWS = 64
MINILM_ROWS = 32
"""The default of sentence-transformers' ``encode``."""
WORKER_LINES = 500
"""Lines that a worker embeds at once."""
STREAM_FIRST = {"ours, exact cache": 3_000, TORCH: 256}
"""Lines of the stream that the slow contestants are timed on."""
BEST = ", best rows"
BASE = "ours, base int8"
BASE_TOKENS = 2_048
BASE_LENGTHS = (128, 512)
CALIBRATION_LINES = 64


def fixed_work(models: Models, name: str, lines: Sequence[str], *, rows: int, length: int) -> Work:
    ids = models.rows(name, lines, rows=rows, length=length)
    mask, run = np.ones_like(ids), models.runners[name]
    return Work(lambda: run(ids, mask), rows, ids.size)


def fixed(models: Models, lines: Sequence[str], length: int, repeats: int) -> Section:
    """The models alone on rows of one length."""
    rows = BATCH_TOKENS // length
    works = {name: fixed_work(models, name, lines, rows=rows, length=length) for name in models.runners}
    progress(f"{length} tokens: best rows of the stock forms")
    best = {name: fastest(models, name, lines, works[name], length) for name in (TORCH, ONNX, ONNX_INT8)}
    works |= {name + BEST: work for name, work in best.items() if work.lines != rows}
    rates = measure(f"{length} tokens", {name: always(work) for name, work in works.items()}, repeats)
    chosen = ", ".join(f"{name} {work.lines}" for name, work in best.items())
    note = f"{rows} rows a run; fastest number of rows in the warm-up: {chosen}."
    return Section(f"{length} tokens", rates, OURS, TORCH, note)


def fastest(models: Models, name: str, lines: Sequence[str], usual: Work, length: int) -> Work:
    """The work with the number of rows that a contestant is fastest with."""
    tried = [rows for rows in ROWS_TRIED if rows * length <= MOST_TOKENS_TRIED and rows != usual.lines]
    works = [fixed_work(models, name, lines, rows=rows, length=length) for rows in tried]
    return max([usual, *works], key=warm_rate)


def always(work: Work) -> Contestant:
    return lambda _: work


def warm_rate(work: Work) -> float:
    work.call()
    return timed(work).tokens


def sweep(models: Models, lines: Sequence[str], length: int, repeats: int) -> Section:
    """Ours and the stock export alone, at one of many lengths."""
    rows = BATCH_TOKENS // length
    works = {name: fixed_work(models, name, lines, rows=rows, length=length) for name in (OURS, ONNX)}
    rates = measure(f"sweep, {length} tokens", {n: always(work) for n, work in works.items()}, repeats)
    return Section(f"sweep, {length} tokens", rates, OURS, ONNX)


def available(makers: Mapping[str, MakeEncoder], **options: int) -> tuple[dict[str, MakeEncoder], list[str]]:
    """The encoders that can be made, and why the others can't."""
    found, missing = {}, []
    for name, make in makers.items():
        try:
            make(**options)
        except (TypeError, ValueError) as error:
            missing.append(
                f"{name} is left out: {str(error).removeprefix(str(STATIC_BUNDLE.parents[2]) + '/')}"
            )
        else:
            found[name] = make
    return found, missing


def run_batches(run: Runner, batches: Iterable[Sequence[Ids]], pad_id: int) -> None:
    for batch in batches:
        run(*pad_rows(batch, pad_id))


def naive(models: Models, name: str, lines: Sequence[str]) -> Callable[[], None]:
    """Tokenises and runs 64 lines at a time in the order they come, padded to the longest."""

    def call() -> None:
        rows = models.tokenizer.encode(lines)[0]
        run_batches(models.runners[name], in_order(rows, NAIVE_ROWS), models.tokenizer.pad_id)

    return call


def minilm_onnx(models: Models, lines: Sequence[str]) -> Callable[[], None]:
    """What ``encode`` does, around the ONNX graph: sorted by length, 32 at a time."""

    def call() -> None:
        encodings = models.minilm_tokenizer.encode_batch(list(lines))
        rows = sorted((np.array(e.ids, dtype=np.int64) for e in encodings), key=len, reverse=True)
        run_batches(models.runners[MINILM_ONNX], in_order(rows, MINILM_ROWS), 0)

    return call


def mix(models: Models, lines: Sequence[str], block_lines: int, repeats: int) -> Section:
    """Distinct lines of the real lengths; every repeat takes other lines, the same for all."""
    makers, missing = available(UNCACHED, threads=models.threads, max_tokens=MAX_TOKENS)
    encoders = {name: make(threads=models.threads, max_tokens=MAX_TOKENS) for name, make in makers.items()}

    def block(repeat: int) -> Sequence[str]:
        if repeat == WARM_UP:
            return lines[-NAIVE_ROWS:]
        start = repeat * block_lines % (len(lines) - block_lines + 1)
        return lines[start : start + block_lines]

    def contestant(
        prepare: Callable[[Sequence[str]], Callable[[], object]], minilm: bool = False
    ) -> Contestant:
        def turn(repeat: int) -> Work:
            some = block(repeat)
            rows = models.minilm_tokenizer.encode_batch(some) if minilm else models.tokenizer.encode(some)[0]
            return Work(prepare(some), len(some), sum(map(len, rows)))

        return turn

    def embed_whole(repeat: int) -> Work:
        some = block(repeat) if repeat == WARM_UP else lines
        tokens = sum(map(len, models.tokenizer.encode(some)[0]))
        return Work(lambda: encoders[OURS].embed(some), len(some), tokens)

    contestants = {
        name: contestant(lambda some, encoder=encoder: lambda: encoder.embed(some))
        for name, encoder in encoders.items()
    }
    contestants[f"{OURS}, all {len(lines):,} lines in one call"] = embed_whole
    for name in (TORCH, ONNX, ONNX_INT8):
        contestants[name] = contestant(lambda some, name=name: naive(models, name, some))
    encode = models.minilm.encode
    contestants[MINILM] = contestant(lambda some: lambda: encode(some, show_progress_bar=False), minilm=True)
    contestants[MINILM_ONNX] = contestant(lambda some: minilm_onnx(models, some), minilm=True)
    note = [
        f"{block_lines} distinct lines a repeat, cut to {MAX_TOKENS} tokens, tokenisation included. Ours batches by "
        f"length, caches off; the stock forms take {NAIVE_ROWS} lines in order, padded to the longest; MiniLM is "
        f"sentence-transformers' `encode`, which sorts by length, {MINILM_ROWS} lines a batch, its ONNX form alike."
    ]
    rates = measure("real mix", contestants, repeats)
    return Section("real mix", rates, OURS, TORCH, " ".join(note + [line + "." for line in missing]))


def stream(models: Models, source: str, lines: Sequence[str], repeats: int) -> Section:
    """Lines in order with their repeats, caches empty at the start."""
    makers, missing = available(CACHED, threads=models.threads, max_tokens=MAX_TOKENS)

    def first(name: str, repeat: int) -> Sequence[str]:
        return lines[: NAIVE_ROWS if repeat == WARM_UP else STREAM_FIRST.get(name, len(lines))]

    def once(call: Callable[[], object], some: Sequence[str]) -> Work:
        return Work(call, len(some), sum(map(len, models.tokenizer.encode(some)[0])), least_seconds=0)

    def cached(name: str, make: MakeEncoder) -> Contestant:
        def turn(repeat: int) -> Work:
            encoder, some = make(threads=models.threads, max_tokens=MAX_TOKENS), first(name, repeat)

            def call() -> None:
                for start in range(0, len(some), WORKER_LINES):
                    encoder.embed(some[start : start + WORKER_LINES])

            return once(call, some)

        return turn

    contestants = {name: cached(name, make) for name, make in makers.items()}
    ours = list(contestants)[-1]
    contestants[TORCH] = lambda turn: once(naive(models, TORCH, first(TORCH, turn)), first(TORCH, turn))
    counts = ", ".join(f"{name} {len(first(name, 0)):,}" for name in contestants)
    note = [
        f"{source}; first lines of the stream each was timed on, rates are per line: {counts}. Ours takes "
        f"{WORKER_LINES} lines a call as a worker does, torch {NAIVE_ROWS} lines a batch, every line computed."
    ]
    rates = measure("stream", contestants, repeats)
    return Section("stream", rates, ours, TORCH, " ".join(note + [line + "." for line in missing]))


def overlap(models: Models, lines: Sequence[str], repeats: int) -> Section:
    """Threads within a run against runs side by side."""
    contestants = overlap_contestants(models.bundle, models.tokenizer, lines, models.threads)
    first = next(iter(contestants))
    rates = measure("threads", contestants, repeats)
    return Section("threads", rates, first, first, f"{len(lines)} lines of the real mix, our int8 graph.")


def base(models: Models, lines: Sequence[str], folder: Path, repeats: int) -> tuple[list[Section], int]:
    """Our form of the paper's base size, and its number of parameters."""
    progress("exporting the base size")
    models.runners[BASE], parameters = our_base(folder, models, lines[:CALIBRATION_LINES])
    sections = []
    for length in BASE_LENGTHS:
        work = fixed_work(models, BASE, lines, rows=BASE_TOKENS // length, length=length)
        rates = measure(f"base, {length} tokens", {BASE: always(work)}, repeats)
        sections.append(Section(f"base, {length} tokens", rates, BASE, BASE))
    return sections, parameters
