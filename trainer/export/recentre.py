"""The ``centre`` command: a new mean for bundles that are there, their weights untouched."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from encoder_core import Bundle, Encoder
from encoder_core.bundle import MANIFEST, write_manifest
from trainer.data.corpus import list_sources
from trainer.data.records import Record, read_records
from trainer.export.centring import add_centring, sample_templates
from trainer.settings import CorpusSettings
from trainer.stages.stage import new_bundle, swap

MADE = ("format", "files")
"""Entries of a manifest that are made when it is written."""


def centre(bundles: Sequence[Path], corpus: Sequence[CorpusSettings]) -> None:
    """Fits a mean for each bundle on templates of the corpus; students of the others stay their students.

    Raises BundleError, CorpusError and StageError.
    """
    loaded = sorted(map(Bundle.load, bundles), key=lambda bundle: "teacher" in bundle.manifest)
    sources = list_sources(corpus)
    templates = sample_templates(
        (item.text for item in read_records(source.path, source.field) if isinstance(item, Record))
        for source in sources
    )
    renamed: dict[str, str] = {}
    for bundle in loaded:
        record = {name: value for name, value in bundle.manifest.items() if name not in MADE}
        teacher = record.get("teacher")
        if isinstance(teacher, dict) and teacher.get("sha256") in renamed:
            record["teacher"] = teacher | {"sha256": renamed[teacher["sha256"]]}
        with new_bundle(bundle.path) as (part, target):
            shutil.copytree(bundle.path, part)
            write_manifest(part, record | add_centring(part, Encoder(bundle), templates))
            swap(part, target)
        renamed[bundle.sha256] = Bundle.load(bundle.path).sha256
        click.echo(f"centre: {bundle.path / MANIFEST}, {sum(map(len, templates)):,} templates")
