"""The ``secencoder-trainer`` command: one sub-command per stage, each a file in and a file out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from tokenizers import Tokenizer

from trainer.corpus import CorpusError, load_sources, sample_lines
from trainer.tokenizer import VOCABULARY_SIZE, train_tokenizer

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
    from trainer.dataset import encode_lines
    from trainer.pretrain import PretrainSettings, settings_record
    from trainer.pretrain import pretrain as run_pretraining

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
    lines = sample_lines(load_sources(corpus), characters, power=power, seed=seed)
    tokens = encode_lines(vocabulary, [line[:LINE_LIMIT] for line in lines])
    click.echo(f"{len(tokens):,} lines, {len(tokens.ids):,} tokens")
    record = settings_record(settings) | {"lines": len(tokens), "corpus_tokens": len(tokens.ids)}
    (run / "settings.json").write_text(json.dumps(record, indent=2) + "\n")
    run_pretraining(tokens, vocabulary, settings, run)


def main() -> None:
    """Entry point: exit code 2 for wrong input, 1 for a failure at run time."""
    try:
        cli()
    except CorpusError as error:
        click.echo(f"secencoder-trainer: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
