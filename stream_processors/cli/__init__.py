"""The ``secencoder`` command.

Errors are one line on stderr that names the setting or file; exit code 2 for wrong usage or input, 1 for a
failure at run time. Sub-commands import what they need when they run, so that ``--help`` is quick.
"""

from __future__ import annotations

import sys

import click

from stream_processors.cli.commands import LazyGroup


def print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    """Says which version this is, also of files that were never installed."""
    if asked and not ctx.resilient_parsing:
        from connectors.version import version

        click.echo(f"secencoder {version()}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 110},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Find what is unusual in logs that flow through Kafka, with a language model made for logs."""


def main() -> None:
    """Entry point of the console script."""
    from stream_processors.operations.compiling import choose_folder

    choose_folder()  # before anything imports numba
    from stream_processors.cli.errors import exit_code_and_line

    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"secencoder: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        code, line = exit_code_and_line(error)
        if line is None:
            raise
        click.echo(f"secencoder: {line}", err=True)
        sys.exit(code)
