"""What ``gpu_training.sh`` runs: packs a contrastive training, trains it on a GPU by the clock, joins what comes back.

The teacher's vectors travel in their principal directions as int8, which keeps their similarities within a hundredth.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import zstandard
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from trainer.cli import load_settings
from trainer.contrast.beginning import beginning
from trainer.contrast.stage import read_vectors, save_model, validate
from trainer.contrast.store import ARRAYS, NAMES, Items
from trainer.contrast.train import Contrast
from trainer.pretraining.pretrain import load_model
from trainer.settings import ContrastSettings
from trainer.stages.work import Work
from trainer.vocabulary.tokenizer import MASK, PAD, content_tokens, special_id

PACKED_BYTES, PIECE_BYTES = 50_000_000, 15_000_000
DIRECTIONS = 96
"""Principal directions that the teacher's vectors keep."""
LEVELS = 127
BAG_SHARE, MASKED_SHARE = 0.15, 0.1
"""Shares of the time for the steps without the layers, and for those of the layers alone."""
PROBE_STEPS = 12
"""Steps of each kind by which the number of steps is chosen."""
ON_GPU = {
    "bf16": True,
    "batch_items": 768,
    "bag_items": 2_048,
    "chunk_tokens": 131_072,
    "learning_rate": 1e-3,
}
"""Settings of a GPU with room for them."""


def pack(config: Path, folder: Path) -> None:
    """Writes items, teacher, start and settings of a run into ``folder``. Raises ValueError past ``PACKED_BYTES``."""
    settings = load_settings(config)
    work, options = Work.of(settings), settings.contrast
    folder.mkdir(parents=True, exist_ok=True)
    start = options.start_from or work["pretrain"]
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(start / name, folder / name)
    plain = start / "tokenizer.json" if options.start_from else work.vocabulary
    shutil.copyfile(plain, folder / "tokenizer-plain.json")
    shutil.copyfile(work["items"] / "tokenizer.json", folder / "tokenizer.json")
    shutil.copyfile(work["items"] / NAMES, folder / NAMES)
    compress(work["items"] / ARRAYS, folder / f"{ARRAYS}.zst")
    save_file(reduced(read_vectors(work["teaching"])), folder / "teacher.safetensors")
    kept = options.model_copy(update={"start_from": None, "texts": []})
    (folder / "settings.json").write_text(kept.model_dump_json(indent=2) + "\n")
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > PACKED_BYTES:
        raise ValueError(f"{folder}: {size:,} bytes, at most {PACKED_BYTES:,} may travel")
    print(f"{folder}: {size:,} bytes")


def compress(source: Path, target: Path) -> None:
    """Writes a file packed by zstd."""
    with source.open("rb") as plain, target.open("wb") as packed:
        zstandard.ZstdCompressor(level=12).copy_stream(plain, packed)


def reduced(vectors: NDArray[np.float16]) -> dict[str, NDArray]:
    """Unit vectors (n, dim) without their mean in ``DIRECTIONS`` directions: int8 rows and their one scale."""
    table = vectors.astype(np.float32)
    table -= table.mean(0) if len(table) else 0
    directions = np.linalg.eigh(table.T @ table)[1].T[::-1][:DIRECTIONS]
    rows = table @ directions.T
    scale = np.abs(rows).max() / LEVELS if rows.size else np.float32(1)
    return {"rows": np.rint(rows / scale).astype(np.int8), "scale": np.array(scale, np.float32)}


def train(folder: Path, out: Path, minutes: float) -> None:
    """Trains what ``pack`` packed for ``minutes`` by the clock and leaves the model in pieces in ``out``."""
    began = time.monotonic()
    options = ContrastSettings.model_validate_json((folder / "settings.json").read_text())
    if torch.cuda.is_available():
        options = options.model_copy(update=ON_GPU)
    scratch = out / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    with (folder / f"{ARRAYS}.zst").open("rb") as packed, (scratch / ARRAYS).open("wb") as plain:
        zstandard.ZstdDecompressor().copy_stream(packed, plain)
    shutil.copyfile(folder / NAMES, scratch / NAMES)
    items = Items.load(scratch)
    options = options.model_copy(update={"masked_steps": 0})
    bag, deep = (seconds_per_step(begin(folder, items, options, bags, scratch)) for bags in (10**6, 0))
    left = minutes * 60 * 0.93 - (time.monotonic() - began)
    bag_steps = max(1, int(left * BAG_SHARE / bag))
    steps = bag_steps + max(1, int(left * (1 - BAG_SHARE) / deep))
    masked = int(left * MASKED_SHARE / deep)
    options = options.model_copy(update={"steps": steps, "masked_steps": masked})
    run = begin(folder, items, options, bag_steps, scratch)
    print(
        f"{bag_steps:,} steps of {bag:.3f} s without layers, {steps - bag_steps:,} of {deep:.3f} s",
        flush=True,
    )
    while run.progress.step < steps and time.monotonic() - began < minutes * 60 * 0.96:
        loss, _, _ = run.step()
        if run.progress.step % max(1, steps // 40) == 0:
            print(f"{run.progress.step}: loss {loss:.3f}, {time.monotonic() - began:.0f} s", flush=True)
    run.model.eval()
    figures = validate(run)
    print(json.dumps(figures), flush=True)
    save_model(run, folder / "tokenizer.json", scratch)
    (scratch / "figures.json").write_text(
        json.dumps({"settings": options.model_dump(mode="json"), "tokens": run.progress.tokens, **figures})
        + "\n"
    )
    weights = load_file(scratch / "model.safetensors")
    save_file(
        {name: array.astype(np.float16) for name, array in weights.items()}, scratch / "model.safetensors"
    )
    for name in ("config.json", "model.safetensors", "pooling.safetensors", "tokenizer.json", "figures.json"):
        split(scratch / name, out)
    shutil.rmtree(scratch)


def begin(folder: Path, items: Items, options: ContrastSettings, bag_steps: int, scratch: Path) -> Contrast:
    """A run at its beginning."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    torch.manual_seed(options.seed)
    packed = load_file(folder / "teacher.safetensors")
    teacher = (packed["rows"] * packed["scale"]).astype(np.float16)
    plain = Tokenizer.from_file(str(folder / "tokenizer-plain.json"))
    return Contrast(
        beginning(
            load_model(folder).train(),
            tokenizer,
            plain,
            items,
            teacher,
            words=bag_steps > 0,
            repeats=options.repeats,
        ),
        items,
        teacher,
        options.model_copy(update={"bag_steps": bag_steps, "steps": max(options.steps, bag_steps)}),
        scratch,
        allowed=torch.tensor(content_tokens(tokenizer)),
        mask_id=special_id(tokenizer, MASK),
        pad_id=special_id(tokenizer, PAD),
    )


def seconds_per_step(run: Contrast) -> float:
    """Measured over a few steps, the first ones left out."""
    for _ in range(PROBE_STEPS // 3):
        run.step()
    started = time.monotonic()
    for _ in range(PROBE_STEPS):
        run.step()
    return (time.monotonic() - started) / PROBE_STEPS


def split(path: Path, out: Path) -> None:
    """Writes a file in pieces."""
    data = path.read_bytes()
    for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
        (out / f"{path.name}.{number:02d}").write_bytes(data[start : start + PIECE_BYTES])


def join(folder: Path, out: Path, model: Path) -> None:
    """Puts pieces together as a folder with a model, its vocabulary and its pooling."""
    model.mkdir(parents=True, exist_ok=True)
    names = sorted({path.name[:-3] for path in out.glob("*.[0-9][0-9]")})
    if "model.safetensors" not in names:
        raise ValueError(f"{out}: has no pieces of a model")
    for name in names:
        pieces = sorted(out.glob(f"{name}.[0-9][0-9]"))
        (model / name).write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    print(f"{model}: {(model / 'figures.json').read_text().strip()[-200:]}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, places in (
        ("pack", ("config", "folder")),
        ("train", ("folder", "out")),
        ("join", ("folder", "out", "model")),
    ):
        command = commands.add_parser(name)
        for place in places:
            command.add_argument(place, type=Path)
    commands.choices["train"].add_argument("minutes", type=float, nargs="?", default=8.0)
    options = parser.parse_args(arguments)
    if options.command == "pack":
        pack(options.config, options.folder)
    elif options.command == "train":
        train(options.folder, options.out, options.minutes)
    else:
        join(options.folder, options.out, options.model)


if __name__ == "__main__":
    main()
