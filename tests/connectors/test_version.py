from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.version import PACKAGE, UNKNOWN, version
from stream_processors.cli import cli

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def asked_anew():
    version.cache_clear()
    yield
    version.cache_clear()


def test_the_version_is_that_of_the_project_file_and_the_command_says_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (PACKAGE, version()) == (project["name"], project["version"])
    assert CliRunner().invoke(cli, ["--version"]).output.split()[-1] == version()


def test_files_that_were_never_installed_have_no_version_and_raise_nothing(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert version() == UNKNOWN
    assert UNKNOWN in CliRunner().invoke(cli, ["--version"]).output
