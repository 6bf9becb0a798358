"""Which sub-command lives where."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "compile": "stream_processors.cli.compile:compile",
    "demo": "stream_processors.cli.demo:demo",
    "embed": "stream_processors.cli.files:embed",
    "feedback": "stream_processors.cli.feedback:feedback",
    "learn": "stream_processors.cli.learn:learn",
    "model": "stream_processors.cli.model:model",
    "parse": "stream_processors.cli.parse:parse",
    "produce": "stream_processors.cli.files:produce",
    "query": "stream_processors.cli.query:query",
    "replay": "stream_processors.cli.replay:replay",
    "scan": "stream_processors.cli.scan:scan",
    "worker": "stream_processors.cli.worker:worker",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name in the error."""
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"no such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)
