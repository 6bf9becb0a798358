"""``secencoder model``: look at a bundle, and check that nobody changed it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stream_processors.cli.options import json_option

if TYPE_CHECKING:
    from encoder_core import Bundle


@click.group()
def model() -> None:
    """Look at model bundles."""


def load(path: Path | None) -> Bundle:
    """The bundle at ``path``, by default the shipped one, every file hashed."""
    from encoder_core import Bundle, default_bundle_path

    return Bundle.load(path or default_bundle_path())


def facts(bundle: Bundle) -> dict[str, object]:
    """What a verified bundle says of itself."""
    files = bundle.manifest["files"]
    return {
        "name": bundle.name,
        "version": bundle.version,
        "path": str(bundle.path),
        "sha256": bundle.sha256,
        "dim": bundle.dim,
        "layers": bundle.config.get("num_hidden_layers"),
        "vocabulary": bundle.config.get("vocab_size"),
        "runs": bundle.onnx_path.name,
        "bytes": sum(entry["bytes"] for entry in files.values()),
        "files": len(files),
        "licence": bundle.manifest.get("licence"),
        "training": bundle.manifest.get("training"),
        "metrics": bundle.manifest.get("metrics"),
    }


@model.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@json_option
def info(path: Path | None, as_json: bool) -> None:
    """Describe the bundle at PATH, by default the shipped one."""
    from stream_processors.cli.report import show_facts

    show_facts(facts(load(path)), as_json)


@model.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@json_option
def verify(path: Path | None, as_json: bool) -> None:
    """Re-hash every file of the bundle at PATH and load its graph; exit code 2 when anything differs."""
    from encoder_core import Encoder
    from stream_processors.cli.report import show_facts

    bundle = load(path)
    Encoder(bundle)
    found = facts(bundle)
    show_facts(
        {name: found[name] for name in ("name", "version", "sha256", "files")} | {"verified": True}, as_json
    )
