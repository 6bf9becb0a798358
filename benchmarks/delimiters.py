"""What the delimiter-aware loss is worth: the same training with and without it, at equal steps.

With it (the paper's Formula 1) only content tokens are masked and predicted, without it (plain MLM) every token but the
special ones. Both models start from the same weights, see the same batches, and are measured alike: content tokens
masked, on lines they did not train on. Needs a work folder whose tokens are made (``secencoder-trainer pretrain``
begins with that), trains both models in it and goes on where it was interrupted.
Run: python -m benchmarks.delimiters --work runs/mine --test heldout.jsonl
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer

from trainer.evaluate import Unigram, evaluate_lines, load_test_lines
from trainer.pretrain import load_model, pretrain
from trainer.settings import PretrainSettings
from trainer.tokenizer import content_tokens
from trainer.tokens import TokenLines

RESULTS = Path(__file__).parent / "results" / "delimiters.csv"
LOSSES = {"delimiter-aware": "skip", "plain MLM": "mask"}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--test", type=Path, nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=1_200)
    parser.add_argument("--every", type=int, default=3, help="evaluate on every so many of the test lines")
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_flush_denormal(True)
    tokens = TokenLines.open(options.work / "tokens")
    tokenizer = Tokenizer.from_file(str(options.work / "tokenizer" / "tokenizer.json"))
    unigram = Unigram.of(tokens.ids, content_tokens(tokenizer))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["loss", "steps", "set", "lines", "predictions", "perplexity", "accuracy"])
        print("| loss | set | perplexity | content-token accuracy |\n| --- | --- | --- | --- |")
        for name, delimiters in LOSSES.items():
            folder = options.work / f"delimiters-{delimiters}"
            if not (folder / "model.safetensors").exists():
                settings = PretrainSettings(steps=options.steps, bf16=options.bf16, delimiters=delimiters)
                pretrain(tokens, tokenizer, settings, folder)
            model = load_model(folder)
            for path in options.test:
                lines = load_test_lines(path)[:: options.every]
                score, _ = evaluate_lines(model, tokenizer, unigram, lines)
                figures = score.lines, score.predictions, f"{score.perplexity:.2f}", f"{score.accuracy:.4f}"
                writer.writerow([name, options.steps, path.name.split(".")[0], *figures])
                print(
                    f"| {name} | {path.name.split('.')[0]} | {score.perplexity:.1f} | {score.accuracy:.1%} |"
                )


if __name__ == "__main__":
    main()
