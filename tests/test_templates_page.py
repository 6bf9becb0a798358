"""The page about templates: every example is read, and what the page says next to it is what comes out."""

import re
from collections import Counter
from pathlib import Path

import pytest

from encoder_core.templates import Match, Templates
from stream_processors.detection.matching import match_record
from stream_processors.scan import read_steps
from stream_processors.settings import TemplateSettings

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

PAGE = Path(__file__).parents[1] / "docs" / "templates.md"
EXAMPLE = re.compile(r"^```lines\n(.*?)\n```\n+```(templates|parameters)\n(.*?)\n```$", re.M | re.S)
SETTING = re.compile(
    r"^```toml\n(.*?)\n```\n.*?^```(?:masked|seeded)\nlines +(.*?)\ntemplate +(.*?)\n```$", re.M | re.S
)


def matches(lines: str, templates: Templates | None = None) -> list[Match]:
    """Of a message a line."""
    templates = templates or Templates()
    steps = read_steps([line.encode() for line in lines.splitlines()])
    return [match_record(line.record, templates) for step in steps for line in step.lines]


@pytest.mark.parametrize(("lines", "kind", "said"), EXAMPLE.findall(PAGE.read_text()))
def test_what_the_page_says_of_an_example_is_what_comes_out(lines, kind, said):
    found = matches(lines)
    if kind == "templates":
        counts = Counter(match.template for match in found)
        assert [f"{count}  {template}" for template, count in counts.items()] == said.splitlines()
    else:
        assert [list(parameter) for parameter in found[0].parameters] == [
            line.split(maxsplit=2) for line in said.splitlines()
        ]


@pytest.mark.parametrize(("settings", "line", "template"), SETTING.findall(PAGE.read_text()))
def test_a_setting_on_the_page_does_what_it_says(settings, line, template):
    options = TemplateSettings(**tomllib.loads(settings)["templates"])
    (match,) = matches(line, Templates(options.masks, options.seeds))
    assert match.template == template
    assert match.id != matches(line)[0].id


def test_the_page_has_examples_of_both():
    kinds = Counter(kind for _, kind, _ in EXAMPLE.findall(PAGE.read_text()))
    assert kinds["templates"] >= 5
    assert kinds["parameters"] >= 2
    assert len(SETTING.findall(PAGE.read_text())) == 2
