"""Many records at once are matched as each alone."""

import pytest

from connectors.formats import parse
from connectors.formats.recorded import rows_of
from connectors.formats.rows import Layouts
from connectors.records import Record
from encoder_core.templates import Templates
from encoder_core.templates.columns import CHOICES
from stream_processors.demo.scenario import scenario
from stream_processors.detection.matches import Matcher
from stream_processors.detection.matching import match_record


def matched(records, templates):
    layouts = Layouts()
    rows, buffer = rows_of(records, layouts)
    return Matcher(templates).match(buffer, layouts.known, rows)


def assert_alike(records, templates):
    found = matched(records, templates)
    alone = [match_record(record, templates) for record in records]
    assert [f"{number:016x}" for number in found.ids.tolist()] == [match.id for match in alone]
    assert [found.template(place) for place in range(len(found))] == [match.template for match in alone]


@pytest.mark.parametrize(
    "templates",
    [Templates(), Templates({"host": r"\bweb-\w+"}, ["Accepted <*> for <*> from <ip> port <num>"])],
    ids=["rules", "own"],
)
def test_all_kinds_of_lines_are_matched_as_each_alone(templates):
    records = [parse(line.line.encode()) for line in scenario(lines=700)]
    assert_alike(records, templates)
    assert_alike(records, templates)


def test_records_without_text_with_errors_and_with_more_texts_than_are_remembered():
    records = [
        parse(b'{"user":"ada"}'),
        parse(b'{"msg":"request failed","error":"no route to 192.0.2.7"}'),
        parse(b""),
        Record("", "json"),
        *[parse(b'{"event":"took","msg":"%s was it"}' % (b"a" * size)) for size in range(2, CHOICES + 8)],
    ]
    assert_alike(records * 2, Templates())


def test_none_are_none():
    assert len(matched([], Templates())) == 0
