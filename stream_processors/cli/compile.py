"""``secencoder compile``: what the first start on a machine does, ahead of it."""

from __future__ import annotations

import click

from stream_processors.cli import report


@click.command()
def compile() -> None:
    """Compile for this machine and keep it on disk, as the first start does; for the build of an image."""
    from stream_processors.operations.compiling import compile_ahead

    compile_ahead(report.remark)
