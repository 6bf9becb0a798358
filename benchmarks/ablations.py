"""What one choice of the pretraining is worth: the same training with and without it, at equal steps.

``delimiters``: the delimiter-aware loss (the paper's Formula 1: only content tokens are masked and predicted) against
plain MLM, where every token but the special ones is. ``shape``: the position buckets and position terms of our own
sizes against DeBERTa-v3's. All models start from one seed, see the same batches and are measured alike: content tokens
masked, on lines they did not train on. Needs a work folder whose tokens are made (``secencoder-trainer pretrain``
begins with that), trains the models in it and goes on where it was interrupted.
Run: python -m benchmarks.ablations shape --work runs/mine --test heldout.jsonl
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from trainer.evaluation.evaluate import Unigram, evaluate_lines, load_test_lines
from trainer.pretraining.pretrain import load_model, pretrain
from trainer.settings import PretrainSettings
from trainer.vocabulary.tokenizer import content_tokens
from trainer.vocabulary.tokens import TokenLines

RESULTS = Path(__file__).parent / "results"
BOTH = {"pos_att_type": ["c2p", "p2c"]}
CHOICES: dict[str, dict[str, dict[str, Any]]] = {
    "delimiters": {
        "delimiter-aware": {"delimiters": "skip", "shape": BOTH},
        "plain MLM": {"delimiters": "mask", "shape": BOTH},
    },
    "shape": {
        "32 buckets, c2p": {"shape": {"pos_att_type": ["c2p"]}},
        "32 buckets, c2p and p2c": {"shape": BOTH},
        "256 buckets, c2p and p2c": {"shape": BOTH | {"position_buckets": 256}},
    },
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("choice", choices=CHOICES)
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
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"ablation-{options.choice}.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([options.choice, "steps", "set", "lines", "predictions", "perplexity", "accuracy"])
        print(f"| {options.choice} | set | perplexity | content-token accuracy |\n| --- | --- | --- | --- |")
        for name, changes in CHOICES[options.choice].items():
            folder = options.work / f"{options.choice}-{name.replace(',', '').replace(' ', '-')}"
            if not (folder / "model.safetensors").exists():
                settings = PretrainSettings(steps=options.steps, bf16=options.bf16, **changes)
                pretrain(tokens, tokenizer, settings, folder)
            model = load_model(folder)
            for path in options.test:
                lines = load_test_lines(path)[:: options.every]
                score, _ = evaluate_lines(model, tokenizer, unigram, lines)
                figures = score.lines, score.predictions, f"{score.perplexity:.2f}", f"{score.accuracy:.4f}"
                kind = path.name.split(".")[0]
                writer.writerow([name, options.steps, kind, *figures])
                print(f"| {name} | {kind} | {score.perplexity:.1f} | {score.accuracy:.1%} |", flush=True)


if __name__ == "__main__":
    main()
