"""Lines that make detection raise, memories that do, and encoders that do: only the first are given up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiokafka import TopicPartition

from connectors.envelopes import Reader
from connectors.findings import Changes
from stream_processors.delivery.suspects import SURE_TIMES, Suspects
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.pipeline import FEW_LINES, OurFault, Pipeline, TooManyFailed
from stream_processors.detection.reading import Failed
from stream_processors.detection.settings import DetectionSettings
from tests.fakes import changes_of, make_line, make_lines

AT = TopicPartition("logs", 0)
BAD = "a line that detection can't take"


class FailingDetector(PartitionDetector):
    """Raises for one text."""

    def process(self, batch, changes, **options) -> None:
        if BAD in texts_of(batch):
            raise ZeroDivisionError("in detection")
        super().process(batch, changes, **options)


def texts_of(batch) -> list[str]:
    return [batch.line(place).record.text for place in range(len(batch))]


def new_detector(at: TopicPartition, kind: type[PartitionDetector] = PartitionDetector) -> PartitionDetector:
    return kind(at.topic, at.partition, 64, DetectionSettings())


class BrokenEmbedder:
    """Raises for every line, or for those with a word."""

    dim = 64

    def __init__(self, embedder, word: str = "") -> None:
        self.embedder, self.word = embedder, word

    def embed_and_flag(self, lines):
        if any(self.word in line for line in lines):
            raise RuntimeError("the session is broken")
        return self.embedder.embed_and_flag(lines)


def test_a_line_that_fails_alone_again_and_again_is_given_up_and_no_other(embedder):
    suspects = Suspects(Pipeline(embedder), lambda at: new_detector(at, FailingDetector))
    good, bad = make_line(6, "good"), make_line(7, BAD)
    for _ in range(SURE_TIMES):
        assert suspects.part(AT, [good, bad]) == ([good, bad], [])
        suspects.accuse(AT, [bad], ZeroDivisionError("in detection"))
    innocent, guilty = suspects.part(AT, [good, bad])
    assert innocent == [good]
    assert [(failed.line, type(failed.error)) for failed in guilty] == [(bad, ZeroDivisionError)]
    assert suspects.part(TopicPartition("logs", 1), [bad]) == ([bad], [])
    assert not suspects.memory_fails(AT)


def test_a_line_that_only_fails_with_the_memory_of_its_partition_is_not_at_fault(embedder):
    suspects = Suspects(Pipeline(embedder), new_detector)
    for _ in range(SURE_TIMES):
        suspects.accuse(AT, [make_line(7, BAD)], ZeroDivisionError("in detection"))
    assert suspects.part(AT, [make_line(7, BAD)])[1] == []
    assert suspects.memory_fails(AT)
    assert not suspects.memory_fails(AT), "it is asked once, when the partition is opened"


def test_nothing_is_a_lines_fault_while_a_known_good_line_fails_too(embedder):
    suspects = Suspects(Pipeline(BrokenEmbedder(embedder)), new_detector)
    for _ in range(SURE_TIMES):
        suspects.accuse(AT, [make_line(7, "any line")], RuntimeError("the session is broken"))
    assert suspects.part(AT, [make_line(7, "any line")])[1] == []


def test_a_broken_encoder_fails_the_batch_and_gives_up_no_line(embedder):
    lines = make_lines(f"line {n}" for n in range(100))
    detector, changes = new_detector(AT), changes_of(lines)
    with pytest.raises(OurFault, match="the session is broken"):
        Pipeline(BrokenEmbedder(embedder)).process(lines, detector, changes)
    assert (changes.lines, changes.dead_letters) == (0, 0)


def test_a_broken_parser_fails_the_batch_and_gives_up_no_line(embedder, monkeypatch):
    def parse(reader, unread):
        raise RuntimeError("the parser is broken")

    monkeypatch.setattr(Reader, "parse", parse)
    changes = Changes("logs", 0, expected=None, end=1)
    unread = [Failed(make_line(0, "line"), RuntimeError("the parser is broken"))]
    with pytest.raises(OurFault, match="the parser is broken"):
        Pipeline(embedder).process([], new_detector(AT), changes, unread)


def test_a_message_is_given_up_with_all_of_its_lines_and_counts_as_many(embedder):
    suspects = Suspects(Pipeline(embedder), lambda at: new_detector(at, FailingDetector))
    lines = [replace(make_line(7, text), index=n) for n, text in enumerate(["good", BAD, "good too"])]
    for _ in range(SURE_TIMES):
        suspects.accuse(AT, lines, ZeroDivisionError("in detection"))
    innocent, (failed,) = suspects.part(AT, [make_line(6, "before"), *lines])
    assert [line.offset for line in innocent] == [6]
    assert (failed.line.offset, failed.whole, failed.lines) == (7, True, 3)


@pytest.mark.parametrize("bad", [1, FEW_LINES, FEW_LINES + 1])
def test_a_few_lines_that_the_encoder_cannot_take_are_given_up_and_many_are_not(embedder, bad):
    lines = make_lines([f"good {n}" for n in range(20)] + [f"bad {n}" for n in range(bad)])
    pipeline, changes = Pipeline(BrokenEmbedder(embedder, "bad")), changes_of(lines)
    if bad > FEW_LINES:
        with pytest.raises(TooManyFailed, match=f"{bad} of {len(lines)} lines failed"):
            pipeline.process(lines, new_detector(AT), changes)
        return
    failed = pipeline.process(lines, new_detector(AT), changes)
    assert [failure.line.record.text for failure in failed] == [f"bad {n}" for n in range(bad)]
    assert (changes.lines, changes.dead_letters) == (20, bad)


def test_a_probe_is_a_new_line_each_time_so_that_no_cache_answers_it(embedder):
    seen: list[str] = []

    class Noting(BrokenEmbedder):
        def embed_and_flag(self, lines):
            seen.extend(lines)
            return self.embedder.embed_and_flag(lines)

    pipeline = Pipeline(Noting(embedder))
    for _ in range(12):
        pipeline.probe()
    assert len(set(seen)) == 12
    assert not any(character.isdigit() for word in seen for character in word.split("for ")[1].split()[0])


def test_lines_that_are_learnt_again_leave_out_what_detection_cannot_take(embedder):
    learnt: list[str] = []

    class Noting(PartitionDetector):
        def relearn(self, batch, **options) -> None:
            if BAD in texts_of(batch):
                raise ZeroDivisionError
            learnt.extend(texts_of(batch))

    Pipeline(embedder).relearn(make_lines(["one", BAD, "two"]), new_detector(AT, Noting))
    assert learnt == ["one", "two"]
