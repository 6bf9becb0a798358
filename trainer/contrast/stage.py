"""The ``contrast`` command: items (``work/items``) and teacher's vectors (``work/teaching``) once, then training."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from encoder_core import Bundle
from trainer.settings import ContrastSettings, RunSettings
from trainer.stages.manifest import StageError, read_manifest
from trainer.stages.shards import read_shard, write_shard
from trainer.stages.stage import require, run_stage
from trainer.stages.work import Work, report

if TYPE_CHECKING:
    from trainer.contrast.train import Contrast

TEXTS = "texts.jsonl.zst"
"""What the teacher reads, in the order of its rows."""
HOW_NOT_WHAT = {"checkpoint_minutes", "chunk_tokens"}
"""Settings that may change while a training is unfinished: they say how it computes, not what."""
MADE_OF = {"texts", "teacher", "teacher_texts", "max_length", "power", "english", "phrases", "seed"}
"""Settings that decide the items."""


def contrast(settings: RunSettings) -> None:
    """``work/contrast``: the model trained by contrast, its vocabulary and the weights that it is pooled with."""
    work, options = Work.of(settings), settings.contrast
    if not options.steps:
        raise StageError("contrast.steps: is 0, which leaves the stage out")
    require(work["dedup"])
    if options.start_from is None:
        require(work["pretrain"])
    start = [work["tokenizer"] / "tokenizer.json"]
    if options.start_from is not None:
        start = [Bundle.load(options.start_from).path / "tokenizer.json"]
    for path in options.texts:
        if not path.is_file():
            raise StageError(f"contrast.texts: {path}: no such file")
    if options.teacher:
        from trainer.contrast.teacher import teacher_path

        teacher_path(options.teacher)  # before an hour goes into what it is to read
    result = run_stage(
        work["items"],
        settings={"contrast": options.model_dump(mode="json", include=MADE_OF)},
        inputs=[*work.shard_files(), *start, *options.texts],
        after=[work["dedup"]],
        make=lambda part: make(work, start[0], options, part),
    )
    report(*result)
    files = [work["items"] / name for name in read_manifest(work["items"]).outputs]
    result = run_stage(
        work["teaching"],
        settings={"teacher": options.teacher},
        inputs=[work["items"] / TEXTS],
        after=[work["items"]],
        make=lambda part: teach(work["items"] / TEXTS, options, part),
    )
    report(*result)
    weights = [(options.start_from or work["pretrain"]) / "model.safetensors"]
    result = run_stage(
        work["contrast"],
        settings={"contrast": options.model_dump(mode="json", exclude=HOW_NOT_WHAT)},
        inputs=[
            *files,
            *(work["teaching"] / name for name in read_manifest(work["teaching"]).outputs),
            *weights,
        ],
        after=[work["items"], work["teaching"]],
        make=lambda part: fit(work, start[0], options, part),
        keep=True,
    )
    report(*result)


def make(work: Work, vocabulary: Path, options: ContrastSettings, part: Path) -> dict[str, Any]:
    """Writes the items and the texts for the teacher into ``part``."""
    from tokenizers import Tokenizer

    from trainer.contrast.items import english_items, log_items, word_items
    from trainer.contrast.phrases import phrase_items
    from trainer.contrast.placeholders import with_placeholders
    from trainer.contrast.store import choose_texts, make_items

    tokenizer = with_placeholders(Tokenizer.from_file(str(vocabulary)))
    items = log_items(work.shards(), seed=options.seed)
    items += english_items(options.texts, len(items), seed=options.seed)
    if options.phrases:
        items += phrase_items(len(items), seed=options.seed)
    if options.teacher:
        items += word_items(tokenizer)
    arrays, texts = make_items(items, tokenizer, max_length=options.max_length)
    wanted = options.teacher_texts if options.teacher else 0
    arrays, texts = choose_texts(arrays, texts, wanted, power=options.power, seed=options.seed)
    arrays.save(part)
    write_shard(part / TEXTS, texts)
    tokenizer.save(str(part / "tokenizer.json"))
    return {
        "items": len(arrays),
        "texts": len(arrays.starts) - 1,
        "tokens": len(arrays.ids),
        "held_out": int(arrays.held.sum()),
        "for_teacher": len(texts),
    }


def teach(path: Path, options: ContrastSettings, part: Path) -> dict[str, Any]:
    """Writes the teacher's vectors of all texts; an interrupted call goes on where it was."""
    from trainer.contrast.teacher import VECTORS, Teacher, embed_to_file, teacher_path

    texts = list(read_shard(path))
    if not options.teacher:
        (part / VECTORS).touch()
        return {"texts": 0, "dim": 0}
    teacher = Teacher(teacher_path(options.teacher))
    embed_to_file(teacher, texts, part / VECTORS)
    return {"texts": len(texts), "dim": teacher.dim}


def fit(work: Work, vocabulary: Path, options: ContrastSettings, part: Path) -> dict[str, Any]:
    """Trains in ``part`` and leaves the model there; its counts and figures on what was held out."""
    import torch

    from trainer.contrast.train import train
    from trainer.pretraining.model import parameter_count
    from trainer.stages import checkpoint

    torch.set_flush_denormal(True)  # of the whole process: tiny moments would slow a CPU down
    try:
        run = open_run(work, vocabulary, options, part)
        train(run)
        found = validate(run)
    finally:
        torch.set_flush_denormal(False)
    save_model(run, work["items"] / "tokenizer.json", part)
    for record in checkpoint.records(part):
        checkpoint.remove_checkpoint(record)
    with (part / "loss.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    last = {"tokens": int(rows[-1]["tokens"]), "loss": float(rows[-1]["loss"])} if rows else {}
    return {"parameters": parameter_count(run.model), "steps": options.steps, **last, **found}


def open_run(work: Work, vocabulary: Path, options: ContrastSettings, folder: Path) -> Contrast:
    """The run of ``folder``, at its last checkpoint or at the beginning."""
    import torch
    from tokenizers import Tokenizer

    from trainer.contrast.beginning import begin_tokens, beginning
    from trainer.contrast.store import Items
    from trainer.contrast.train import Contrast
    from trainer.export.pooling import Pooling
    from trainer.pretraining.pretrain import load_model
    from trainer.vocabulary.tokenizer import MASK, PAD, content_tokens, special_id

    tokenizer = Tokenizer.from_file(str(work["items"] / "tokenizer.json"))
    torch.manual_seed(options.seed)
    lm = load_model(options.start_from or work["pretrain"]).train()
    items, teacher = Items.load(work["items"]), read_vectors(work["teaching"])
    plain = Tokenizer.from_file(str(vocabulary))
    known = Pooling.of_bundle(options.start_from) if options.start_from else None
    words = options.bag_steps > 0 and known is None
    model = beginning(lm, tokenizer, plain, items, teacher, words=words, repeats=options.repeats)
    if known is not None:
        begin_tokens(model, known.tokens)
    return Contrast(
        model,
        items,
        teacher,
        options,
        folder,
        allowed=torch.tensor(content_tokens(tokenizer)),
        mask_id=special_id(tokenizer, MASK),
        pad_id=special_id(tokenizer, PAD),
    )


def read_vectors(folder: Path) -> NDArray[np.float16]:
    """The teacher's vectors, float16 (texts, dim)."""
    from trainer.contrast.teacher import VECTORS

    dim = int(read_manifest(folder).counts["dim"])
    return np.fromfile(folder / VECTORS, "<f2").reshape(-1, max(1, dim))


def validate(run: Contrast) -> dict[str, float]:
    """The figures of a run's model on the items that were held out."""
    import torch

    from trainer.contrast.train import phases
    from trainer.contrast.validate import figures

    def embed(texts: NDArray[np.int64]) -> NDArray[np.float32]:
        parts = [np.empty((0, run.model.encoder.config.hidden_size), np.float32)]
        if not len(texts):
            return parts[0]
        with torch.no_grad():
            shallow = run.progress.step <= phases(run.settings)[-1]
            for some in np.array_split(texts, max(1, len(texts) // 512)):
                parts.append((run.bags if shallow else run.rows)(some).cpu().numpy())
        return np.concatenate(parts)

    return figures(run.items, embed)._asdict()


def save_model(run: Contrast, vocabulary: Path, folder: Path) -> None:
    """Writes weights, configuration, vocabulary and pooling of a run's model, float32."""
    import shutil

    from trainer.contrast.train import phases
    from trainer.export.pooling import Pooling

    run.model.lm.save_pretrained(folder)
    shutil.copyfile(vocabulary, folder / "tokenizer.json")
    shallow = run.progress.step <= phases(run.settings)[-1]
    layers = run.model.layer_weights.detach().softmax(0).cpu().numpy().copy()
    if shallow:
        layers[:] = 0
        layers[0] = 1
    tokens = run.model.token_weights.detach().exp().cpu().numpy().copy()
    Pooling(tokens, layers, run.model.repeats).save(folder)
