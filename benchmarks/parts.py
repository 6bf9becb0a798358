"""What each part of the training by contrast is worth: the same short training without it, at equal steps.

All begin with the same bundle and see items of the same sources; figures are those of the trainer's own validation, on
sources and descriptions that were held out. Needs a work folder whose items and teacher's vectors are made
(``secencoder-trainer contrast`` begins with that). Run: python -m benchmarks.parts --config FILE
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer

from encoder_core import Bundle
from trainer.cli import load_settings
from trainer.contrast.beginning import beginning
from trainer.contrast.items import LOG, TURNED
from trainer.contrast.phrases import SOURCE
from trainer.contrast.stage import read_vectors, validate
from trainer.contrast.store import Items
from trainer.contrast.train import Contrast, train
from trainer.pretraining.pretrain import load_model
from trainer.settings import ContrastSettings
from trainer.stages.work import Work
from trainer.vocabulary.tokenizer import MASK, PAD, content_tokens, special_id

RESULTS = Path(__file__).parent / "results" / "ablation-contrast.csv"


def without_templates(items: Items) -> Items:
    """Of items of logs that have lines enough to make a pair, the template is dropped."""
    kept = np.ones(len(items.starts) - 1, np.bool_)
    kept[items.texts[:-1][(items.kinds == LOG) & (np.diff(items.texts) > 2)]] = False
    lengths = np.diff(items.starts)
    before = np.concatenate([[0], np.cumsum(kept)])
    return replace(
        items,
        ids=items.ids[np.repeat(kept, lengths)],
        starts=np.concatenate([[0], np.cumsum(lengths[kept])]),
        teacher=items.teacher[kept],
        texts=before[items.texts],
    )


def without_opposites(items: Items) -> Items:
    """Turned items are nobody's companions."""
    kept = np.concatenate([[0], np.cumsum(items.kinds[items.companions] != TURNED)])
    return replace(
        items,
        companions=items.companions[np.diff(kept) > 0],
        companion_starts=kept[items.companion_starts],
    )


def without_phrases(items: Items) -> Items:
    """Our own sentences are only validated on."""
    own = np.array([name["source"].startswith(SOURCE) for name in items.names], np.bool_)
    return replace(items, held=items.held | own[items.sources])


def equal_weights(run: Contrast) -> None:
    """The weights of tokens are all the same and stay so."""
    with torch.no_grad():
        run.model.token_weights.zero_()
    run.model.token_weights.requires_grad_(False)
    run.optimizer.param_groups[-1]["factor"] = 0.0


class Part(NamedTuple):
    """A part left out. settings: changed. items: what is done to those trained on. run: what is done to the run."""

    name: str
    settings: Mapping[str, Any] = MappingProxyType({})
    items: Callable[[Items], Items] = lambda items: items
    run: Callable[[Contrast], None] = lambda run: None


PARTS = (
    Part("nothing"),
    Part("templates", items=without_templates),
    Part("contrast", settings={"contrast_weight": 0.0}),
    Part("exchanged words", items=without_opposites),
    Part("our own sentences", items=without_phrases),
    Part("teacher", settings={"teacher_weight": 0.0}),
    Part("domains", settings={"domain_weight": 0.0}),
    Part("token weights", run=equal_weights),
    Part("repeats", settings={"repeats": 0.0}),
)


def measured(part: Part, work: Work, options: ContrastSettings, folder: Path) -> dict[str, float]:
    """The figures of a training without a part."""
    settings = options.model_copy(update=dict(part.settings))
    start = Bundle.load(options.start_from or work["pretrain"]).path
    tokenizer = Tokenizer.from_file(str(work["items"] / "tokenizer.json"))
    items, teacher = Items.load(work["items"]), read_vectors(work["teaching"])
    torch.manual_seed(options.seed)
    model = beginning(
        load_model(start).train(),
        tokenizer,
        Tokenizer.from_file(str(start / "tokenizer.json")),
        items,
        teacher,
        words=part.name != "teacher",
        repeats=settings.repeats,
    )
    run = Contrast(
        model,
        part.items(items),
        teacher,
        settings,
        folder,
        allowed=torch.tensor(content_tokens(tokenizer)),
        mask_id=special_id(tokenizer, MASK),
        pad_id=special_id(tokenizer, PAD),
    )
    part.run(run)
    train(run)
    run.items = items
    return validate(run)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=128, help="pairs of a step")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    torch.set_flush_denormal(True)
    settings = load_settings(options.config)
    shape = {"steps": options.steps, "bag_steps": options.steps, "bag_items": options.pairs}
    contrast = settings.contrast.model_copy(update=shape | {"checkpoint_minutes": 60})
    rows: list[dict[str, str]] = []
    for part in PARTS:
        with TemporaryDirectory() as folder:
            figures = measured(part, Work.of(settings), contrast, Path(folder))
        rows.append(
            {"without": part.name, "steps": str(options.steps), "pairs": str(options.pairs)}
            | {name: f"{value:.4f}" for name, value in figures.items()}
        )
        print(" ".join(rows[-1].values()), flush=True)
    with options.results.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
