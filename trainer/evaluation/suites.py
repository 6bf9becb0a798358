"""``secencoder-trainer evaluate --suite``: bundles and what stands beside them, measured on one suite of tests."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from encoder_core.bundle import Bundle, default_bundle_path
from trainer.evaluation.contestants import Contestant, beside, of_bundle
from trainer.evaluation.figures import Figure, append_figures, today
from trainer.evaluation.meaning import Suite, own_measures, public_measures, read_rows
from trainer.evaluation.templates import read_systems, template_measures
from trainer.stages.manifest import StageError


def evaluate(
    suite: str,
    bundles: Sequence[Path],
    data: Path | None,
    results: Path | None,
    *,
    baselines: bool = True,
    kept: Path | None = None,
) -> list[Figure]:
    """Measures, prints, and appends to ``results``. bundles: by default the shipped one. data: folder of the sets.

    baselines: whether to measure what stands beside them too. kept: folder of their
    vectors. Raises CorpusError, BundleError, StageError.
    """
    paths = list(bundles) or [default_bundle_path()]
    figures = [figure for path in paths for figure in manifest_figures(path)] if suite == "masked" else []
    if suite != "masked":
        measures = suite_of(suite, data)
        for path in paths:
            figures += bundle_figures(suite, path, measures)
        if baselines:
            figures += measured(suite, "", beside(paths[0], kept), measures)
    show(figures)
    if results is not None:
        append_figures(results, figures)
    return figures


def suite_of(suite: str, data: Path | None) -> Suite:
    """What measures a contestant on a suite; its data are looked at before anything is computed."""
    if suite == "own":
        return own_measures
    if data is None:
        raise StageError(f"--data is needed: the folder of the sets of the suite {suite}")
    if suite == "templates":
        systems = list(read_systems(data))
        return lambda who: template_measures(systems, who)
    read_rows(data, "ecs_events")
    return lambda who: public_measures(data, who) | own_measures(who)


def bundle_figures(suite: str, path: Path, measures: Suite) -> list[Figure]:
    """The figures of a bundle's forms."""
    identity = Bundle.load(path).identity
    return measured(suite, identity, of_bundle(path), measures)


def measured(suite: str, bundle: str, contestants: Iterable[Contestant], measures: Suite) -> list[Figure]:
    """A figure for each measure of each contestant."""
    found = []
    for who in contestants:
        started = time.perf_counter()
        values = measures(who)
        found += [Figure(today(), bundle, suite, name, who.name, value) for name, value in values.items()]
        click.echo(
            f"evaluate: {bundle or 'beside'}: {who.name}: {time.perf_counter() - started:.0f} s", err=True
        )
    return found


def manifest_figures(path: Path) -> list[Figure]:
    """Perplexity and masked accuracy as the bundle's own evaluation stage measured them (paper's Table 2)."""
    bundle = Bundle.load(path)
    rows = bundle.manifest.get("metrics", [])
    if not rows:
        raise StageError(f"{path}: its manifest has no figures of an evaluation")
    return [
        Figure(
            today(),
            identity,
            "masked",
            f"{measure}, {row['distribution']}, {row['forms']}",
            name,
            row[prefix + measure],
        )
        for row in rows
        for prefix, name, identity in (
            ("", "encoder", bundle.identity),
            ("unigram_", "its unigrams", bundle.identity),
        )
        for measure in ("perplexity", "accuracy")
    ]


def show(figures: Sequence[Figure]) -> None:
    """A line for each row, its measures in a table."""
    names = list(dict.fromkeys(figure.measure for figure in figures))
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for figure in figures:
        rows.setdefault((figure.bundle, figure.row), {})[figure.measure] = figure.value
    click.echo("\t".join(["bundle", "row", *names]))
    for (bundle, row), values in rows.items():
        cells = [f"{values[name]:.3f}" if name in values else "-" for name in names]
        click.echo("\t".join([bundle, row, *cells]))
