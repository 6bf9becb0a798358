"""Checkpoints of a training run: one safetensors file with weights and moments, one JSON file that vouches for it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from encoder_core.bundle import sha256_of

KEPT = 2
"""Checkpoints that stay: the last one, and the one before it in case the last can't be read."""


class CheckpointError(RuntimeError):
    """A checkpoint can't be used; the message names the file and what to do."""


@dataclass(slots=True)
class Progress:
    """Where a run is: everything but weights and moments that its next step depends on."""

    step: int = 0
    batches: int = 0
    """Batches drawn, those given up at a spike included: the next one's number."""
    tokens: int = 0
    seconds: float = 0.0
    rollbacks: int = 0
    recent: list[float] = field(default_factory=list)
    """Losses of the latest steps in nats, oldest first."""


def record_path(folder: Path, step: int) -> Path:
    """The JSON file of a step's checkpoint; the safetensors file stands beside it."""
    return folder / f"checkpoint-{step:08d}.json"


def records(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(folder.glob("checkpoint-*.json"))


def save_checkpoint(folder: Path, tensors: Mapping[str, Tensor], progress: Progress) -> None:
    """Writes a checkpoint whole or not at all, then removes those before the last ``KEPT``.

    The JSON file comes last and by rename: without it the safetensors file does not count.
    """
    record = record_path(folder, progress.step)
    weights = record.with_suffix(".safetensors")
    part = folder / "checkpoint.part"
    try:
        save_file(dict(tensors), part)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        text = json.dumps({"sha256": sha256_of(part), **asdict(progress)})
        os.replace(part, weights)
        part.write_text(text)
        os.replace(part, record)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise CheckpointError(f"{weights}: can't be written: {error}; the last checkpoint is kept") from error
    for old in records(folder)[:-KEPT]:
        remove_checkpoint(old)


def remove_checkpoint(record: Path) -> None:
    """Removes a checkpoint, its JSON file first."""
    record.unlink(missing_ok=True)
    record.with_suffix(".safetensors").unlink(missing_ok=True)


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], Progress]:
    """The latest checkpoint, or nothing and a fresh ``Progress``.

    Raises CheckpointError when its bytes are not those that were written.
    """
    found = records(folder)
    if not found:
        return {}, Progress()
    record = found[-1]
    weights = record.with_suffix(".safetensors")
    hint = f"remove {record} to go on from " + (found[-2].stem if len(found) > 1 else "the beginning")
    try:
        values = json.loads(record.read_text())
        expected = values.pop("sha256")
        progress = Progress(**values)
        if (actual := sha256_of(weights)) != expected:
            raise CheckpointError(f"{weights}: is corrupt (sha256 {actual}, expected {expected}); {hint}")
        return load_file(weights), progress
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"{record}: can't be read: {error!r}; {hint}") from error
