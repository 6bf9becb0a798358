"""Content tokens a second of our pretraining against transformers' ``Trainer``, in the same run.

Both train the same model shape from scratch on the same lines of the same vocabulary, one pass, in one process with
the same threads. The stock side is what a user of transformers would write: ``DebertaV2ForMaskedLM``,
``DataCollatorForLanguageModeling``, ``Trainer``, batches of random lines padded to the longest, the head at every
position. The sides take turns; ratios are medians. A content token is one that the loss of the paper's Formula 1 may
predict, so padding, delimiters and special tokens count for neither side. Run: python -m benchmarks.pretraining
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer

from encoder_core import default_bundle_path
from stream_processors.demo.scenario import scenario
from trainer.pretraining.dataset import FRAME, epoch_rows
from trainer.pretraining.model import make_config, make_model
from trainer.pretraining.pretrain import Pretraining
from trainer.settings import PretrainSettings
from trainer.vocabulary.tokenizer import content_tokens
from trainer.vocabulary.tokens import TokenLines, encode_lines

RESULTS = Path(__file__).parent / "results" / "pretraining.csv"
CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
BATCH_TOKENS = 4_096


def read_lines(count: int, seed: int) -> tuple[str, list[str]]:
    """Random lines of the corpus beside the project, by square root of each file's size, else generated ones."""
    if not CORPUS.is_dir():
        return "generated logs", [labelled.line for labelled in scenario(lines=count, seed=seed)]
    import gzip

    rng = np.random.default_rng(seed)
    files = sorted(CORPUS.glob("*.gz"))
    share = np.sqrt([path.stat().st_size for path in files])
    lines: list[str] = []
    for path, wanted in zip(files, np.ceil(share / share.sum() * count).astype(int), strict=True):
        found = gzip.decompress(path.read_bytes()).decode().splitlines()
        lines += [found[i] for i in rng.permutation(len(found))[:wanted]]
    return "public logs", [lines[i] for i in rng.permutation(len(lines))[:count]]


def ours(tokens: TokenLines, tokenizer: Tokenizer, settings: PretrainSettings) -> float:
    """Seconds of one pass: batches, masking, forward, backward, update."""
    order = tokens.draw(settings.epoch_tokens, power=settings.power, seed=settings.seed, epoch=0)
    shape = {
        "max_length": settings.max_length,
        "batch_tokens": settings.batch_tokens,
        "packing": settings.packing,
    }
    steps = sum(1 for _ in epoch_rows(tokens, order, rng=np.random.default_rng((settings.seed, 0)), **shape))
    with tempfile.TemporaryDirectory() as folder:
        run = Pretraining(tokens, tokenizer, settings, Path(folder))
        started = time.perf_counter()
        for _ in range(steps):
            run.step()
        return time.perf_counter() - started


def stock(tokens: TokenLines, settings: PretrainSettings) -> float:
    """Seconds of one pass of transformers' Trainer over the same lines, cropped to the same length."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(default_bundle_path())
    room = settings.max_length - FRAME
    spans = itertools.pairwise(tokens.starts.tolist())
    rows = [
        [tokenizer.cls_token_id, *tokens.ids[a : min(b, a + room)].tolist(), tokenizer.sep_token_id]
        for a, b in spans
    ]
    mean = statistics.fmean(map(len, rows))
    model = make_model(make_config(settings.size, len(tokenizer)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = transformers.Trainer(
            model=model,
            args=transformers.TrainingArguments(
                folder,
                per_device_train_batch_size=max(
                    1, round(BATCH_TOKENS / mean)
                ),  # as many tokens a step as ours
                num_train_epochs=1,
                learning_rate=settings.learning_rate,
                bf16=settings.bf16,
                use_cpu=True,
                save_strategy="no",
                logging_strategy="no",
                report_to=[],
                disable_tqdm=True,
            ),
            train_dataset=[{"input_ids": row} for row in rows],
            data_collator=transformers.DataCollatorForLanguageModeling(
                tokenizer, mlm_probability=settings.mask_probability
            ),
        )
        trainer.remove_callback(transformers.PrinterCallback)
        started = time.perf_counter()
        trainer.train()
        return time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--compile", action="store_true", help="also time our side with torch.compile")
    options = parser.parse_args(arguments)
    torch.set_flush_denormal(True)
    transformers.utils.logging.set_verbosity_error()
    tokenizer = Tokenizer.from_file(str(default_bundle_path() / "tokenizer.json"))
    data, lines = read_lines(options.lines, seed=5)
    tokens = encode_lines(tokenizer, lines)
    content = np.array(content_tokens(tokenizer))
    room = options.max_length - FRAME
    pieces = [tokens.ids[a : min(b, a + room)] for a, b in itertools.pairwise(tokens.starts)]
    items = sum(int(content[piece].sum()) for piece in pieces)
    common = {"size": options.size, "batch_tokens": BATCH_TOKENS, "max_length": options.max_length}
    plain, bf16 = PretrainSettings(**common), PretrainSettings(**common, bf16=True)
    sides = {
        "stock, fp32": lambda: stock(tokens, plain),
        "ours, fp32": lambda: ours(tokens, tokenizer, plain),
        "ours, fp32, packed rows": lambda: ours(tokens, tokenizer, PretrainSettings(**common, packing=True)),
        "stock, bf16": lambda: stock(tokens, bf16),
        "ours, bf16": lambda: ours(tokens, tokenizer, bf16),
    }
    if options.compile:
        sides["ours, fp32, compiled"] = lambda: ours(
            tokens, tokenizer, PretrainSettings(**common, compile=True)
        )
    timed: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.repeats):
        for name, side in sides.items():
            timed[name].append(side())
    threads = torch.get_num_threads()
    print(
        f"{options.size}, {len(lines)} lines of {data}, {items:,} content tokens, at most {options.max_length} "
        f"tokens a line, {threads} threads, {options.repeats} repeats\n"
    )
    print("| side | content tokens/s | times stock fp32 | times stock bf16 |\n| --- | --- | --- | --- |")
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["side", "content_tokens_per_second", "times_stock_fp32", "times_stock_bf16"])
        for name, seconds in timed.items():
            ratios = [
                statistics.median(b / a for a, b in zip(seconds, timed[other], strict=True))
                for other in ("stock, fp32", "stock, bf16")
            ]
            row = [name, f"{items / statistics.median(seconds):.0f}", *(f"{ratio:.2f}" for ratio in ratios)]
            writer.writerow(row)
            print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
