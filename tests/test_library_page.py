"""The page about the library: its examples run, one after the other, as they stand."""

import re
import runpy
from pathlib import Path
from typing import Any

import stream_processors.detector  # noqa: F401 - compiled code stays where other tests have it

PAGE = Path(__file__).parents[1] / "docs" / "library.md"
CODE = re.compile(r"^```python( \w+)?\n(.*?)\n```$", re.M | re.S)


def examples(kind: str = "") -> list[str]:
    """The examples of a framework, or those that need none."""
    return [code for word, code in CODE.findall(PAGE.read_text()) if word.strip() == kind]


def run(code: str, folder: Path) -> dict[str, Any]:
    """What a program defines when it has run."""
    path = folder / "example.py"
    path.write_text(code)
    return runpy.run_path(str(path), run_name="example")


def test_the_examples_run(no_settings, tmp_path, capsys):
    run("\n".join(examples()), tmp_path)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "kernel: Out of memory: killed process 4721 (backup) True"
    assert "new 1 kernel: Out of memory: killed process 4721 (backup)" in said
    assert any(re.match("600 .*session opened for user", line) for line in said)
    assert said[-1].startswith("not a detector state: ")
