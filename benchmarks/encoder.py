"""Lines and tokens a second of our encoder beside transformers' DeBERTa-v2 and MiniLM, in torch and ONNX Runtime.

All contestants get the same lines and threads and take turns; every ratio is that of one repeat, and tables show
medians with minimum and maximum. Fixed lengths time the model alone, with token ids of real text and about 4,096
tokens a run; the stock forms may also choose their best number of rows. The real mix and the stream include
tokenisation, each contestant with the batches it would have in use. Run: python -m benchmarks.encoder
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import torch
import transformers

from benchmarks.contestants import ONNX, OURS, TEMPLATES, TORCH, Models
from benchmarks.profiles import operator_shares, profile_rows
from benchmarks.report import Section, Target, section_table, table, target_table, write_csv
from benchmarks.sections import BATCH_TOKENS, BEST, base, fixed, mix, overlap, stream, sweep
from benchmarks.timing import Rate, Rates, Spread, progress, ratio
from benchmarks.workloads import evaluation_folder, padding_table, sample_lines, stream_lines

RESULTS = Path(__file__).parent / "results"
PARTS = ("fixed", "sweep", "mix", "stream", "batching", "base")
LENGTHS = (32, 128, 512)
SWEEP = (8, 16, 32, 64, 128, 256, 512, 1_024)
BATCHING_LINES = 512
FIXED_TARGETS = {32: (5, 2.8), 128: (3, 2.3), 512: (3, 1.7)}
"""Times torch and times the stock export in fp32, by length."""
PAPER_TOKENS_PER_MINUTE = "35,791 to 60,150"


def least(rates: Rates, one: str, others: Iterable[str]) -> Spread:
    """The ratio to the fastest of the others that took part."""
    return min(ratio(rates, one, other) for other in others if other in rates)


def find_targets(sections: Sequence[Section]) -> list[Target]:
    """The wanted ratios of the workloads that were measured."""
    by_name = {section.workload: section.rates for section in sections}
    targets = []
    for length, (times_torch, times_onnx) in FIXED_TARGETS.items():
        if rates := by_name.get(f"{length} tokens"):
            for other, needed in ((TORCH, times_torch), (ONNX, times_onnx)):
                spread = least(rates, OURS, (other, other + BEST))
                targets.append(Target(f"int8 to {other}, {length} tokens", needed, spread))
    if rates := by_name.get("real mix"):
        targets.append(Target("int8 uncached to stock, torch, real mix", 5, ratio(rates, OURS, TORCH)))
        if "ours, static" in rates:
            targets.append(
                Target("static to int8 uncached, real mix", 20, ratio(rates, "ours, static", OURS))
            )
    if TEMPLATES in (rates := by_name.get("stream", {})):
        targets.append(Target("templates to torch, stream", 50, ratio(rates, TEMPLATES, TORCH)))
    if swept := [s for s in sections if s.workload.startswith("sweep")]:
        slowest = min(swept, key=lambda s: ratio(s.rates, OURS, ONNX))
        name = f"int8 to {ONNX}, worst of {len(swept)} lengths ({slowest.workload.removeprefix('sweep, ')})"
        targets.append(Target(name, 1, ratio(slowest.rates, OURS, ONNX)))
    return targets


def sweep_table(sections: Sequence[Section]) -> str:
    rows = []
    for section in sections:
        speeds = (f"{tokens_per_second(section.rates[name]):,.0f}" for name in (OURS, ONNX))
        length = section.workload.removeprefix("sweep, ")
        rows.append((length, *speeds, ratio(section.rates, OURS, ONNX)))
    return "## Every length\n\n" + table(("length", f"{OURS}, tokens/s", f"{ONNX}, tokens/s", "ratio"), rows)


def base_table(models: Models, sections: Sequence[Section], parameters: int) -> str:
    rows = [
        (
            f"ours, int8, {models.threads} CPU threads, {section.workload}",
            f"{60 * tokens_per_second(rates):,.0f}",
        )
        for section in sections
        for rates in section.rates.values()
    ]
    paper = ("the paper's Table 7: a V100 GPU, so another machine, and other inputs", PAPER_TOKENS_PER_MINUTE)
    title = f"## Base size, {parameters / 1e6:.0f} million parameters\n\nRandom weights.\n\n"
    return title + table(("what", "tokens/minute"), [*rows, paper])


def tokens_per_second(rates: Sequence[Rate]) -> float:
    return Spread.of([rate.tokens for rate in rates]).median


def batching_table(models: Models, lines: Sequence[str]) -> str:
    padding = padding_table(list(map(len, models.tokenizer.encode(lines)[0])))
    rows = [(name, f"{share:.1%}") for name, share in padding]
    return f"## Padding\n\nOf {len(lines):,} lines of the real mix.\n\n" + table(("batches", "padding"), rows)


def profile_table(models: Models, lines: Sequence[str], folder: Path) -> str:
    shares = {}
    for length in LENGTHS:
        progress(f"profile, {length} tokens")
        ids = models.rows(OURS, lines, rows=BATCH_TOKENS // length, length=length)
        shares[length] = operator_shares(models.bundle.onnx_path, ids, models.threads, folder)
    columns = ("operator", *(f"{length} tokens" for length in shares))
    return "## Time by operator\n\n" + table(columns, profile_rows(shares))


def header(models: Models, repeats: int, source: str) -> str:
    libraries = ", ".join(
        f"{n} {version(n)}" for n in ("onnxruntime", "torch", "transformers", "sentence-transformers")
    )
    return (
        "# Speed of the encoder\n\n"
        f"{models.bundle.name} {models.bundle.version}; {models.threads} threads, {repeats} repeats in turns; "
        f"{libraries}. Lines: {source}. Rates are medians; ratios are medians of the "
        "repeats' ratios, with minimum and maximum; tokens are each model's own, padding not counted.\n"
    )


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lines", type=Path, help="folder of evaluation lines, by default $SECENCODER_EVAL")
    parser.add_argument("--mix-lines", type=int, default=128, help="lines of the real mix a repeat")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run")
    parser.add_argument("--profile", action="store_true", help="also the time by operator")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of encoder.csv and encoder.md")
    return parser.parse_args(arguments)


def run_parts(options: argparse.Namespace, folder: Path) -> tuple[list[Section], str]:
    """Every part that is wanted: all rates for the CSV, and the Markdown."""
    evaluation = evaluation_folder(options.lines)
    source, lines = sample_lines(evaluation)
    models, few = Models.load(folder, options.threads), min(3, options.repeats)
    sections: list[Section] = []
    texts: list[str] = []

    def add(*found: Section, text: str | None = None) -> None:
        sections.extend(found)
        texts.append(text or "\n".join(map(section_table, found)))

    if "fixed" in options.only:
        add(*(fixed(models, lines, length, options.repeats) for length in LENGTHS))
    if "mix" in options.only:
        add(mix(models, lines, options.mix_lines, options.repeats))
    if "stream" in options.only:
        add(stream(models, *stream_lines(evaluation), options.repeats))
    if "sweep" in options.only:
        swept = [sweep(models, lines, length, few) for length in SWEEP]
        add(*swept, text=sweep_table(swept))
    if "batching" in options.only:
        add(overlap(models, lines[:BATCHING_LINES], few))
        add(text=batching_table(models, lines))
    if "base" in options.only:
        found, parameters = base(models, lines, folder, few)
        add(*found, text=base_table(models, found, parameters))
    if options.profile:
        add(text=profile_table(models, lines, folder))
    return sections, "\n".join(
        [header(models, options.repeats, source), target_table(find_targets(sections)), *texts]
    )


def quieten() -> None:
    """Leaves stderr to the progress."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_options(arguments)
    quieten()
    torch.set_num_threads(options.threads)
    os.environ |= {"RAYON_NUM_THREADS": str(options.threads), "TOKENIZERS_PARALLELISM": "true"}
    with tempfile.TemporaryDirectory() as folder:
        sections, text = run_parts(options, Path(folder))
    options.output.mkdir(exist_ok=True, parents=True)
    write_csv(options.output / "encoder.csv", sections)
    (options.output / "encoder.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
