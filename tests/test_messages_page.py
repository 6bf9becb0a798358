"""The page about messages: every example is read, and what the page says next to it is what comes out."""

import re
from pathlib import Path

import pytest

from connectors.envelopes import Reader, ReadingSettings, plugins, registry
from connectors.formats import FORMATS
from connectors.records import Line
from stream_processors.cli.rows import iso, pairs, severity_text
from stream_processors.scan import read_steps

PAGE = Path(__file__).parents[1] / "docs" / "messages.md"
EXAMPLE = re.compile(r"^```(messages?)((?: [\w.]+=\S+)*)\n(.*?)\n```\n+```lines\n(.*?)\n?```$", re.M | re.S)
CODE = re.compile(r"^```python\n(.*?)\n```$", re.M | re.S)
NOW = 1_795_608_000.0
"""2026-11-25 12:00 UTC, when the page's times without a year are read."""


def examples():
    """Kind of block, settings, content and what the page says comes out."""
    return [match.groups() for match in EXAMPLE.finditer(PAGE.read_text())]


@pytest.fixture(autouse=True)
def at_the_pages_time(monkeypatch):
    monkeypatch.setattr("time.time", lambda: NOW)


def read(kind: str, options: str, content: str) -> list[Line]:
    """The lines of one message (``message``), or of one message a line (``messages``)."""
    settings = ReadingSettings(**dict(option.split("=", 1) for option in options.split()))
    values = content.splitlines() if kind == "messages" else [content]
    return [
        line for step in read_steps([value.encode() for value in values], settings) for line in step.lines
    ]


def shown(line: Line) -> str:
    """A line as the page shows it."""
    record = line.record
    head = (record.envelope, record.format, iso(record.time), severity_text(record.severity))
    rows = [
        ("", ", ".join(part for part in head if part)),
        ("text", record.text),
        ("message", record.message if record.message != record.text else None),
        ("columns", pairs(record.fields)),
        ("error", record.parse_error),
    ]
    return "\n".join(f"{name:<9}{value}".strip() for name, value in rows if value)


def result(kind: str, options: str, content: str) -> str:
    """All lines of an example as the page shows them."""
    return "\n\n".join(map(shown, read(kind, options, content)))


@pytest.mark.parametrize(
    ("kind", "options", "content", "said"), examples(), ids=lambda text: text.strip()[:40] or "-"
)
def test_what_the_page_says_of_an_example_is_what_comes_out(kind, options, content, said):
    assert result(kind, options, content) == said


def test_every_format_has_an_example_and_every_envelope_that_is_no_bytes():
    lines = [line for kind, options, content, _ in examples() for line in read(kind, options, content)]
    envelopes = {name for line in lines for name in line.record.envelope.split("/")}
    assert {one.name for one in (*registry.OBJECTS, *registry.TEXTS)} - envelopes == set()
    assert {line.record.format for line in lines} >= set(FORMATS)


def test_the_pages_own_envelope_works(tmp_path, monkeypatch):
    (code,) = CODE.findall(PAGE.read_text())
    (tmp_path / "acme_logs.py").write_text(code)
    about = tmp_path / "acme_logs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-logs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[secencoder.envelopes]\nacme = acme_logs:Acme\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "envelopes", plugins.envelopes.__wrapped__)  # not what was found before
    records = Reader().read(
        b'{"acme":{"node":"n-1","at":1764064800},"lines":["level=error msg=\\"no route\\" to=192.0.2.9","ok"]}'
    )
    assert [record.envelope for record in records] == ["acme", "acme"]
    assert [record.format for record in records] == ["logfmt", "raw"]
    assert {record.fields["host.name"] for record in records} == {"n-1"}
    assert {record.time for record in records} == {1_764_064_800.0}
