"""The ``secencoder-trainer`` command: one sub-command per stage, each a file in and a file out."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tokenizers import Tokenizer

from trainer.corpus import CorpusError, Source, load_sources, sample_lines
from trainer.tokenizer import VOCABULARY_SIZE, train_tokenizer

if TYPE_CHECKING:
    from transformers import DebertaV2ForMaskedLM

    from trainer.dataset import TokenLines

LINE_LIMIT = 20_000
"""Characters of a line that training looks at; what follows is cut."""

RunFolder = click.Path(file_okay=False, path_type=Path)
Existing = click.Path(exists=True, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def cli() -> None:
    """Train a SecEncoder: raw logs in, a verified model bundle out."""


@cli.command()
@click.argument("corpus", nargs=-1, required=True, type=Existing)
@click.option("-o", "--run", type=RunFolder, required=True, help="Run folder; gets tokenizer.json.")
@click.option("--characters", default=60_000_000, help="Characters of text to learn from.")
@click.option("--vocabulary", default=VOCABULARY_SIZE, help="Entries, special tokens included.")
@click.option("--power", default=0.5, help="A source's share is its size to this power.")
@click.option("--seed", default=1, help="Seed of the sample.")
def tokenizer(
    corpus: tuple[Path, ...], run: Path, characters: int, vocabulary: int, power: float, seed: int
) -> None:
    """Learn a byte-level BPE vocabulary from CORPUS, files or folders of raw logs."""
    lines = sample_lines(load_sources(corpus), characters, power=power, seed=seed)
    trained = train_tokenizer((line[:LINE_LIMIT] for line in lines), vocabulary)
    run.mkdir(parents=True, exist_ok=True)
    trained.save(str(run / "tokenizer.json"))
    click.echo(f"{run / 'tokenizer.json'}: {trained.get_vocab_size()} entries from {len(lines)} lines")


@cli.command()
@click.argument("corpus", nargs=-1, required=True, type=Existing)
@click.option("-o", "--run", type=RunFolder, required=True, help="Run folder; holds tokenizer.json.")
@click.option("--size", default="tiny", help="Model size.")
@click.option("--steps", default=4_000, help="Optimizer steps.")
@click.option("--batch-tokens", default=4_096, help="Tokens of a batch, padding included.")
@click.option("--max-length", default=192, help="Longer lines are cropped at random.")
@click.option("--learning-rate", default=1e-3, help="Peak of the cosine schedule.")
@click.option("--characters", default=120_000_000, help="Characters of text to train on.")
@click.option("--power", default=0.5, help="A source's share is its size to this power.")
@click.option("--seed", default=7, help="Seed of sample, order, masking and weights.")
@click.option("--bf16", is_flag=True, help="bfloat16 autocast, for CPUs with AVX512-BF16 or AMX.")
def pretrain(
    corpus: tuple[Path, ...],
    run: Path,
    size: str,
    steps: int,
    batch_tokens: int,
    max_length: int,
    learning_rate: float,
    characters: int,
    power: float,
    seed: int,
    bf16: bool,
) -> None:
    """Pretrain an encoder on CORPUS; run it again to go on from the last checkpoint."""
    import torch

    from trainer.curve import draw_loss
    from trainer.pretrain import PretrainSettings
    from trainer.pretrain import pretrain as run_pretraining

    torch.set_flush_denormal(True)  # of the whole process: tiny gradients would slow a CPU down
    settings = PretrainSettings(
        size=size,
        steps=steps,
        batch_tokens=batch_tokens,
        max_length=max_length,
        learning_rate=learning_rate,
        bf16=bf16,
        seed=seed,
    )
    vocabulary = Tokenizer.from_file(str(run / "tokenizer.json"))
    tokens = encode_sample(vocabulary, load_sources(corpus), characters, power, seed)
    click.echo(f"{len(tokens):,} lines, {len(tokens.ids):,} tokens")
    record = asdict(settings) | {
        "characters": characters,
        "power": power,
        "lines": len(tokens),
        "corpus_tokens": len(tokens.ids),
    }
    (run / "settings.json").write_text(json.dumps(record, indent=2) + "\n")
    run_pretraining(tokens, vocabulary, settings, run)
    click.echo(f"{draw_loss(run)}: the loss curve")


@cli.command()
@click.argument("corpus", nargs=-1, required=True, type=Existing)
@click.option("-o", "--run", type=RunFolder, required=True, help="Run folder with a finished pretraining.")
@click.option(
    "--test", "tests", multiple=True, required=True, type=Existing, help="JSONL with a field 'line'."
)
def evaluate(corpus: tuple[Path, ...], run: Path, tests: tuple[Path, ...]) -> None:
    """Perplexity and masked accuracy on held-out lines, beside a unigram model; writes evaluation.json.

    CORPUS is what the model was trained on: the unigram model's text, and lines of the tests that equal one of its
    lines once numbers are masked are also reported apart.
    """
    from trainer.evaluate import Unigram, markdown_table
    from trainer.evaluate import evaluate as run_evaluation
    from trainer.tokenizer import content_tokens

    settings = json.loads((run / "settings.json").read_text())
    vocabulary, model = load_run(run)
    sources = load_sources(corpus)
    tokens = encode_sample(vocabulary, sources, *(settings[name] for name in ("characters", "power", "seed")))
    unigram = Unigram.of(tokens, content_tokens(vocabulary))
    everything = (line for source in sources for line in source.lines)
    rows = run_evaluation(model, vocabulary, unigram, tests, everything)
    (run / "evaluation.json").write_text(json.dumps(rows, indent=2) + "\n")
    click.echo(markdown_table(rows))


@cli.command()
@click.option("-o", "--run", type=RunFolder, required=True, help="Run folder with a finished pretraining.")
@click.option(
    "--bundle", type=RunFolder, required=True, help="Bundle folder to write; replaced when it exists."
)
@click.option("--name", default="secencoder-tiny", help="Name in the manifest.")
@click.option("--version", required=True, help="Version in the manifest.")
@click.option(
    "--check", "check_file", type=Existing, required=True, help="JSONL of real lines for the parity check."
)
@click.option("--data", default="", help="One sentence on the training data, for card and manifest.")
@click.option("--keep-fp32", is_flag=True, help="Keep onnx/model.onnx in the bundle.")
def export(
    run: Path, bundle: Path, name: str, version: str, check_file: Path, data: str, keep_fp32: bool
) -> None:
    """Write a run's model as a verified bundle: fp16 weights, ONNX, tokenizer, model card, manifest."""
    from trainer.card import model_card
    from trainer.evaluate import load_test_lines
    from trainer.export import export_bundle
    from trainer.model import parameter_count

    settings = json.loads((run / "settings.json").read_text())
    evaluation = run / "evaluation.json"
    metrics = json.loads(evaluation.read_text()) if evaluation.exists() else []
    vocabulary, model = load_run(run)
    record = {
        "name": name,
        "version": version,
        "architecture": "deberta-v2",
        "licence": "Apache-2.0",
        "parameters": parameter_count(model),
        "training": settings | {"data": data},
        "metrics": metrics,
    }
    lines = load_test_lines(check_file)
    step = max(1, len(lines) // 400)
    export_bundle(
        model,
        vocabulary,
        bundle,
        lines=[line[:LINE_LIMIT] for line in lines[::step]],
        record=record,
        card=model_card(record, model.config.to_dict()),
        keep_fp32=keep_fp32,
    )
    click.echo(f"{bundle}: {name} {version}")


def encode_sample(
    vocabulary: Tokenizer, sources: list[Source], characters: int, power: float, seed: int
) -> TokenLines:
    """The tokenised training sample: equal arguments give what a model was trained on."""
    from trainer.dataset import encode_lines

    lines = sample_lines(sources, characters, power=power, seed=seed)
    return encode_lines(vocabulary, [line[:LINE_LIMIT] for line in lines])


def load_run(run: Path) -> tuple[Tokenizer, DebertaV2ForMaskedLM]:
    """Tokenizer and model of a run folder's last checkpoint."""
    from trainer.model import make_config, make_model
    from trainer.pretrain import load_weights

    if not (run / "checkpoint.safetensors").exists():
        raise CorpusError(f"{run}: has no checkpoint.safetensors; run pretrain first")
    settings = json.loads((run / "settings.json").read_text())
    vocabulary = Tokenizer.from_file(str(run / "tokenizer.json"))
    model = make_model(make_config(settings["size"], vocabulary.get_vocab_size())).eval()
    load_weights(run, model)
    return vocabulary, model


def main() -> None:
    """Entry point: exit code 2 for wrong input, 1 for a failure at run time."""
    try:
        cli()
    except CorpusError as error:
        click.echo(f"secencoder-trainer: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
