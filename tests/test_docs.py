"""The documentation names what exists."""

import importlib
import re
from pathlib import Path

import pytest

from connectors.records import ORIGIN
from stream_processors.settings import known_names

ROOT = Path(__file__).parent.parent
PACKAGES = ("", "stream_processors.", "connectors.", "encoder_core.")
DOTTED = re.compile(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`")
FILES = re.compile(r"\]\((?!http)([^)#]+)\)|`((?:docs|benchmarks|connectors|encoder_core)/[\w./-]+)`")


def documents():
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def in_trainer(name: str) -> bool:
    """Whether a dotted name is defined in the trainer, read from its source: importing it needs an extra."""
    folder, rest = ROOT / "trainer", name.split(".")
    while len(rest) > 1 and (folder / rest[0]).is_dir():
        folder /= rest.pop(0)
    path = folder / f"{rest.pop(0)}.py"
    return path.is_file() and all(
        re.search(rf"^ *(?:def|class) {part}\b", path.read_text(), re.M) for part in rest
    )


def exists(name: str) -> bool:
    """Whether a dotted name is a setting, a column, a module of ours, or something in one."""
    if name in (*known_names(), *ORIGIN) or in_trainer(name):
        return True
    for package in PACKAGES:
        module, *rest = f"{package}{name}".split(".")
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        for part in rest:
            module = f"{module}.{part}"
            found = getattr(found, part, None) or submodule(module)
        if found is not None:
            return True
    return False


def submodule(name: str) -> object | None:
    """A module that was not imported yet."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_names_and_files_in_the_documentation_exist(path):
    text = path.read_text()
    unknown = [
        name for name in DOTTED.findall(text) if not name.endswith((".py", ".md")) and not exists(name)
    ]
    assert unknown == []
    files = [one or other for one, other in FILES.findall(text)]
    base = path.parent
    assert [file for file in files if not (base / file).exists() and not (ROOT / file).exists()] == []


def test_the_architecture_page_names_the_functions_of_a_lines_life():
    names = DOTTED.findall((ROOT / "docs" / "architecture.md").read_text())
    steps = {
        "delivery.fetching.Fetcher",
        "detection.embedding.embed_rows",
        "delivery.handling.Handler.commit",
    }
    assert steps <= set(names)
    assert len([name for name in names if exists(name)]) > 20


def test_a_name_that_does_not_exist_is_noticed():
    assert not exists("service.StreamService.fetches")
    assert not exists("nowhere.at_all")
