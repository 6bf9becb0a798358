"""The ``export`` stage: the trained model as a verified bundle, with what its manifest says of it."""

from __future__ import annotations

import json
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click

from encoder_core import Bundle, BundleError
from encoder_core.bundle import MANIFEST, read_json
from trainer.evaluation.results import MODEL_COLUMNS
from trainer.settings import ExportSettings, RunSettings
from trainer.stages.manifest import read_manifest
from trainer.stages.shards import read_shard
from trainer.stages.stage import require, run_stage
from trainer.stages.work import Work, report

CALIBRATION_LINES = 20
"""Lines of a shard that ranges of activations are measured on."""
CHECK_LINES = 400
"""Real lines on which an exported bundle is compared with torch."""


def export(settings: RunSettings) -> None:
    """``work/bundle``, or where ``export.bundle`` says: the verified bundle; ``work/export`` has its hash."""
    work = Work.of(settings)
    earlier = [*work.model_stages(), work["evaluate"]]
    for stage in earlier:
        require(stage, "pretrain" if stage == work["tokens"] else "")
    result = run_stage(
        work["export"],
        settings={"export": settings.export.model_dump(mode="json", exclude={"bundle"})},
        inputs=[*work.model_files(), work.scores, work.heldout, *work.shard_files()],
        after=earlier,
        make=lambda part: write_bundle(work, settings.export, part),
        stale=not is_exported(work.bundle, work["export"] / "bundle.json"),
    )
    report(*result)
    click.echo(f"export: {work.bundle}")


def is_exported(bundle: Path, record: Path) -> bool:
    """Whether a bundle is still, byte for byte, the one that was exported."""
    try:
        return Bundle.load(bundle).sha256 == json.loads(record.read_text())["sha256"]
    except (BundleError, FileNotFoundError):
        return False


def write_bundle(work: Work, settings: ExportSettings, part: Path) -> dict[str, Any]:
    """Writes the bundle in its own place, and its hash into ``part``; counts what the checks found."""
    from trainer.export.bundle import export_bundle
    from trainer.export.card import model_card
    from trainer.export.centring import sample_templates
    from trainer.export.pooling import Pooling
    from trainer.pretraining.pretrain import load_model

    model = load_model(work.model)
    record = bundle_record(work, settings)
    measured = read_manifest(work["evaluate"]).settings["evaluate"]
    export_bundle(
        model,
        work.load_vocabulary(work.model_vocabulary),
        work.bundle,
        lines=check_lines(work),
        calibration=calibration_lines(work),
        templates=sample_templates(work.shards()),
        record=record,
        card=model_card(record, model.config.to_dict(), test_length=measured["max_length"]),
        keep_fp32=settings.keep_fp32,
        pooling=Pooling.load(work.model),
    )
    written = Bundle.load(work.bundle)
    (part / "bundle.json").write_text(json.dumps({"sha256": written.sha256}) + "\n")
    return dict(written.manifest["parity"])


def bundle_record(work: Work, settings: ExportSettings) -> dict[str, Any]:
    """What the bundle's manifest says of the model: every fact from a stage's manifest."""
    trained = read_manifest(work.model)
    training = pretraining_record(work, settings)
    if work.trained == "contrast":
        training["contrast"] = contrast_record(work, settings)
    metrics = [
        {name: value for name, value in row.items() if name not in MODEL_COLUMNS}
        for row in work.read_scores()
    ]
    replaced = Bundle.load(settings.replaces).manifest if settings.replaces else {}
    return {
        "name": settings.name,
        "version": settings.version,
        "architecture": "deberta-v2",
        "licence": settings.licence,
        "parameters": trained.counts["parameters"],
        "training": training,
        "metrics": metrics,
        "replaces": {name: replaced[name] for name in ("name", "version", "metrics") if name in replaced},
    }


def pretraining_record(work: Work, settings: ExportSettings) -> dict[str, Any]:
    """What is to be said of the pretraining: this run's, or that of the bundle which the contrast started from."""
    if not work["pretrain"].exists():
        start = read_manifest(work.model).settings["contrast"]["start_from"]
        return dict(Bundle.load(start).manifest["training"])
    trained, tokenised = read_manifest(work["pretrain"]), read_manifest(work["tokens"])
    training = dict(trained.settings["pretrain"])
    if training["start_from"]:
        training["start_from"] = bundle_name(Path(training["start_from"]))
    return training | {
        "lines": tokenised.counts["lines"],
        "corpus_tokens": tokenised.counts["tokens"],
        "seconds": trained.seconds,
        "dedup": read_manifest(work["dedup"]).counts,
        "data": settings.data,
    }


def contrast_record(work: Work, settings: ExportSettings) -> dict[str, Any]:
    """What is to be said of the training by contrast, paths by their names.

    The sentence on the data is the pretraining's, unless that is another run's.
    """
    trained, items = read_manifest(work.model), read_manifest(work["items"])
    options = dict(trained.settings["contrast"])
    options["texts"] = [Path(path).name for path in options["texts"]]
    if options["start_from"]:
        options["start_from"] = bundle_name(Path(options["start_from"]))
    if options["teacher"]:
        options["teacher"] = Path(options["teacher"]).name
    if not work["pretrain"].exists():
        options["data"] = settings.data
    return options | {"seconds": trained.seconds, "items": items.counts, "measured": trained.counts}


def bundle_name(folder: Path) -> str:
    """Name and version of a bundle; without a manifest that of its folder: the path means nothing elsewhere."""
    try:
        manifest = read_json(folder / MANIFEST)
        return f"{manifest['name']} {manifest['version']}"
    except (BundleError, KeyError):
        return folder.name


def check_lines(work: Work) -> list[str]:
    """Real lines to compare a bundle on, evenly over the held-out ones; training lines when none were held out."""
    lines = list(read_shard(work.heldout)) or calibration_lines(work)
    return lines[:: max(1, len(lines) // CHECK_LINES)][:CHECK_LINES]


def calibration_lines(work: Work) -> list[str]:
    """The first lines of every training shard."""
    return list(chain.from_iterable(islice(shard, CALIBRATION_LINES) for shard in work.shards()))
