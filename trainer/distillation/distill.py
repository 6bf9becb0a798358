"""Distillation of an encoder into a static student: teacher vectors of corpus lines, then a short optimisation.

Vectors of a mean-pooled masked language model share a large common part, so raw cosines are high whatever the student
does. Loss and figures therefore look at vectors minus the mean teacher vector, too.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cosine_similarity

from encoder_core import Bundle, Encoder
from encoder_core.tokenizer import LONGEST_TOKEN
from trainer.distillation.student import FRAME, Bags, Student
from trainer.export.loaded import cosine_of_rows
from trainer.pretraining.pretrain import load_model
from trainer.settings import DistillSettings
from trainer.stages import checkpoint
from trainer.stages.curve import add_row, cut_curve, draw_loss
from trainer.stages.shards import Shard, sample_shares
from trainer.vocabulary.tokenizer import SPECIAL_TOKENS, special_id

CHUNK_LINES = 512
"""Lines embedded at once: what an interruption loses. The int8 graph's vectors depend a little on their batch, so
every attempt cuts at the same lines."""
WARMUP_STEPS = 50
CURVE_STEPS = 20
CHECKPOINT_STEPS = 200
NEIGHBOURS = 10
PRIOR_LINES = 3
"""Lines of mean vector that a token's first row is averaged with: a token seen once says little."""
LOSS_LABEL = "1 - cosine + relative squared error"


def draw_lines(shards: Sequence[Shard], lines: int, *, power: float, seed: int) -> list[str]:
    """About ``lines`` lines in random order, of each source the share that ``sample_shares`` asks for, none twice."""
    shares = sample_shares(
        [shard.lines for shard in shards], [shard.weight for shard in shards], budget=lines, power=power
    )
    rng = np.random.default_rng(seed)
    drawn: list[str] = []
    for shard, share in zip(shards, shares, strict=True):
        chosen = set(rng.permutation(shard.lines)[: round(share)].tolist())
        drawn += [line for index, line in enumerate(shard) if index in chosen]
    return [drawn[index] for index in rng.permutation(len(drawn))]


def embed_to_file(encoder: Encoder, lines: Sequence[str], path: Path) -> None:
    """Appends the vectors of ``lines`` to a file of float32 (lines, dim), from where an earlier call was stopped."""
    row_bytes = 4 * encoder.dim
    done = path.stat().st_size // row_bytes // CHUNK_LINES * CHUNK_LINES if path.exists() else 0
    console = Console(stderr=True)
    with (
        path.open("ab") as file,
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        file.truncate(done * row_bytes)
        task = bar.add_task(path.stem, total=len(lines), completed=done)
        for start in range(done, len(lines), CHUNK_LINES):
            chunk = lines[start : start + CHUNK_LINES]
            file.write(encoder.embed(chunk).astype("<f4").tobytes())
            file.flush()
            bar.advance(task, len(chunk))


def open_vectors(path: Path, dim: int) -> NDArray[np.float32]:
    """Maps what ``embed_to_file`` wrote, float32 (lines, dim)."""
    return np.memmap(path, np.dtype("<f4"), mode="r").reshape(-1, dim)


def encode_bags(tokenizer: Tokenizer, lines: Sequence[str], max_length: int) -> Bags:
    """The bags of lines cut to ``max_length`` tokens, ``[CLS]`` and ``[SEP]`` among them."""
    ours = Tokenizer.from_str(tokenizer.to_str())  # truncation is a property of the object
    ours.encode_special_tokens = True
    ours.enable_truncation(max_length - FRAME)
    texts = [line[: max_length * LONGEST_TOKEN] for line in lines]
    encodings = ours.encode_batch_fast(texts, add_special_tokens=False)
    return Bags.of([np.asarray(encoding.ids, np.int64) for encoding in encodings])


def first_student(
    bags: Bags,
    vectors: NDArray[np.float32],
    mean: NDArray[np.float32],
    vocabulary: int,
    width: int,
    table: NDArray[np.float32] | None = None,
) -> Student:
    """A student to start from: a token's row is the mean vector of its lines in the ``width`` principal directions.

    mean: of the teacher's vectors, which becomes the bias. Rows of tokens that no line holds are zero. table: rows
    (vocabulary, dim) of a teacher that is a weighted mean of them itself, taken in place of the lines' means.
    """
    dim = vectors.shape[1]
    if width > dim:
        raise ValueError(f"distill.width: {width} is more than the teacher's {dim} dimensions")
    centred = vectors - mean
    directions = np.linalg.eigh(centred.T @ centred)[1].T[::-1][:width]
    reduced = centred @ directions.T
    if table is not None:
        return begun(table @ directions.T, directions, mean)
    sums, counts = np.zeros((vocabulary, width), np.float32), np.zeros(vocabulary, np.float32)
    for line, (start, end) in enumerate(zip(bags.starts, bags.starts[1:], strict=False)):
        sums[bags.ids[start:end]] += reduced[line]
        counts[bags.ids[start:end]] += 1
    return begun(sums / (counts + PRIOR_LINES)[:, None], directions, mean)


def begun(rows: NDArray[np.float32], directions: NDArray[np.float32], mean: NDArray[np.float32]) -> Student:
    """The student with these rows (vocabulary, width), which lie in these directions (width, dim) around a mean."""
    student = Student(len(rows), len(directions), len(mean))
    with torch.no_grad():
        student.table.weight.copy_(torch.from_numpy(rows))
        student.project.weight.copy_(torch.from_numpy(np.ascontiguousarray(directions.T)))
        student.project.bias.copy_(torch.from_numpy(mean))
    return student


def own_table(teacher: Bundle, bags: Bags, mean: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Rows (vocabulary, dim) whose mean is about the teacher's vector less ``mean``; None where layers are read."""
    layers = teacher.path / "3_Layers" / "model.safetensors"
    if not layers.exists() or load_file(layers)["layer_weights"][1:].any():
        return None
    words = json.loads((teacher.path / "4_Tokens" / "config.json").read_text())["word_weights"]
    weights = np.array([words[str(index)] for index in range(len(words))], np.float32)
    embeddings = load_model(teacher.path).deberta.embeddings
    with torch.no_grad():
        table = embeddings.LayerNorm(embeddings.word_embeddings.weight).numpy()
    usual = np.average(weights[bags.ids], weights=bags.shares)
    rows = weights[:, None] / usual * (table - mean - Encoder(teacher).mean)
    tokenizer = Tokenizer.from_file(str(teacher.path / "tokenizer.json"))
    rows[[special_id(tokenizer, token) for token in SPECIAL_TOKENS]] = 0  # a line's frame does not count
    return rows


def distance(student: Tensor, teacher: Tensor, mean: Tensor, variance: float) -> Tensor:
    """1 - cosine of centred vectors plus squared error over the teacher's variance, mean over (lines, dim)."""
    cosine = cosine_similarity(student - mean, teacher - mean, dim=1)
    return (1 - cosine).mean() + ((student - teacher) ** 2).mean() / variance


def distill(
    bags: Bags,
    vectors: NDArray[np.float32],
    vocabulary: int,
    settings: DistillSettings,
    folder: Path,
    table: NDArray[np.float32] | None = None,
) -> Student:
    """The student after ``settings.steps`` of AdamW, going on from ``folder`` when it holds a checkpoint.

    bags and vectors: of the same lines. table: see ``first_student``. Writes checkpoints, ``loss.csv`` and ``loss.png``
    into ``folder``. A step is a function of the settings and its number alone. Raises CheckpointError for a checkpoint
    that can't be read.
    """
    teacher = torch.from_numpy(np.array(vectors))
    mean, variance = teacher.mean(0), float(teacher.var(0).mean())
    with one_thread():
        tensors, now = checkpoint.load_checkpoint(folder)
        student = first_student(bags, vectors, mean.numpy(), vocabulary, settings.width, table)
        optimizer = torch.optim.AdamW(student.parameters(), weight_decay=0.0, fused=True)
        restore(student, optimizer, tensors, now.step)
        cut_curve(folder, now.step)
        started = time.monotonic() - now.seconds
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("distill", total=settings.steps, completed=now.step)
            for lines in batches(len(bags), settings, skip=now.step):
                rate = learning_rate_at(now.step, settings)
                loss = distance(student(*bags.take(lines)), teacher[lines], mean, variance)
                norm = descend(student, optimizer, loss, rate)
                now = replace(
                    now,
                    step=now.step + 1,
                    batches=now.batches + 1,
                    tokens=now.tokens + int(bags.lengths[lines].sum()),
                    seconds=time.monotonic() - started,
                )
                bar.advance(task)
                if now.step % CURVE_STEPS == 0 or now.step == settings.steps:
                    row = f"{loss.item():.5f}", f"{rate:.3e}", f"{norm:.4f}", now.tokens, f"{now.seconds:.1f}"
                    add_row(folder, (now.step, *row))
                if now.step % CHECKPOINT_STEPS == 0 or now.step == settings.steps:
                    checkpoint.save_checkpoint(folder, state(student, optimizer), now)
    draw_loss(folder, LOSS_LABEL)
    return student


def descend(student: Student, optimizer: torch.optim.AdamW, loss: Tensor, rate: float) -> float:
    """One step of the optimizer at a learning rate; the norm of the gradient."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in student.parameters() if p.grad is not None])
    optimizer.step()
    return float(norm)


@contextmanager
def one_thread() -> Iterator[None]:
    """Runs torch on one core: the steps are too small to share, and their sums stay in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # moments of rows that are rarely used become tiny
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


def batches(lines: int, settings: DistillSettings, *, skip: int) -> Iterator[NDArray[np.int64]]:
    """Line numbers of each step from step ``skip`` on; every pass has its own order."""
    size = min(settings.batch_lines, lines)
    for step in range(skip, settings.steps):
        epoch, place = divmod(step, lines // size)
        if place == 0 or step == skip:
            order = np.random.default_rng((settings.seed, epoch)).permutation(lines)
        yield order[place * size : (place + 1) * size]


def learning_rate_at(step: int, settings: DistillSettings) -> float:
    """Linear warm-up, then a cosine down to a fiftieth of the peak."""
    warmup = min(1.0, (step + 1) / min(WARMUP_STEPS, settings.steps))
    return settings.learning_rate * warmup * (0.02 + 0.49 * (1 + math.cos(math.pi * step / settings.steps)))


def state(student: Student, optimizer: torch.optim.AdamW) -> dict[str, Tensor]:
    """Weights and moments by name."""
    tensors = dict(student.state_dict())
    for name, parameter in student.named_parameters():
        for moment in ("exp_avg", "exp_avg_sq"):
            tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment]
    return tensors


def restore(student: Student, optimizer: torch.optim.AdamW, tensors: dict[str, Tensor], step: int) -> None:
    """Takes weights and moments from what ``state`` gave at ``step``; nothing at step 0."""
    if not tensors:
        return
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            parameter.copy_(tensors[name])
            moments = {moment: tensors[f"{moment}.{name}"] for moment in ("exp_avg", "exp_avg_sq")}
            optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}


def compare(
    student: NDArray[np.float32], teacher: NDArray[np.float32], mean: NDArray[np.float32]
) -> dict[str, float]:
    """How near a student's vectors (lines, dim) are to the teacher's of the same lines.

    cosine: mean over lines. centred_cosine: of the vectors minus ``mean``. neighbours: share of the teacher's
    ``NEIGHBOURS`` nearest lines, by centred cosine, that are among the student's.
    """
    ours, theirs = student - mean, teacher - mean
    near, expected = nearest(ours), nearest(theirs)
    found = [
        len(set(some) & set(others)) for some, others in zip(near.tolist(), expected.tolist(), strict=True)
    ]
    return {
        "cosine": float(cosine_of_rows(student, teacher).mean()),
        "centred_cosine": float(cosine_of_rows(ours, theirs).mean()),
        "neighbours": float(np.sum(found) / max(1, near.size)),
    }


def nearest(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The ``NEIGHBOURS`` lines nearest to each other line by cosine, unordered, int64 (lines, n)."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    count = min(NEIGHBOURS, len(vectors) - 1)
    return np.argpartition(-cosines, count - 1, axis=1)[:, :count]
