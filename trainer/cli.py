"""The ``secencoder-trainer`` command: one sub-command per stage of a run, and ``run`` for all of them.

Errors are one line on stderr that names the setting or file; exit code 2 for wrong usage or input, 1 for a failure
at run time. Nothing of the ``trainer`` extra is imported before a stage runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from connectors.config import SettingsError, assign, read_config, validated
from trainer.settings import RunSettings

File = click.Path(path_type=Path)
SUITES = ("meaning", "own", "templates", "masked")
"""Tests of bundles that exist."""


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command its settings: ``--config``, what overrides it, and ``--print-config`` to see the result."""

    @click.option("--config", type=File, metavar="FILE", help="TOML or YAML settings file.")
    @click.option(
        "--corpus", multiple=True, metavar="PATH", help="File, folder or glob, in place of [[corpus]]."
    )
    @click.option("--work", type=File, metavar="FOLDER", help="Folder of the run [setting work].")
    @click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any setting, e.g. pretrain.steps=9.",
    )
    @click.option("--print-config", is_flag=True, help="Print the settings and exit.")
    @functools.wraps(command)
    def with_settings(
        config: Path | None,
        corpus: tuple[str, ...],
        work: Path | None,
        assignments: tuple[str, ...],
        print_config: bool,
        **options: Any,
    ) -> None:
        overrides = {} if (engine := options.pop("engine", None)) is None else {"dedup.engine": engine}
        settings = load_settings(config, corpus, work, assignments, overrides)
        if print_config:
            click.echo(settings.model_dump_json(indent=2))
        else:
            command(settings, **options)

    return with_settings


def load_settings(
    config: Path | None,
    corpus: tuple[str, ...] = (),
    work: Path | None = None,
    assignments: tuple[str, ...] = (),
    overrides: dict[str, str] | None = None,
) -> RunSettings:
    """The settings of a run from a file, with options in place of what it says. Raises SettingsError."""
    values = read_config(config) if config else {}
    if corpus:
        values["corpus"] = [{"paths": list(corpus)}]
    if work is not None:
        values["work"] = work
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise SettingsError(f"--set {assignment}: expected NAME=VALUE")
        assign(RunSettings, values, name.strip(), value, origin=name.strip())
    for name, value in (overrides or {}).items():
        assign(RunSettings, values, name, value, origin=name)
    return validated(RunSettings, values)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 110}
)
@click.version_option(package_name="secencoder-streams")
def cli() -> None:
    """Train a SecEncoder: raw logs in, a verified model bundle out.

    Every stage writes a folder with a manifest into the work folder and is skipped when nothing it depends on has
    changed. Interrupt it anywhere: the same command goes on.
    """


@cli.command()
@settings_options
def run(settings: RunSettings) -> None:
    """All stages in order: dedup, tokenizer, pretrain, contrast, evaluate, export."""
    from trainer import run

    run.run(settings)


@cli.command()
@click.option("--engine", type=click.Choice(["local", "spark"]), help="One process, or PySpark.")
@settings_options
def dedup(settings: RunSettings) -> None:
    """Read the corpus and drop exact and near duplicates."""
    from trainer import run

    run.dedup(settings)


@cli.command()
@click.option(
    "--list-delimiters", is_flag=True, help="Only list the tokens that are never masked or predicted."
)
@settings_options
def tokenizer(settings: RunSettings, list_delimiters: bool) -> None:
    """Learn the byte-level BPE vocabulary."""
    from trainer import run

    if list_delimiters:
        for line in run.list_delimiters(settings):
            click.echo(line)
    else:
        run.tokenizer(settings)


@cli.command()
@settings_options
def pretrain(settings: RunSettings) -> None:
    """Train the encoder; started by torchrun or deepspeed, one of the processes that do."""
    from trainer import run

    run.pretrain(settings)


@cli.command()
@settings_options
def contrast(settings: RunSettings) -> None:
    """Train the encoder on by contrast: what means the same lies near, what only shares words does not."""
    from trainer import run

    run.contrast(settings)


@cli.command()
@click.option("--suite", type=click.Choice(SUITES), help="Measure bundles on a suite instead.")
@click.option(
    "--bundle", "bundles", multiple=True, type=File, help="Of a suite: a bundle; by default the shipped one."
)
@click.option("--data", type=File, metavar="FOLDER", help="Of a suite: folder of its public sets.")
@click.option("--results", type=File, metavar="CSV", help="Of a suite: table that its figures are added to.")
@click.option(
    "--beside/--alone", default=True, help="Of a suite: measure what stands beside our encoders too."
)
@click.option(
    "--keep",
    type=File,
    metavar="FOLDER",
    help="Of a suite: where vectors of baselines stay for the next time.",
)
@settings_options
def evaluate(
    settings: RunSettings,
    suite: str | None,
    bundles: tuple[Path, ...],
    data: Path | None,
    results: Path | None,
    beside: bool,
    keep: Path | None,
) -> None:
    """Perplexity and masked accuracy, appended to the table of all models; with --suite, tests of meaning and search.

    The suites: meaning (public sets in --data, and ours), own (ours alone), templates (Loghub in --data), masked (what
    a bundle's own evaluation found).
    """
    if suite is None:
        if bundles or data or results:
            raise click.UsageError("--bundle, --data and --results go with --suite")
        from trainer import run

        run.evaluate(settings)
        return
    from trainer.evaluation import suites

    suites.evaluate(suite, bundles, data, results, baselines=beside, kept=keep)


@cli.command()
@settings_options
def export(settings: RunSettings) -> None:
    """Write the model as a verified bundle that workers can load."""
    from trainer import run

    run.export(settings)


@cli.command()
@settings_options
def distill(settings: RunSettings) -> None:
    """Write a second, fast bundle: a static student of the encoder."""
    from trainer.distillation import fast

    fast.distill(settings)


@cli.command()
@click.argument("bundles", nargs=-1, required=True, type=File, metavar="BUNDLE...")
@settings_options
def centre(settings: RunSettings, bundles: tuple[Path, ...]) -> None:
    """Fit the mean of existing bundles anew, on templates of the corpus.

    The weights stay. Name an encoder and its student together: with a new mean the encoder is another model, and the
    student is told so.
    """
    from trainer.export import recentre

    recentre.centre(bundles, settings.corpus)


def main() -> None:
    """Entry point of the console script."""
    quiet_libraries()
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        stop_with("interrupted; the same command goes on from here", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        stop_with(error.format_message(), error.exit_code)
    except Exception as error:
        from trainer.errors import exit_code_and_line

        code, line = exit_code_and_line(error)
        if line is None:
            raise
        stop_with(line, code)


def quiet_libraries() -> None:
    """Keeps the libraries' advice to programmers, and their progress bars, out of the output."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def stop_with(line: str, code: int) -> None:
    """Ends the process with an error line."""
    click.echo(f"secencoder-trainer: {line}", err=True)
    sys.exit(code)
