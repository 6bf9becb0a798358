"""Masked-language-model pretraining of a DeBERTa-v2 encoder on log lines (paper section 3.3).

One linear loop: batches in, loss out, a checkpoint every few minutes from which the run goes on exactly. A step is
a function of the settings and its number alone, whatever the number of processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import DebertaV2ForMaskedLM
from transformers.utils.logging import disable_progress_bar

from trainer.pretraining.attention import BLOCK_SCORES
from trainer.pretraining.dataset import Batch, epoch_rows, frame_rows
from trainer.pretraining.engine import WEIGHTS, Engine, load_weights
from trainer.pretraining.engine_choice import make_engine
from trainer.pretraining.masking import mask_tokens
from trainer.pretraining.memory import map_large_blocks, release_memory
from trainer.pretraining.model import make_config, make_model
from trainer.settings import PretrainSettings
from trainer.stages import checkpoint
from trainer.stages.curve import add_row, cut_curve, draw_loss
from trainer.vocabulary.tokenizer import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, content_tokens, special_id
from trainer.vocabulary.tokens import TokenLines

LOSS_EVERY = 20
"""Steps averaged into one row of the loss curve."""
disable_progress_bar()  # transformers' own, for files that load in a second
SPIKE_STEPS = 10
"""Latest steps whose mean is compared with the median of those before: one odd batch is no spike."""
SPIKE_HISTORY = 100
"""Steps that the median is taken over; until there are half as many nothing is a spike."""


class SpikeError(RuntimeError):
    """The loss went up or was no number, again after going back as often as the settings allow."""


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
    """Batches of pass after pass, the first ``skip`` left out; every pass draws its lines anew by weight."""
    cls_id, sep_id, pad_id = (special_id(tokenizer, token) for token in (CLS, SEP, PAD))
    epoch = 0
    while True:
        order = lines.draw(
            settings.epoch_tokens,
            power=settings.power,
            seed=settings.seed,
            epoch=epoch,
            longest=settings.max_length,
        )
        for rows in epoch_rows(
            lines,
            order,
            max_length=settings.max_length,
            batch_tokens=settings.batch_tokens,
            packing=settings.packing,
            rng=np.random.default_rng((settings.seed, epoch)),
        ):
            if skip > 0:
                skip -= 1
                continue
            yield frame_rows(lines.ids, rows, cls_id=cls_id, sep_id=sep_id, pad_id=pad_id)
        epoch += 1


def predicted_tokens(tokenizer: Tokenizer, settings: PretrainSettings) -> torch.Tensor:
    """Which ids may be masked and predicted, bool (vocabulary,): content tokens, or with plain MLM all but specials."""
    if settings.delimiters == "skip":
        return torch.tensor(content_tokens(tokenizer))
    allowed = torch.ones(tokenizer.get_vocab_size(), dtype=torch.bool)
    allowed[[special_id(tokenizer, token) for token in SPECIAL_TOKENS]] = False
    return allowed


def spike_ratio(recent: list[float]) -> float:
    """Mean of the latest losses over the median of those before; 0 while there are too few, inf if one is no number."""
    if recent and not math.isfinite(recent[-1]):
        return math.inf
    before = recent[:-SPIKE_STEPS]
    return fmean(recent[-SPIKE_STEPS:]) / median(before) if len(before) >= SPIKE_HISTORY // 2 else 0.0


class Pretraining:
    """One process of one run: where it is, and what it does next."""

    def __init__(
        self, lines: TokenLines, tokenizer: Tokenizer, settings: PretrainSettings, folder: Path
    ) -> None:
        self.lines, self.tokenizer, self.settings, self.folder = lines, tokenizer, settings, folder
        self.allowed = predicted_tokens(tokenizer, settings)
        self.mask_id = special_id(tokenizer, MASK)
        folder.mkdir(parents=True, exist_ok=True)
        if settings.max_length**2 > BLOCK_SCORES:
            map_large_blocks()
        self.engine: Engine
        self.progress: checkpoint.Progress
        self.resume()
        if self.progress.step == 0:  # so that there is always something to go back to
            self.save()

    def resume(self) -> None:
        """Goes to the last checkpoint, or to the beginning."""
        tensors, self.progress = checkpoint.load_checkpoint(self.folder)
        torch.manual_seed(self.settings.seed)
        lm = make_model(
            make_config(self.settings.size, self.tokenizer.get_vocab_size(), shape=self.settings.shape)
        ).train()
        if not tensors and self.settings.start_from:
            load_start(lm, self.settings.start_from)
        self.engine = make_engine(lm, self.settings, tensors, self.progress.step)
        self.batches = endless_batches(self.lines, self.settings, self.tokenizer, skip=self.progress.batches)
        if self.engine.rank == 0:
            cut_curve(self.folder, self.progress.step)

    def save(self) -> None:
        """Writes a checkpoint; all processes take part, the first one writes."""
        tensors = self.engine.tensors()
        if self.engine.rank == 0:
            checkpoint.save_checkpoint(self.folder, tensors, self.progress)
        self.engine.total(0.0)  # nobody goes on before it is there

    def masked(self, batch: Batch, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and labels of a batch, drawn from (seed, number of the batch)."""
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + number)
        return mask_tokens(
            batch.ids,
            self.allowed,
            mask_id=self.mask_id,
            first_word_id=len(SPECIAL_TOKENS),
            probability=self.settings.mask_probability,
            generator=generator,
        )

    def step(self) -> tuple[float, float, float]:
        """One optimizer step over ``accumulation`` batches: mean loss in nats, learning rate, gradient norm."""
        now, engine = self.progress, self.engine
        batches = [next(self.batches) for _ in range(self.settings.accumulation)]
        masked = [self.masked(batch, now.batches + i) for i, batch in enumerate(batches)]
        predictions = sum(int((labels >= 0).sum()) for _, labels in masked)
        loss = 0.0
        for batch, (inputs, labels) in zip(batches, masked, strict=True):
            mine = slice(engine.rank, None, engine.world)
            ours = [tensor[mine] for tensor in (inputs, batch.segments, labels)]
            if not len(ours[0]):  # fewer rows than processes: take part without a prediction
                ours = [inputs[:1], batch.segments[:1], torch.full_like(labels[:1], -100)]
            loss += engine.backward(*ours, predictions=predictions)
        loss = engine.total(loss) / max(predictions, 1)
        rate = learning_rate_at(now.step, self.settings)
        norm = engine.step(rate)
        self.progress = replace(
            now,
            step=now.step + 1,
            batches=now.batches + len(batches),
            tokens=now.tokens + sum(int((batch.segments > 0).sum()) for batch in batches),
            recent=[*now.recent, loss if math.isfinite(norm) else math.nan][-(SPIKE_HISTORY + SPIKE_STEPS) :],
        )
        return loss, rate, norm

    def roll_back(self, loss: float) -> str:
        """Goes back to the last checkpoint and past the batches since; says so. SpikeError when it was tried enough."""
        bad = self.progress
        self.resume()
        what = f"step {bad.step}: the loss spiked to {loss:.3f}"
        if bad.rollbacks >= self.settings.rollbacks:
            raise SpikeError(
                f"{what} after {bad.rollbacks} times going back; {self.folder} keeps the checkpoint of step "
                f"{self.progress.step}; lower pretrain.learning_rate or look at the data"
            )
        self.progress = replace(self.progress, batches=bad.batches, rollbacks=bad.rollbacks + 1)
        self.batches = endless_batches(self.lines, self.settings, self.tokenizer, skip=bad.batches)
        return f"{what}; back to step {self.progress.step}, past the batches since"


def pretrain(
    lines: TokenLines, tokenizer: Tokenizer, settings: PretrainSettings, folder: Path
) -> DebertaV2ForMaskedLM:
    """Trains to ``settings.steps``, going on from ``folder`` when it holds a checkpoint.

    Writes checkpoints, ``loss.csv`` and ``loss.png`` there, at the end ``model.safetensors`` (float32) and
    ``config.json`` in place of the checkpoints. Raises CheckpointError for one that can't be read or written, and
    SpikeError.
    """
    run = Pretraining(lines, tokenizer, settings, folder)
    first = run.engine.rank == 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    saved, started = time.monotonic(), time.monotonic() - run.progress.seconds
    with Progress(*columns, disable=not first) as bar:
        task = bar.add_task("pretrain", total=settings.steps, completed=run.progress.step)
        while run.progress.step < settings.steps:
            loss, rate, norm = run.step()
            ratio = spike_ratio(run.progress.recent)
            if ratio > settings.spike:
                bar.print(run.roll_back(loss))
                continue
            now = run.progress
            now.seconds = time.monotonic() - started
            if now.step % LOSS_EVERY == 0:
                release_memory()
                bar.update(task, completed=now.step, description=describe(now, settings))
                if first:
                    add_row(folder, curve_row(now, rate, norm))
            due = time.monotonic() - saved >= settings.checkpoint_minutes * 60
            if run.engine.total(float(due and first)) and ratio < (1 + settings.spike) / 2:
                run.save()
                saved = time.monotonic()
                if first:
                    draw_loss(folder)
                    if not bar.console.is_terminal:  # a log file gets a line where a terminal has the bar
                        bar.print(f"step {now.step} of {settings.steps}, {describe(now, settings)}")
    tensors = run.engine.tensors()
    if first:
        finish(folder, tensors, settings, tokenizer)
    run.engine.total(0.0)
    return load_model(folder)


def curve_row(now: checkpoint.Progress, rate: float, norm: float) -> tuple[object, ...]:
    """A row of the loss curve: the mean of the latest ``LOSS_EVERY`` steps."""
    mean = fmean(now.recent[-LOSS_EVERY:])
    return now.step, f"{mean:.5f}", f"{rate:.3e}", f"{norm:.4f}", now.tokens, f"{now.seconds:.1f}"


def describe(now: checkpoint.Progress, settings: PretrainSettings) -> str:
    """Loss, speed and time left in words."""
    left = now.seconds / now.step * (settings.steps - now.step) / 60
    speed = now.tokens / now.seconds
    return f"loss {fmean(now.recent[-LOSS_EVERY:]):.3f}, {speed:,.0f} tokens/s, {left:,.0f} min left"


def finish(
    folder: Path, tensors: dict[str, torch.Tensor], settings: PretrainSettings, tokenizer: Tokenizer
) -> None:
    """Writes the trained model and the last picture; the checkpoints go."""
    lm = make_model(make_config(settings.size, tokenizer.get_vocab_size(), shape=settings.shape))
    load_weights(lm, tensors)
    lm.save_pretrained(folder)
    draw_loss(folder)
    for record in checkpoint.records(folder):
        checkpoint.remove_checkpoint(record)


def load_model(folder: Path) -> DebertaV2ForMaskedLM:
    """The model of a finished run, or of a bundle, in float32 and ready to evaluate."""
    return DebertaV2ForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()


def load_start(lm: DebertaV2ForMaskedLM, bundle: Path) -> None:
    """Weights of a bundle as the beginning of a training; ValueError when they do not fit."""
    weights = bundle / "model.safetensors"
    try:
        stored = {f"{WEIGHTS}.{name}": tensor for name, tensor in load_file(weights).items()}
        load_weights(lm, stored)
    except (OSError, ValueError) as error:
        raise ValueError(f"pretrain.start_from: {weights}: {error}") from error
