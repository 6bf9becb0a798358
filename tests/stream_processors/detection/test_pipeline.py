from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from connectors.findings import Changes
from connectors.formats import parse
from connectors.records import Message
from stream_processors.demo.scenario import scenario
from stream_processors.demo.scenario.envelopes import wrap
from stream_processors.detection.batch import LineBatch, Matching
from stream_processors.detection.embedding import embed_rows
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.pipeline import CHUNK_LINES, Pipeline, TooManyFailed
from stream_processors.detection.reading import Failed, LineReader
from stream_processors.detection.settings import DetectionSettings
from stream_processors.detection.sources import Sources
from stream_processors.detection.table import TemplateTable
from tests.fakes import TrigramEmbedder, make_lines

POISON = "poison"


class PoisonedEmbedder(TrigramEmbedder):
    """Raises, or returns a vector that is not finite, for a batch with a poison line."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.calls = 0

    def embed(self, lines):
        self.calls += 1
        vectors = super().embed(lines)
        poisoned = [POISON in line for line in lines]
        if any(poisoned) and self.how == "raises":
            raise RuntimeError("the model choked")
        vectors[poisoned] = np.nan if self.how == "nan" else np.inf
        return vectors


@pytest.fixture
def detector(embedder):
    return PartitionDetector("logs", 0, embedder.dim, DetectionSettings(warmup=16))


@pytest.fixture
def changes():
    return Changes("logs", 0, expected=None, end=100)


def texts_with_poison(*places: int, count: int = 100) -> list[str]:
    """Every tenth or so another template."""
    return [
        f"{POISON} {letters(n)}" if n in places else f"a good line of kind {letters(n % 9)}"
        for n in range(count)
    ]


def letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))


@pytest.mark.parametrize("how", ["raises", "nan", "inf"])
@pytest.mark.parametrize("places", [(0,), (99,), (50, 51), tuple(range(0, 100, 13))])
def test_a_line_the_encoder_cannot_take_fails_alone(detector, changes, how, places):
    failed = Pipeline(PoisonedEmbedder(how)).process(
        make_lines(texts_with_poison(*places)), detector, changes
    )
    assert [failure.line.offset for failure in failed] == list(places)
    assert changes.dead_letters == len(places)
    assert changes.lines == 100 - len(places)
    assert sum(template.count for template in changes.templates) == changes.lines
    assert sum(part.count for part in changes.windows) == changes.lines


def test_what_failed_before_it_was_a_line_is_among_what_is_given_up(detector, changes, embedder):
    lines = make_lines(texts_with_poison())
    unread = Failed(lines[50], RuntimeError("the parser choked"))
    message = Failed(lines[51], ValueError("no registry"), whole=True, lines=7, ours=False)
    failed = Pipeline(embedder).process(lines[:50], detector, changes, [unread, message])
    assert failed == [unread, message]
    assert (changes.lines, changes.dead_letters) == (50, 8)


def test_messages_that_say_themselves_that_they_cannot_be_read_are_given_up_however_many(
    detector, changes, embedder
):
    unread = [Failed(line, ValueError("no registry"), ours=False) for line in make_lines(["x"] * 100)]
    assert Pipeline(embedder).process([], detector, changes, unread) == unread
    with pytest.raises(TooManyFailed):
        Pipeline(embedder).process([], detector, changes, [replace(one, ours=True) for one in unread])


def test_a_step_of_very_many_lines_is_looked_at_in_parts(changes, embedder):
    seen: list[int] = []

    class Noting(PartitionDetector):
        def process(self, batch, changes, **options) -> None:
            seen.append(len(batch))
            super().process(batch, changes, **options)

    noting = Noting("logs", 0, embedder.dim, DetectionSettings(warmup=16))
    Pipeline(embedder).process(make_lines(["equal"] * (CHUNK_LINES + 5)), noting, changes)
    assert seen == [CHUNK_LINES, 5]
    assert changes.lines == CHUNK_LINES + 5


def test_a_failure_keeps_the_line_and_the_reason(detector, changes):
    (failure,) = Pipeline(PoisonedEmbedder("raises")).process(
        make_lines(texts_with_poison(3)), detector, changes
    )
    assert failure.line.value == b"poison d"
    assert isinstance(failure.error, RuntimeError)
    assert str(failure.error) == "the model choked"


def test_a_vector_that_is_not_finite_is_named_as_the_reason(detector, changes):
    (failure,) = Pipeline(PoisonedEmbedder("nan")).process(
        make_lines(texts_with_poison(3)), detector, changes
    )
    assert "not finite" in str(failure.error)


def test_a_batch_of_nothing_but_poison_fails_whole(detector, changes):
    failed = Pipeline(PoisonedEmbedder("raises")).process(make_lines([POISON] * 8), detector, changes)
    assert [failure.line.offset for failure in failed] == list(range(8))
    assert (changes.lines, changes.dead_letters) == (0, 8)


def test_an_empty_batch_is_no_work(detector, changes, embedder):
    assert Pipeline(embedder).process([], detector, changes) == []
    assert (changes.lines, changes.dead_letters) == (0, 0)


def test_one_poison_text_is_found_in_a_logarithmic_number_of_calls():
    encoder, table = PoisonedEmbedder("raises"), TemplateTable(64)
    texts = [f"{POISON if n == 77 else 'good'} {letters(n)}" for n in range(128)]
    batch = LineBatch.of(make_lines(texts), table)
    failed = embed_rows(batch.rows, batch.rows.missing(batch.templates), table, encoder)
    assert [batch.rows.texts[row] for row in failed] == ["poison hh"]
    assert encoder.calls <= 2 * 7 + 1


def test_every_text_keeps_its_own_vector_around_poison(embedder):
    texts, table = texts_with_poison(3, 40), TemplateTable(64)
    batch = LineBatch.of(make_lines(texts), table)
    failed = embed_rows(batch.rows, batch.rows.missing(batch.templates), table, PoisonedEmbedder("raises"))
    good = np.flatnonzero(~np.isin(batch.templates, list(failed)))
    assert good.tolist() == [n for n in range(100) if n not in (3, 40)]
    expected = embedder.embed([texts[n] for n in good])
    np.testing.assert_allclose(batch.rows.vectors[batch.templates[good]], expected, atol=1e-6)


def test_a_template_is_embedded_once_for_all_its_lines_and_partitions(changes):
    encoder = PoisonedEmbedder("raises")
    pipeline, asked = Pipeline(encoder), []
    encoder.embed_and_flag = lambda lines: asked.extend(lines) or TrigramEmbedder().embed_and_flag(lines)
    for partition in range(2):
        detector = PartitionDetector("logs", partition, 64, DetectionSettings(warmup=16))
        pipeline.process(make_lines(f"took {n} ms" for n in range(30)), detector, changes)
    assert len(asked) == 1


def test_a_template_that_the_encoder_can_not_take_fails_all_its_lines(detector, changes):
    texts = [f"{POISON} {n}" if n % 20 == 0 else "good" for n in range(100)]
    failed = Pipeline(PoisonedEmbedder("raises")).process(make_lines(texts), detector, changes)
    assert [failure.line.offset for failure in failed] == [0, 20, 40, 60, 80]
    assert changes.lines == 95


def test_with_lines_as_input_every_distinct_line_is_embedded(changes, detector):
    asked: list[str] = []
    encoder = TrigramEmbedder()
    encoder.embed_and_flag = lambda lines: asked.extend(lines) or TrigramEmbedder().embed_and_flag(lines)
    Pipeline(encoder, Matching(by_line=True)).process(
        make_lines(["took 1 ms", "took 2 ms"] * 9), detector, changes
    )
    assert sorted(asked) == ["took 1 ms", "took 2 ms"]
    assert [template.count for template in changes.templates] == [18]


def test_relearning_changes_nothing_but_memory(detector, changes, embedder):
    pipeline = Pipeline(embedder)
    lines = make_lines(texts_with_poison())
    pipeline.relearn(lines, detector)
    assert detector.warm
    pipeline.process([replace(lines[0], offset=100)], detector, changes)
    assert changes.lines == 1
    assert sum(template.count for template in changes.templates) == 1


def test_poison_does_not_stop_relearning(detector):
    Pipeline(PoisonedEmbedder("raises")).relearn(make_lines(texts_with_poison(0, 5)), detector)
    assert detector.warm


def test_parse_errors_are_lines(detector, changes, embedder):
    lines = [replace(line, record=parse(b'{"broken": ')) for line in make_lines(["x", "y"])]
    assert Pipeline(embedder).process(lines, detector, changes) == []
    assert (changes.lines, changes.parse_errors, changes.dead_letters) == (2, 2, 0)


def test_lines_longer_than_the_encoder_reads_are_marked_around_poison():
    class Choking(TrigramEmbedder):
        def embed(self, lines):
            if POISON in lines:
                raise RuntimeError("choked")
            return super().embed(lines)

    texts = ["short", "long" * 10, POISON, "short again", "longer" * 10]
    table = TemplateTable(64)
    batch = LineBatch.of(make_lines(texts), table)
    failed = embed_rows(batch.rows, batch.rows.missing(batch.templates), table, Choking(longest=20))
    assert [batch.line(n).offset for n in range(5) if batch.line(n).cut] == [1, 4]
    assert [batch.rows.texts[row] for row in failed] == [POISON]


def test_cut_lines_are_counted_as_lines(detector, changes):
    pipeline = Pipeline(TrigramEmbedder(longest=20))
    assert pipeline.process(make_lines(["short", "long" * 10]), detector, changes) == []
    assert (changes.lines, changes.cut, changes.parse_errors) == (2, 1, 0)


def test_partitions_at_once_come_to_what_each_does_alone(embedder, monkeypatch):
    """Two are handled at once (``delivery.service``), with one pipeline; here also while it forgets and begins anew."""
    monkeypatch.setattr("stream_processors.detection.matches.MOST_KEYS", 40)
    monkeypatch.setattr("stream_processors.detection.layouts.MOST_PLANS", 10)
    monkeypatch.setattr("stream_processors.detection.columns.MOST_COUNTED", 10)
    streams = [
        [message.value for message in wrap(scenario(lines=600, seed=seed), envelope)]
        for seed, envelope in enumerate(("filebeat", "fluentbit", "otlp_json"))
    ]

    def found(pipeline: Pipeline, values: list[bytes]) -> list[object]:
        reader, detector = LineReader(), Sources("logs", 0, embedder.dim, DetectionSettings(warmup=64))
        everything = Changes("logs", 0, expected=None, end=len(values))
        for first in range(0, len(values), 50):
            part = [Message(first + at, 1.8e9, value) for at, value in enumerate(values[first : first + 50])]
            reader.add(part, first + len(part))
            while (step := reader.step(50)) is not None and step.lines:
                assert pipeline.process(step.lines, detector, everything) == []
        scores = [(one.offset, one.score, one.pattern) for one in everything.anomalies]
        return [scores, sorted((one.id, one.count, one.example) for one in everything.templates)]

    alone = [found(Pipeline(embedder), values) for values in streams]
    shared = Pipeline(embedder)
    with ThreadPoolExecutor(len(streams)) as pool:
        assert list(pool.map(lambda values: found(shared, values), streams)) == alone
    assert all(scores for scores, _ in alone)
