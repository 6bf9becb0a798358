"""The ``distill`` command: a run's encoder, or any other bundle, to a second bundle with its static student.

Two stages: ``teacher`` embeds a sample of the corpus once, whatever the student; ``distill`` trains and publishes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from encoder_core import Bundle
from trainer.export.publish import is_exported
from trainer.settings import DistillSettings, RunSettings
from trainer.stages.manifest import StageError, read_manifest
from trainer.stages.shards import read_shard, write_shard
from trainer.stages.stage import replaceable_bundle, require, run_stage
from trainer.stages.work import Work, report

SAMPLE = ("teacher", "lines", "templates", "texts", "max_length", "power")
"""Settings that decide what the teacher embeds; together with the seed."""
LINES, TEST_LINES = "lines.jsonl.zst", "heldout.jsonl.zst"
VECTORS, TEST_VECTORS = "lines.f32", "heldout.f32"
TEST_SHARE = 20
"""One of so many drawn lines is held out where dedup held none."""
CHECK_LINES = 400


def distill(settings: RunSettings) -> None:
    """``work/fast``, or where ``distill.bundle`` says: the student's bundle; ``work/distill`` has its figures."""
    work, options = Work.of(settings), settings.distill
    target = options.bundle or work["fast"]
    require(work["dedup"])
    if options.teacher is None:
        require(work["export"])
    teacher = Bundle.load(options.teacher or work.bundle)
    if teacher.config["model_type"] == "secencoder-static":
        raise StageError(f"{teacher.path}: is a static student itself, distill.teacher must be an encoder")
    if options.width > teacher.dim:
        raise StageError(
            f"distill.width: {options.width} is more than the teacher's {teacher.dim} dimensions"
        )
    if replaceable_bundle(target) == teacher.path.resolve():
        raise StageError(f"{target}: is the teacher, distill.bundle must be another folder")
    files = [teacher.path / name for name in ("config.json", "tokenizer.json")] + [teacher.onnx_path]
    sampled = options.model_dump(mode="json", include={*SAMPLE, "seed"}, exclude={"teacher"})
    result = run_stage(
        work["teacher"],
        settings={"distill": sampled},
        inputs=[*files, work.heldout, *work.shard_files(), *options.texts],
        after=[work["dedup"]],
        make=lambda part: embed(work, teacher, options, part),
    )
    report(*result)
    trained = options.model_dump(mode="json", exclude={*SAMPLE, "bundle"})
    result = run_stage(
        work["distill"],
        settings={
            "distill": trained,
            "teacher": {"name": teacher.name, "version": teacher.version},
            "licence": teacher.manifest.get("licence", settings.export.licence),
        },
        inputs=[*(work["teacher"] / name for name in read_manifest(work["teacher"]).outputs), *files],
        after=[work["teacher"]],
        make=lambda part: train(work, teacher, settings, target, part),
        stale=not is_exported(target, work["distill"] / "bundle.json"),
    )
    report(*result)
    click.echo(f"distill: {target}")


def embed(work: Work, teacher: Bundle, options: DistillSettings, part: Path) -> dict[str, Any]:
    """Writes the drawn and the held-out lines with the teacher's vectors into ``part``."""
    from encoder_core import Encoder
    from trainer.distillation.distill import draw_lines, embed_to_file
    from trainer.export.loaded import PARITY_LENGTH

    lines = draw_lines(work.shards(), options.lines, power=options.power, seed=options.seed)
    lines = as_templates(lines, options.templates) + draw_texts(options)
    tests = list(read_shard(work.heldout))
    if not tests:
        count = max(1, len(lines) // TEST_SHARE)
        tests, lines = lines[:count], lines[count:]
    for name, vectors, texts, length in (
        (TEST_LINES, TEST_VECTORS, tests, PARITY_LENGTH),
        (LINES, VECTORS, lines, options.max_length),
    ):
        write_shard(part / name, texts)
        embed_to_file(Encoder(teacher, max_tokens=length, cache_bytes=0), texts, part / vectors)
    return {"lines": len(lines), "heldout": len(tests)}


def as_templates(lines: list[str], share: float) -> list[str]:
    """The lines, the first ``share`` of them as their templates, each once."""
    from trainer.data.templates import templates_of

    count = round(share * len(lines))
    return list(dict.fromkeys(templates_of(lines[:count]))) + lines[count:] if count else lines


def draw_texts(options: DistillSettings) -> list[str]:
    """Descriptions and events of the files that the settings name, half as many as lines, in random order."""
    import random

    from trainer.contrast.items import english_items

    texts = [text for item in english_items(options.texts) for text in item.texts]
    random.Random(options.seed).shuffle(texts)
    return texts[: options.lines // 2]


def train(work: Work, teacher: Bundle, settings: RunSettings, target: Path, part: Path) -> dict[str, Any]:
    """Trains the student in ``part`` and writes its bundle; the figures on held-out lines."""
    import numpy as np
    from tokenizers import Tokenizer

    from trainer.distillation.distill import compare, encode_bags, open_vectors, own_table
    from trainer.distillation.distill import distill as optimise
    from trainer.distillation.static import write_static_bundle
    from trainer.export.centring import sample_templates
    from trainer.export.loaded import PARITY_LENGTH
    from trainer.stages.checkpoint import records, remove_checkpoint

    options = settings.distill
    tokenizer = Tokenizer.from_file(str(teacher.path / "tokenizer.json"))
    lines, tests = (list(read_shard(work["teacher"] / name)) for name in (LINES, TEST_LINES))
    vectors, expected = (
        open_vectors(work["teacher"] / name, teacher.dim) for name in (VECTORS, TEST_VECTORS)
    )
    bags = encode_bags(tokenizer, lines, options.max_length)
    table = own_table(teacher, bags, np.mean(vectors, axis=0))
    student = optimise(bags, vectors, int(teacher.config["vocab_size"]), options, part, table)
    ours = student.embed(encode_bags(tokenizer, tests, PARITY_LENGTH))
    metrics = compare(ours, expected, np.mean(vectors, axis=0))
    record = {
        "name": options.name,
        "version": options.version,
        "architecture": "secencoder-static",
        "licence": teacher.manifest.get("licence", settings.export.licence),
        "teacher": {"name": teacher.name, "version": teacher.version, "sha256": teacher.sha256},
        "width": options.width,
        "dim": teacher.dim,
        "parameters": sum(parameter.numel() for parameter in student.parameters()),
        "heldout": len(tests),
        "test_length": PARITY_LENGTH,
        "training": options.model_dump(mode="json", exclude={"teacher", "bundle", "name", "version"})
        | {
            "lines": len(lines),
            "texts": [path.name for path in map(Path, options.texts)],
            "teacher_seconds": read_manifest(work["teacher"]).seconds,
        },
        "metrics": metrics,
    }
    step = max(1, len(tests) // CHECK_LINES)
    write_static_bundle(
        student,
        tokenizer,
        target,
        lines=tests[::step],
        expected=ours[::step],
        templates=sample_templates(work.shards()),
        record=record,
    )
    for checkpoint in records(part):
        remove_checkpoint(checkpoint)
    written = Bundle.load(target)
    (part / "bundle.json").write_text(json.dumps({"sha256": written.sha256}) + "\n")
    size = sum(path.stat().st_size for path in written.path.rglob("*") if path.is_file())
    return {**metrics, "bytes": size}
