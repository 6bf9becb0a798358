"""The work folder of a run: a folder for each stage, and what later stages read of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.settings import RunSettings
from trainer.stages.manifest import Manifest, read_manifest
from trainer.stages.shards import HELDOUT, INDEX, Shard, list_shards

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class Work:
    """Where the stages of a run leave what they make."""

    folder: Path
    bundle: Path
    results: Path
    trained: str = "pretrain"
    """The stage whose model is evaluated and exported."""

    @classmethod
    def of(cls, settings: RunSettings) -> Work:
        """The work folder that the settings name."""
        folder = settings.work
        bundle, results = settings.export.bundle, settings.evaluate.results
        trained = "contrast" if settings.contrast.steps else "pretrain"
        return cls(folder, bundle or folder / "bundle", results or folder / "evaluation.csv", trained)

    def __getitem__(self, stage: str) -> Path:
        return self.folder / stage

    @property
    def heldout(self) -> Path:
        """The lines that no stage trains on, zstd JSONL."""
        return self["dedup"] / HELDOUT

    @property
    def vocabulary(self) -> Path:
        """The learnt tokenizer."""
        return self["tokenizer"] / "tokenizer.json"

    @property
    def scores(self) -> Path:
        """The figures of the last evaluation."""
        return self["evaluate"] / "scores.json"

    def shards(self) -> list[Shard]:
        """The deduplicated lines."""
        return list_shards(self["dedup"])

    def shard_files(self) -> list[Path]:
        """The deduplicated lines and their index."""
        return [self["dedup"] / INDEX, *(shard.path for shard in self.shards())]

    def token_files(self) -> list[Path]:
        """The tokenised lines."""
        return [self["tokens"] / name for name in read_manifest(self["tokens"]).outputs]

    @property
    def model(self) -> Path:
        """The folder of the trained model."""
        return self[self.trained]

    @property
    def model_vocabulary(self) -> Path:
        """The trained model's tokenizer: the learnt one, or that with placeholders."""
        return self.vocabulary if self.trained == "pretrain" else self.model / "tokenizer.json"

    def model_files(self) -> list[Path]:
        """What makes the trained model."""
        names = ["config.json", "model.safetensors"]
        if self.trained != "pretrain":
            names.append("pooling.safetensors")
        return [*(self.model / name for name in names), self.model_vocabulary]

    def model_stages(self) -> list[Path]:
        """The stages that the trained model is made by, those that a start from a bundle left out not among them."""
        names = ["dedup", "tokenizer", "tokens", "pretrain"]
        if self.trained == "contrast":
            names += ["items", "contrast"]
        return [
            self[name]
            for name in names
            if name != "pretrain" or (self[name]).exists() or name == self.trained
        ]

    def load_vocabulary(self, path: Path | None = None) -> Tokenizer:
        """The learnt tokenizer, or another."""
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(path or self.vocabulary))

    def read_scores(self) -> list[dict[str, Any]]:
        """The rows of the last evaluation."""
        rows: list[dict[str, Any]] = json.loads(self.scores.read_text())
        return rows


def rank() -> int:
    """The number of this process among those that a launcher started; 0 alone."""
    return int(os.environ.get("RANK", "0"))


def report(manifest: Manifest, made: bool) -> None:
    """One line on a stage, by the first process."""
    if rank() > 0:
        return
    if made:
        counts = "".join(f", {name} {short(value)}" for name, value in manifest.counts.items())
        click.echo(f"{manifest.stage}: {manifest.seconds:.1f} s{counts}")
    else:
        click.echo(f"{manifest.stage}: up to date (made in {manifest.seconds:.1f} s)")


def short(value: object) -> str:
    """A figure for people."""
    return (
        f"{value:,.4g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
