from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from connectors.findings import Changes
from connectors.formats import parse
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.pipeline import CHUNK_LINES, Pipeline, TooManyFailed, embed_lines
from stream_processors.detection.reading import Failed
from stream_processors.detection.settings import DetectionSettings
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
    return [f"{POISON} {n}" if n in places else f"a good line of number {n % 9}" for n in range(count)]


@pytest.mark.parametrize("how", ["raises", "nan", "inf"])
@pytest.mark.parametrize("places", [(0,), (99,), (50, 51), tuple(range(0, 100, 13))])
def test_a_line_the_encoder_cannot_take_fails_alone(detector, changes, how, places):
    failed = Pipeline(PoisonedEmbedder(how)).process(
        make_lines(texts_with_poison(*places)), detector, changes
    )
    assert [failure.line.offset for failure in failed] == list(places)
    assert changes.dead_letters == len(places)
    assert changes.lines == 100 - len(places)
    assert sum(pattern.count for pattern in changes.patterns) == changes.lines
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
        def process(self, lines, vectors, changes, refinement=None) -> None:
            seen.append(len(lines))
            super().process(lines, vectors, changes, refinement)

    noting = Noting("logs", 0, embedder.dim, DetectionSettings(warmup=16))
    Pipeline(embedder).process(make_lines(["equal"] * (CHUNK_LINES + 5)), noting, changes)
    assert seen == [CHUNK_LINES, 5]
    assert changes.lines == CHUNK_LINES + 5


def test_a_failure_keeps_the_line_and_the_reason(detector, changes):
    (failure,) = Pipeline(PoisonedEmbedder("raises")).process(
        make_lines(texts_with_poison(3)), detector, changes
    )
    assert failure.line.value == b"poison 3"
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


def test_one_poison_line_is_found_in_a_logarithmic_number_of_calls():
    encoder = PoisonedEmbedder("raises")
    lines, vectors, failed = embed_lines(make_lines(texts_with_poison(77, count=128)), encoder)
    assert (len(lines), len(vectors), len(failed)) == (127, 127, 1)
    assert encoder.calls <= 2 * 7 + 1


def test_every_line_keeps_its_own_vector_around_poison(embedder):
    lines, vectors, _ = embed_lines(make_lines(texts_with_poison(3, 40)), PoisonedEmbedder("raises"))
    assert [line.offset for line in lines] == [n for n in range(100) if n not in (3, 40)]
    np.testing.assert_array_equal(vectors, embedder.embed([line.record.text for line in lines]))


def test_relearning_changes_nothing_but_memory(detector, changes, embedder):
    pipeline = Pipeline(embedder)
    lines = make_lines(texts_with_poison())
    pipeline.relearn(lines, detector)
    assert detector.warm
    pipeline.process([replace(lines[0], offset=100)], detector, changes)
    assert changes.lines == 1
    assert sum(pattern.count for pattern in changes.patterns) == 1


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
    lines, _, failed = embed_lines(make_lines(texts), Choking(longest=20))
    assert [line.offset for line in lines if line.cut] == [1, 4]
    assert [line.record.text for line in lines] == [text for text in texts if text != POISON]
    assert len(failed) == 1


def test_cut_lines_are_counted_as_lines(detector, changes):
    pipeline = Pipeline(TrigramEmbedder(longest=20))
    assert pipeline.process(make_lines(["short", "long" * 10]), detector, changes) == []
    assert (changes.lines, changes.cut, changes.parse_errors) == (2, 1, 0)
