"""Masked-language-model pretraining of a DeBERTa-v2 encoder on log lines (paper section 3.3).

One linear loop: batches in, loss out, a checkpoint every few minutes from which the run goes on exactly.
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import DebertaV2ForMaskedLM

from trainer.dataset import Batch, TokenLines, pad_rows, training_rows
from trainer.masking import mask_content
from trainer.model import make_config, make_model, masked_loss
from trainer.tokenizer import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, content_tokens, special_id

LOSS_EVERY = 20
"""Steps averaged into one row of the loss curve."""
CURVE_COLUMNS = ("step", "loss", "learning_rate", "tokens", "seconds")


@dataclass(frozen=True, slots=True)
class PretrainSettings:
    """Hyper-parameters, saved beside every checkpoint."""

    size: str = "tiny"
    steps: int = 4_000
    batch_tokens: int = 4_096
    max_length: int = 192
    learning_rate: float = 1e-3
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    mask_probability: float = 0.2
    bf16: bool = False
    """bfloat16 autocast: 1.9 times faster on a CPU with AVX512-BF16, far slower on one without."""
    checkpoint_minutes: float = 5.0
    seed: int = 7


def learning_rate_at(step: int, settings: PretrainSettings) -> float:
    """Linear warm-up, then a cosine down to a tenth of the peak."""
    warmup = max(1, round(settings.steps * settings.warmup_share))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, settings.steps - warmup)
    return settings.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))


def endless_batches(
    lines: TokenLines, settings: PretrainSettings, tokenizer: Tokenizer, *, skip: int
) -> Iterator[Batch]:
    """Batches of epoch after epoch, the first ``skip`` left out."""
    cls_id, sep_id, pad_id = (special_id(tokenizer, token) for token in (CLS, SEP, PAD))
    epoch = 0
    while True:
        for rows in training_rows(
            lines,
            max_length=settings.max_length,
            batch_tokens=settings.batch_tokens,
            seed=settings.seed,
            epoch=epoch,
        ):
            if skip > 0:
                skip -= 1
                continue
            yield pad_rows(rows, cls_id=cls_id, sep_id=sep_id, pad_id=pad_id)
        epoch += 1


def make_optimizer(model: DebertaV2ForMaskedLM, settings: PretrainSettings) -> torch.optim.AdamW:
    """Fused AdamW; biases and norms are not decayed."""
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        eps=1e-6,
        fused=True,
    )


def save_checkpoint(
    folder: Path, model: DebertaV2ForMaskedLM, optimizer: torch.optim.AdamW, step: int
) -> None:
    """Model, optimizer moments and step as one safetensors file, replaced atomically."""
    tensors = {f"model.{name}": p.detach() for name, p in model.named_parameters()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "checkpoint.part"
    save_file(tensors, part, metadata={"step": str(step)})
    os.replace(part, folder / "checkpoint.safetensors")


def load_checkpoint(folder: Path, model: DebertaV2ForMaskedLM, optimizer: torch.optim.AdamW) -> int:
    """Restores a run in place and returns its next step; 0 when there is no checkpoint."""
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return 0
    with safe_open(path, "pt") as opened:
        step = int(opened.metadata()["step"])
    tensors = load_weights(folder, model)
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return step


def load_weights(folder: Path, model: DebertaV2ForMaskedLM) -> dict[str, torch.Tensor]:
    """Loads a checkpoint's weights in place; returns all its tensors."""
    tensors = load_file(folder / "checkpoint.safetensors")
    named = {name: tensors[f"model.{name}"] for name, _ in model.named_parameters()}
    model.load_state_dict(named, strict=False)  # strict would ask for the tied embedding's second name
    return tensors


def curve_rows(path: Path, last: int) -> list[list[str]]:
    """The rows of a loss curve up to step ``last``; later ones were written after the checkpoint and come again."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return [row for row in csv.reader(stream) if row and row[0].isdigit() and int(row[0]) <= last]


def pretrain(
    lines: TokenLines, tokenizer: Tokenizer, settings: PretrainSettings, folder: Path
) -> DebertaV2ForMaskedLM:
    """Trains to ``settings.steps``, going on from ``folder`` when it holds a checkpoint.

    Writes ``checkpoint.safetensors`` and ``loss.csv`` (step, loss, learning_rate, tokens, seconds) there. The
    masking of a step is drawn from (seed, step), so an interrupted run repeats exactly what it would have done.
    """
    torch.manual_seed(settings.seed)
    model = make_model(make_config(settings.size, tokenizer.get_vocab_size())).train()
    optimizer = make_optimizer(model, settings)
    first = load_checkpoint(folder, model, optimizer)
    content = torch.tensor(content_tokens(tokenizer))
    mask_id = special_id(tokenizer, MASK)
    batches = endless_batches(lines, settings, tokenizer, skip=first)
    generator = torch.Generator()
    folder.mkdir(parents=True, exist_ok=True)
    started = saved = time.monotonic()
    tokens = 0
    losses: list[float] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    kept = curve_rows(folder / "loss.csv", first)
    with Progress(*columns) as progress, (folder / "loss.csv").open("w", newline="") as curve:
        writer = csv.writer(curve)
        writer.writerows([CURVE_COLUMNS, *kept])
        task = progress.add_task("pretrain", total=settings.steps, completed=first)
        for step in range(first, settings.steps):
            batch = next(batches)
            generator.manual_seed(settings.seed * 1_000_003 + step)
            inputs, labels = mask_content(
                batch.ids,
                content,
                mask_id=mask_id,
                first_word_id=len(SPECIAL_TOKENS),
                probability=settings.mask_probability,
                generator=generator,
            )
            if not bool((labels >= 0).any()):
                continue
            rate = learning_rate_at(step, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
                loss = masked_loss(model, inputs, batch.attention, labels)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
            if not (torch.isfinite(loss) and torch.isfinite(norm)):
                raise FloatingPointError(
                    f"step {step}: the loss is {loss.item()}, its gradient's norm {norm.item()}; "
                    f"{folder} keeps the last checkpoint"
                )
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.item())
            tokens += int(batch.attention.sum())
            if (step + 1) % LOSS_EVERY == 0:
                mean = sum(losses) / len(losses)
                seconds = time.monotonic() - started
                writer.writerow([step + 1, f"{mean:.4f}", f"{rate:.2e}", tokens, f"{seconds:.1f}"])
                curve.flush()
                progress.update(
                    task, completed=step + 1, description=f"loss {mean:.3f}, {tokens / seconds:,.0f} tokens/s"
                )
                losses.clear()
            if time.monotonic() - saved > settings.checkpoint_minutes * 60:
                save_checkpoint(folder, model, optimizer, step + 1)
                saved = time.monotonic()
    save_checkpoint(folder, model, optimizer, settings.steps)
    return model.eval()
