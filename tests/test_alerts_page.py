"""What docs/alerts.md shows is what there is: its document, its settings and its commands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from connectors.alerts import Told, folded
from connectors.findings import Anomaly, Reason
from connectors.sinks.forms import plain
from connectors.version import version
from stream_processors.alerts.folding import folded_lines
from stream_processors.cli import cli
from stream_processors.settings import load_settings

PAGE = (Path(__file__).parent.parent / "docs" / "alerts.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.S)


def test_the_document_is_what_a_sink_gets():
    (shown,) = map(json.loads, blocks("json"))
    text, at = shown["line"]["text"], 1_700_000_000.0
    reasons = tuple(Reason(*one.values()) for one in shown["reasons"])
    line = Anomaly(
        *(0, 7, at, shown["score"], shown["threshold"], text, "syslog", shown["pattern"]),
        model=shown["model"],
        reasons=reasons,
        share=shown["share"],
        among=shown["among"],
        entities=tuple(shown["entities"]),
    )
    (change,) = folded_lines([line])
    told = Told(1_700_000_000_000, 0, folded(None, change, at, at)[0])
    shown["product"]["version"] = version()
    assert json.loads(json.dumps(plain("sshd", told))) == shown


def test_the_settings_can_be_read(tmp_path):
    (shown,) = blocks("toml")
    path = tmp_path / "secencoder.toml"
    path.write_text(shown)
    settings = load_settings(path, environ={"SECENCODER_ALERTS__WEBHOOK_HEADER": "Authorization: Bearer x"})
    assert (settings.alerts.topic_format, settings.alerts.webhook_format) == ("ocsf", "ecs")


@pytest.mark.parametrize(
    "line",
    [line for block in blocks("console") for line in block.splitlines() if line.startswith("secencoder")],
)
def test_the_commands_can_be_given(line):
    _, *words = shlex.split(line, comments=True)
    command: click.Command | None = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
    assert command is not None
    assert command.make_context("secencoder", words) is not None
