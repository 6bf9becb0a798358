"""The code's structure is the drawn one: which folders import which, arrows one way, and no circle of modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("encoder_core", "connectors", "stream_processors", "trainer")
DRAWING = re.compile(r"^  (\w+) --> (\w+)$", re.M)
WORKER = "worker"
"""The room of the files that lie in stream_processors itself."""
SETTINGS = "settings"
"""All rooms of stream_processors may read the settings, so this file is a room of its own."""


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(tree: ast.AST) -> Iterator[str]:
    """Names of modules of ours that a tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            inner = [name for name in members if name in MODULES]
            yield from inner
            if len(inner) < len(members):
                yield node.module


def imports(*, when_loaded: bool) -> dict[str, set[str]]:
    """Module to the modules it imports: at its top level only, or anywhere."""
    found = {}
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text())
        if when_loaded:
            tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        found[name] = set(imported(tree)) - {name}
    return found


def room(module: str) -> str:
    """A package, or one of the folders of stream_processors."""
    package, *rest = module.split(".")
    if package != "stream_processors":
        return package
    return rest[0] if rest and (rest[0] == SETTINGS or (ROOT / package / rest[0]).is_dir()) else WORKER


def arrows() -> set[tuple[str, str]]:
    """Which room imports which, wherever in a file."""
    return {
        (room(module), room(other))
        for module, others in imports(when_loaded=False).items()
        for other in others
        if room(module) != room(other)
    }


def test_no_modules_import_each_other_in_a_circle():
    try:
        list(TopologicalSorter(imports(when_loaded=True)).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("encoder_core", {"connectors"}),
        ("connectors", set()),
        ("trainer", {"encoder_core", "connectors"}),
    ],
)
def test_packages_import_only_what_lies_below_them(package, allowed):
    assert {other for one, other in arrows() if one == package} <= allowed


def test_the_encoder_takes_only_how_functions_are_compiled_from_the_connectors():
    others = {
        other
        for name, found in imports(when_loaded=False).items()
        if room(name) == "encoder_core"
        for other in found
        if room(other) == "connectors"
    }
    assert others == {"connectors.kernels"}


def test_the_trainer_takes_only_settings_files_records_and_formats_from_the_connectors():
    others = {
        o for name, found in imports(when_loaded=False).items() if room(name) == "trainer" for o in found
    }
    assert {other for other in others if room(other) == "connectors"} <= {
        "connectors.config",
        "connectors.formats",
        "connectors.records",
    }


def test_detection_knows_nothing_of_kafka_and_redis():
    found = {
        other
        for name, others in imports(when_loaded=False).items()
        if room(name) == "detection"
        for other in others
        if other.startswith(("connectors.kafka", "connectors.redis"))
    }
    assert found == set()


def test_no_rooms_import_each_other_in_a_circle():
    rooms: dict[str, set[str]] = {}
    for one, other in arrows():
        rooms.setdefault(one, set()).add(other)
    try:
        list(TopologicalSorter(rooms).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_drawing_is_the_codes_own_structure():
    drawn = set(DRAWING.findall((ROOT / "docs" / "architecture.md").read_text()))
    assert drawn == arrows()
