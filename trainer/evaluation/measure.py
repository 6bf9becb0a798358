"""The ``evaluate`` stage: the trained model measured on its test sets, and a row for it in the table of all models."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import click

from trainer.evaluation.results import append_rows, markdown_table
from trainer.settings import EvaluateSettings, RunSettings
from trainer.stages.manifest import read_manifest
from trainer.stages.shards import read_shard
from trainer.stages.stage import require, run_stage
from trainer.stages.work import Work, report


class TestSet(NamedTuple):
    """Lines to evaluate on; distribution: in or out."""

    name: str
    distribution: str
    path: Path


def evaluate(settings: RunSettings) -> None:
    """``work/evaluate``: the model's figures, which also go into the table of all models."""
    work = Work.of(settings)
    earlier = work.model_stages()
    for stage in earlier:
        require(stage, "pretrain" if stage == work["tokens"] else "")
    tests = test_sets(work, settings.evaluate)
    result = run_stage(
        work["evaluate"],
        settings={
            "evaluate": settings.evaluate.model_dump(mode="json", include={"max_length"}),
            "sets": {test.name: test.distribution for test in tests},
        },
        inputs=[
            *work.model_files(),
            *work.token_files(),
            *work.shard_files(),
            *(test.path for test in tests),
        ],
        after=earlier,
        make=lambda part: measure(work, tests, settings.evaluate.max_length, part),
    )
    report(*result)
    named = {"model": settings.export.name, "version": settings.export.version}
    rows = append_rows(work.results, [named | row for row in work.read_scores()])
    work.results.with_suffix(".md").write_text(markdown_table(rows))
    click.echo(f"evaluate: {work.results}, {work.results.with_suffix('.md')}")


def test_sets(work: Work, settings: EvaluateSettings) -> list[TestSet]:
    """The sets to evaluate on: in distribution the held-out lines, if there are any, unless others are given."""
    inside = settings.in_distribution or ([work.heldout] if any(read_shard(work.heldout)) else [])
    sets: list[TestSet] = []
    for distribution, paths in (("in", inside), ("out", settings.out_of_distribution)):
        for path in paths:
            name = path.name.split(".")[0]
            taken = any(test.name == name for test in sets)
            sets.append(TestSet(str(path) if taken else name, distribution, path))
    return sets


def measure(work: Work, tests: list[TestSet], max_length: int, part: Path) -> dict[str, Any]:
    """Evaluates the trained model and writes ``scores.json``, a list of rows; counts the sets."""
    from trainer.evaluation.evaluate import Unigram, evaluate, load_test_lines
    from trainer.pretraining.pretrain import load_model
    from trainer.vocabulary.tokenizer import content_tokens
    from trainer.vocabulary.tokens import TokenLines

    trained = read_manifest(work.model)
    vocabulary = work.load_vocabulary(work.model_vocabulary)
    rows = evaluate(
        load_model(work.model),
        vocabulary,
        Unigram.of(TokenLines.open(work["tokens"]).ids, content_tokens(vocabulary)),
        {test.name: load_test_lines(test.path) for test in tests},
        chain.from_iterable(work.shards()),
        max_length=max_length,
    )
    about = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "size": trained.settings.get("pretrain", {}).get("size", "as its start"),
        "parameters": trained.counts["parameters"],
        "sha256": trained.outputs["model.safetensors"].sha256,
    }
    places = {test.name: test.distribution for test in tests}
    scores = [about | {"distribution": places[row["set"]]} | row for row in rows]
    (part / "scores.json").write_text(json.dumps(scores, indent=2) + "\n")
    return {"sets": len(tests), "rows": len(rows)}
