"""The training loop of the contrast stage: batches in, losses out, a checkpoint every few minutes.

A step is a function of the settings and its number alone, so an interrupted run goes on exactly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from trainer.contrast.batches import Batch, Sampler
from trainer.contrast.items import WORDS
from trainer.contrast.losses import agreement, contrast, kinship
from trainer.contrast.model import WeightedEncoder, frame
from trainer.contrast.store import Items
from trainer.pretraining.engine import MOMENTS, WEIGHTS
from trainer.pretraining.masking import mask_tokens
from trainer.pretraining.memory import release_memory
from trainer.pretraining.model import masked_loss
from trainer.settings import ContrastSettings
from trainer.stages import checkpoint
from trainer.stages.curve import add_row, cut_curve, draw_loss

CURVE_STEPS = 10
SAME_TEACHER = 0.93
"""Similarity, to the teacher, from which two texts are not pushed apart."""
NO_KIN = ("", "english", "application", WORDS)
"""Domains whose texts have nothing in common."""
NO_DECAY = ("token_weights", "layer_weights")
BEGIN = ("lm.deberta.embeddings.", *NO_DECAY)
"""Parameters that a text's first states and their mean depend on."""
LABEL = "contrast + teacher + masked tokens (nats)"


class Contrast:
    """One run: where it is, and what it does next.

    allowed: bool (vocabulary,), entries that may be masked. mask_id, first_word_id: see ``mask_tokens``.
    """

    def __init__(
        self,
        model: WeightedEncoder,
        items: Items,
        teacher: NDArray[np.float16],
        settings: ContrastSettings,
        folder: Path,
        *,
        allowed: Tensor,
        mask_id: int,
        pad_id: int,
    ) -> None:
        self.items, self.settings, self.folder = items, settings, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device)
        table = torch.from_numpy(np.array(teacher, np.float32)).to(self.device)
        self.teacher = torch.nn.functional.normalize(table - table.mean(0), dim=1) if len(table) else table
        self.allowed, self.mask_id, self.pad_id = allowed, mask_id, pad_id
        self.domains = torch.from_numpy(domain_numbers(items)).to(self.device)
        self.sampler = Sampler(items, english=settings.english, power=settings.power, seed=settings.seed)
        self.optimizer = torch.optim.AdamW(self.groups(), betas=(0.9, 0.98), eps=1e-6, fused=True)
        tensors, self.progress = checkpoint.load_checkpoint(folder)
        self.restore(tensors)
        cut_curve(folder, self.progress.step)

    def groups(self) -> list[dict[str, Any]]:
        """Parameters as the optimizer wants them: matrices are decayed, others are not, weights learn faster."""
        named = list(self.model.named_parameters())
        weights = [p for name, p in named if name in NO_DECAY]
        vectors = [p for name, p in named if name not in NO_DECAY and p.ndim < 2]
        matrices = [p for name, p in named if name not in NO_DECAY and p.ndim >= 2]
        return [
            {"params": matrices, "weight_decay": self.settings.weight_decay, "factor": 1.0},
            {"params": vectors, "weight_decay": 0.0, "factor": 1.0},
            {"params": weights, "weight_decay": 0.0, "factor": self.settings.weights_factor},
        ]

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes weights and moments from a checkpoint; nothing at the beginning."""
        with torch.no_grad():
            for name, parameter in self.model.named_parameters() if tensors else ():
                parameter.copy_(tensors[f"{WEIGHTS}.{name}"])
                begun = max(
                    (first for first in phases(self.settings) if first < self.progress.step), default=0
                )
                self.optimizer.state[parameter] = {"step": torch.tensor(float(self.progress.step - begun))}
                self.optimizer.state[parameter] |= {
                    kind: tensors[f"{kind}.{name}"].to(self.device, copy=True) for kind in MOMENTS
                }

    def save(self) -> None:
        """Writes a checkpoint."""
        found = {f"{WEIGHTS}.{name}": p.detach() for name, p in self.model.named_parameters()}
        for name, parameter in self.model.named_parameters():
            state = self.optimizer.state.get(parameter) or {}
            for kind in MOMENTS:
                found[f"{kind}.{name}"] = state.get(kind, torch.zeros_like(parameter))
        checkpoint.save_checkpoint(
            self.folder, {n: t.cpu().contiguous() for n, t in found.items()}, self.progress
        )

    def step(self) -> tuple[float, float, float]:
        """One step of the optimizer: loss, learning rate, norm of the gradient."""
        now, settings = self.progress, self.settings
        _, alone, whole = phases(settings)
        shallow = now.step < alone
        if now.step in (alone, whole):
            self.optimizer.state.clear()  # all moments of a phase begin together
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(not alone <= now.step < whole or not name.startswith(BEGIN))
        size = settings.bag_items if shallow else settings.batch_items
        batch = self.sampler.batch(now.step, size)
        texts = np.concatenate([batch.anchors, batch.positives, batch.alone])
        if alone <= now.step < whole:
            loss = self.masked(batch, now.step, share=1.0)
        else:
            loss = self.loss(batch, texts, self.bags(texts) if shallow else self.rows(texts))
            if not shallow and settings.masked_weight:
                loss = loss + settings.masked_weight * self.masked(
                    batch, now.step, share=settings.masked_share
                )
        rate = learning_rate_at(now.step, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip_norm))
        if math.isfinite(norm):
            for parameter in self.model.parameters():
                if parameter.grad is None and parameter.requires_grad and not shallow:
                    parameter.grad = torch.zeros_like(parameter)
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        tokens = int((self.items.starts[texts + 1] - self.items.starts[texts]).sum())
        self.progress = replace(
            now,
            step=now.step + 1,
            batches=now.batches + 1,
            tokens=now.tokens + tokens,
            recent=[*now.recent, loss.item()][-CURVE_STEPS:],
        )
        return loss.item(), rate, norm

    def loss(self, batch: Batch, texts: NDArray[np.int64], vectors: Tensor) -> Tensor:
        """Contrast of the pairs, and the teacher's opinion of all texts it has seen."""
        settings, pairs = self.settings, len(batch.anchors)
        groups = torch.from_numpy(self.items.groups[batch.items]).to(self.device)
        same = groups[:, None] == groups
        rows = torch.from_numpy(self.items.teacher[texts].astype(np.int64)).to(self.device)
        if len(self.teacher):
            seen = self.teacher[rows.clamp_min(0)]
            both = (rows[:pairs, None] >= 0) & (rows[None, pairs : 2 * pairs] >= 0)
            alike = seen[:pairs] @ seen[pairs : 2 * pairs].T > SAME_TEACHER
            same = same | (both & alike) | (both & alike).T
        loss = settings.contrast_weight * contrast(
            vectors[:pairs],
            vectors[pairs : 2 * pairs],
            same,
            temperature=settings.temperature,
            dims=self.dims(vectors),
        )
        if settings.domain_weight:
            own = torch.from_numpy(batch.items).to(self.device)
            sources = torch.from_numpy(self.items.sources[batch.items]).to(self.device)
            loss = loss + settings.domain_weight * kinship(
                vectors[:pairs], self.domains[own], sources, temperature=settings.domain_temperature
            )
        known = rows >= 0
        if settings.teacher_weight and int(known.sum()) > 2:
            loss = loss + settings.teacher_weight * agreement(
                vectors[known],
                self.teacher[rows[known]],
                temperature=settings.teacher_temperature,
                dims=self.dims(vectors),
            )
        return loss

    def dims(self, vectors: Tensor) -> Sequence[int]:
        """The lengths that vectors are to be cut to."""
        return [vectors.shape[1], *(dim for dim in self.settings.lengths if dim < vectors.shape[1])]

    def bags(self, texts: NDArray[np.int64]) -> Tensor:
        """Vectors of texts by their tokens alone, float32 (texts, dim)."""
        rows = [self.items.row(text) for text in texts]
        starts = np.cumsum([0, *map(len, rows[:-1])])
        ids = torch.from_numpy(np.concatenate(rows).astype(np.int64))
        return self.model.bags(ids.to(self.device), torch.from_numpy(starts).to(self.device))

    def rows(self, texts: NDArray[np.int64]) -> Tensor:
        """Vectors of texts through the layers, those of nearly one length together, float32 (texts, dim)."""
        settings = self.settings
        lengths = self.items.starts[texts + 1] - self.items.starts[texts]
        order = np.argsort(lengths, kind="stable")
        parts, places = [], []
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * lengths[order[end]] <= settings.chunk_tokens:
                end += 1
            some = order[start:end]
            ids, mask = frame([self.items.row(texts[place]) for place in some], self.pad_id)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=settings.bf16):
                parts.append(self.model(ids.to(self.device), mask.to(self.device)).float())
            places.append(some)
            start = end
        back = np.argsort(np.concatenate(places), kind="stable")
        return torch.cat(parts)[torch.from_numpy(back).to(self.device)]

    def masked(self, batch: Batch, step: int, *, share: float) -> Tensor:
        """The loss of the language model on a share of a batch's texts, mean in nats over the predicted tokens."""
        both = np.concatenate([batch.anchors, batch.positives, batch.alone])
        rng = np.random.default_rng((self.settings.seed, step, 1))
        texts = rng.permutation(both)[: max(1, round(share * len(both)))]
        texts = texts[np.argsort(self.items.starts[texts + 1] - self.items.starts[texts], kind="stable")]
        losses, predictions = torch.zeros((), device=self.device), 0
        for some in np.array_split(texts, max(1, len(texts) * 64 // self.settings.chunk_tokens)):
            ids, mask = frame([self.items.row(text) for text in some], self.pad_id)
            generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + step)
            inputs, labels = mask_tokens(
                ids,
                self.allowed,
                mask_id=self.mask_id,
                first_word_id=self.mask_id + 1,
                probability=self.settings.mask_probability,
                generator=generator,
            )
            inputs, mask, labels = (each.to(self.device) for each in (inputs, mask, labels))
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bf16):
                losses = losses + masked_loss(self.model.lm, inputs, mask, labels)
            predictions += int((labels >= 0).sum())
        return losses / max(1, predictions)


def domain_numbers(items: Items) -> NDArray[np.int64]:
    """Of each item its domain's number, int64 (items,); -1 for descriptions and words, and where it says nothing."""
    names = sorted({name["domain"] for name in items.names})
    numbers = np.array(
        [-1 if name["domain"] in NO_KIN else names.index(name["domain"]) for name in items.names], np.int64
    )
    return numbers[items.sources]


def phases(settings: ContrastSettings) -> tuple[int, int, int]:
    """First steps of the phases: token table and weights alone, layers alone, all together."""
    whole = settings.bag_steps + settings.masked_steps
    return 0, settings.bag_steps, whole


def learning_rate_at(step: int, settings: ContrastSettings) -> float:
    """Linear warm-up, then a cosine down to a twentieth of the peak, in each phase."""
    begin, end = max((a, b) for a, b in pairwise((*phases(settings), settings.steps)) if a <= step)
    peak = settings.bag_learning_rate if step < settings.bag_steps else settings.learning_rate
    place, count = step - begin, end - begin
    warmup = max(1, round(count * settings.warmup_share))
    if place < warmup:
        return peak * (place + 1) / warmup
    return peak * (0.05 + 0.475 * (1 + math.cos(math.pi * (place - warmup) / max(1, count - warmup))))


def train(run: Contrast) -> None:
    """Goes on to the last step; writes checkpoints, ``loss.csv`` and ``loss.png`` into the run's folder."""
    settings, folder = run.settings, run.folder
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    saved, started = time.monotonic(), time.monotonic() - run.progress.seconds
    with Progress(*columns) as bar:
        task = bar.add_task("contrast", total=settings.steps, completed=run.progress.step)
        while run.progress.step < settings.steps:
            _, rate, norm = run.step()
            now = run.progress
            now.seconds = time.monotonic() - started
            mean = sum(now.recent) / len(now.recent)
            bar.update(task, completed=now.step, description=f"contrast, loss {mean:.3f}")
            if now.step % CURVE_STEPS == 0:
                release_memory()
                row = (
                    now.step,
                    f"{mean:.5f}",
                    f"{rate:.3e}",
                    f"{norm:.4f}",
                    now.tokens,
                    f"{now.seconds:.1f}",
                )
                add_row(folder, row)
            last = now.step in (*phases(settings)[1:], settings.steps)
            if last or time.monotonic() - saved >= settings.checkpoint_minutes * 60:
                run.save()
                saved = time.monotonic()
                draw_loss(folder, LABEL)
                if not bar.console.is_terminal:
                    bar.print(f"step {now.step} of {settings.steps}, loss {mean:.3f}, {now.tokens:,} tokens")
