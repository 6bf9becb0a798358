"""From raw logs to a verified bundle: each stage with the files it reads, in order.

``evaluation.measure`` and ``export.publish`` have the last two. Stages import what they need when they run.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from encoder_core import Bundle
from trainer.contrast.stage import contrast
from trainer.evaluation.measure import evaluate
from trainer.export.publish import export
from trainer.settings import PretrainSettings, RunSettings
from trainer.stages.manifest import StageError
from trainer.stages.stage import join_stage, replaceable_bundle, require, run_stage
from trainer.stages.work import Work, rank, report

HOW_NOT_WHAT = {"checkpoint_minutes", "compile", "deepspeed", "processes", "rollbacks", "spike"}
"""Settings of a pretraining that may change while it is unfinished: they say how it computes, not what."""


class ProcessError(RuntimeError):
    """A process that this one started has failed, after saying why."""


def run(settings: RunSettings) -> None:
    """All stages in order. What the last ones need is looked at before the first takes its hours."""
    for path in [*settings.evaluate.in_distribution, *settings.evaluate.out_of_distribution]:
        if not path.is_file():
            raise StageError(f"{path}: no such file, evaluate needs it")
    replaceable_bundle(Work.of(settings).bundle)
    dedup(settings)
    tokenizer(settings)
    if settings.contrast.steps and settings.contrast.start_from:
        tokens(settings)
    elif settings.pretrain.processes > 1:
        tokens(settings)
        launch(settings)
    else:
        pretrain(settings)
    if settings.contrast.steps:
        contrast(settings)
    evaluate(settings)
    export(settings)


def dedup(settings: RunSettings) -> None:
    """``work/dedup``: the corpus without repeats, as shards, and the held-out lines."""
    if not settings.corpus:
        raise StageError("corpus: nothing to read; add a [[corpus]] table or --corpus PATH")
    from trainer.data.corpus import list_sources
    from trainer.data.dedup import dedup

    options = settings.dedup.model_dump(mode="json", exclude={"engine"})  # every engine keeps the same lines
    result = run_stage(
        settings.work / "dedup",
        settings={"corpus": [group.model_dump(mode="json") for group in settings.corpus], "dedup": options},
        inputs=[source.path for source in list_sources(settings.corpus)],
        make=lambda part: dedup(settings.corpus, settings.dedup, part),
    )
    report(*result)


def tokenizer(settings: RunSettings) -> None:
    """``work/tokenizer``: the vocabulary, learnt; that of ``pretrain.start_from`` where its weights are to go on."""
    work, start_from = Work.of(settings), settings.pretrain.start_from
    if settings.contrast.steps:
        start_from = settings.contrast.start_from or start_from
    require(work["dedup"])
    if start_from is not None:
        result = run_stage(
            work["tokenizer"],
            settings={"tokenizer": "of pretrain.start_from"},
            inputs=[start_from / "tokenizer.json"],
            make=lambda part: adopt_vocabulary(start_from, part),
        )
    else:
        from trainer.vocabulary.tokenizer import learn

        result = run_stage(
            work["tokenizer"],
            settings={"tokenizer": settings.tokenizer.model_dump(mode="json")},
            inputs=work.shard_files(),
            after=[work["dedup"]],
            make=lambda part: learn(work.shards(), settings.tokenizer, part),
        )
    report(*result)


def adopt_vocabulary(bundle: Path, part: Path) -> dict[str, int]:
    """Takes over the vocabulary of a bundle, whose embeddings are good for no other. Raises BundleError."""
    from tokenizers import Tokenizer

    from trainer.vocabulary.tokenizer import delimiter_tokens

    vocabulary = Tokenizer.from_file(str(Bundle.load(bundle).path / "tokenizer.json"))
    delimiters = delimiter_tokens(vocabulary)
    vocabulary.save(str(part / "tokenizer.json"))
    (part / "delimiters.txt").write_text(
        "".join(f"{index}\t{text!r}\n" for index, text in delimiters.items())
    )
    return {"entries": vocabulary.get_vocab_size(), "delimiters": len(delimiters)}


def list_delimiters(settings: RunSettings) -> list[str]:
    """Id and text of every token of the vocabulary that is never masked or predicted (paper Formula 1)."""
    work = Work.of(settings)
    require(work["tokenizer"])
    return (work["tokenizer"] / "delimiters.txt").read_text().splitlines()


def tokens(settings: RunSettings) -> None:
    """``work/tokens``: the shards as token ids."""
    work = Work.of(settings)
    require(work["dedup"])
    require(work["tokenizer"])

    from trainer.vocabulary.tokens import encode_shards

    result = run_stage(
        work["tokens"],
        settings={},
        inputs=[*work.shard_files(), work.vocabulary],
        after=[work["dedup"], work["tokenizer"]],
        make=lambda part: encode_shards(work.shards(), work.load_vocabulary(), part),
    )
    report(*result)


def pretrain(settings: RunSettings) -> None:
    """``work/pretrain``: the trained model. With a launcher this is one of the processes that train it together."""
    tokens(settings)
    work, start_from = Work.of(settings), settings.pretrain.start_from
    start = [start_from / "model.safetensors"] if start_from else []
    stage: dict[str, Any] = {
        "folder": work["pretrain"],
        "settings": {"pretrain": settings.pretrain.model_dump(mode="json", exclude=HOW_NOT_WHAT)},
        "inputs": [*work.token_files(), work.vocabulary, *start],
        "make": lambda part: train(work, settings.pretrain, part),
    }
    if rank() > 0:
        join_stage(**stage)
    else:
        report(*run_stage(**stage, after=[work["tokens"], work["tokenizer"]], keep=True))


def train(work: Work, settings: PretrainSettings, part: Path) -> dict[str, Any]:
    """Pretrains in ``part``; the counts of its last step."""
    import torch

    from trainer.pretraining.model import parameter_count
    from trainer.pretraining.pretrain import load_model, pretrain
    from trainer.stages.checkpoint import records
    from trainer.vocabulary.tokens import TokenLines

    finished = (part / "model.safetensors").exists() and not records(part)  # killed after the last step
    if not finished:
        torch.set_flush_denormal(True)  # of the whole process: tiny gradients would slow a CPU down
        try:
            pretrain(TokenLines.open(work["tokens"]), work.load_vocabulary(), settings, part)
        finally:
            torch.set_flush_denormal(False)
    parameters = parameter_count(load_model(part))
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()  # the first process moves the folder once all have read from it
    with (part / "loss.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    last = {"tokens": int(rows[-1]["tokens"]), "loss": float(rows[-1]["loss"])} if rows else {}
    return {"parameters": parameters, "steps": settings.steps, **last}


def launch(settings: RunSettings) -> None:
    """Runs the pretrain command in ``pretrain.processes`` processes on this machine. Raises ProcessError."""
    count = settings.pretrain.processes
    saved = settings.work / "settings.json"
    saved.write_text(settings.model_dump_json(indent=2) + "\n")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    threads = str(max(1, (os.cpu_count() or 1) // count))
    process = subprocess.Popen(
        [*launcher, "-m", "trainer", "pretrain", "--config", str(saved)],
        env={"OMP_NUM_THREADS": threads, **os.environ},
    )
    try:
        code = process.wait()
    except BaseException:
        process.terminate()  # the launcher ends its processes before itself
        process.wait()
        raise
    if code:
        raise ProcessError(f"pretrain: one of {count} processes failed; its error stands above")
