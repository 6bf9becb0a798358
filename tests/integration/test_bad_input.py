"""Input that a pipeline meets sooner or later: each line is counted once and the worker goes on."""

from __future__ import annotations

import sys

from connectors.envelopes import read
from connectors.kafka import ensure_topic
from tests.integration.harness import log_lines, read_topic

BAD = {
    "invalid UTF-8": b"\xff\xfe login of caf\xe9",
    "NULs": b"a\x00b\x00\x00",
    "empty": b"",
    "tombstone": None,
    "blank": b" \t\r\n",
    "encoded surrogate": b"user \xed\xa0\x80 logged in",
    "surrogate escapes in JSON": b'{"message": "user \\ud800 \\udfff logged in", "\\udc80": 1}',
    "JSON objects 10,000 deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "JSON arrays 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
    "JSON cut short": b'{"message": "disk fail',
    "5 MB": b"x" * (5 << 20),
    "5 MB of JSON": b'{"message": "' + b"y" * (5 << 20) + b'"}',
    "only punctuation": b"\x1b[31m" * 500,
}
FAILING_WORKER = (sys.executable, "-m", "tests.integration.failing_parser", "worker")


def test_bad_lines_among_good_ones_are_counted_once(stream_factory):
    stream = stream_factory(2, {"max_message_bytes": 8 << 20}, DETECTION__WARMUP="64")
    good = log_lines(600, distinct=30)
    values = [*good[:200], *BAD.values(), *good[200:400], *reversed(BAD.values()), *good[400:]]
    with stream.worker() as worker:
        stream.produce(values, partitions=2, key=b"host-1")
        stream.wait_until_done()
        stream.produce(log_lines(100, distinct=30))
        stream.wait_until_done()
        assert "Traceback" not in worker.text(), worker.tail()
        assert worker.terminate() == 0
    stats = stream.store.stats(stream.topic)
    assert stats.dead_letters == 0
    assert stats.parse_errors == sum(r.parse_error is not None for value in values for r in read(value)) > 0
    stream.assert_each_line_counted_once()
    for answers in (stream.store.anomalies(stream.topic), stream.store.patterns(stream.topic)):
        assert answers
    assert [stream.store.window(stream.topic, start) for start in stream.store.windows(stream.topic)]


def test_a_line_that_cannot_be_processed_goes_to_the_dead_letter_topic(stream_factory):
    """The topic is made by the worker: this broker creates none by itself."""
    stream = stream_factory(2)
    good = log_lines(400, distinct=30)
    with stream.worker(command=FAILING_WORKER) as worker:
        stream.produce(good[:200], partitions=2)
        stream.produce([b"poison one"], key=b"host-1", headers=[("agent", b"vector"), ("agent", b"\xff")])
        stream.produce(good[200:], partitions=2)
        stream.produce([b"poison two", b"poison three"], partitions=2, key=b"host-2")
        stream.wait_until_done()
        assert worker.running
    stats = stream.store.stats(stream.topic)
    assert (stats.lines, stats.dead_letters) == (400, 3)
    stream.assert_each_line_counted_once()

    letters = {message.value: message for message in read_topic(stream.kafka, f"{stream.topic}.dead-letter")}
    assert letters.keys() == {b"poison one", b"poison two", b"poison three"}
    letter = letters[b"poison one"]
    assert letter.key == b"host-1"
    assert letter.headers[:2] == [("agent", b"vector"), ("agent", b"\xff")]
    added = dict(letter.headers[2:])
    assert added["__streams.errors.exception"].endswith(b".PoisonedLineError")
    assert added["__streams.errors.message"] == b"a line with poison"
    assert b"in parser" in added["__streams.errors.stacktrace"]
    assert added["__streams.errors.topic"].decode() == stream.topic
    assert (added["__streams.errors.partition"], added["__streams.errors.offset"]) == (b"0", b"100")
    assert added["secencoder.model"]


def test_a_dead_letter_over_the_topics_limit_goes_without_its_value(stream_factory):
    stream = stream_factory()
    ensure_topic(stream.kafka, f"{stream.topic}.dead-letter", 1, max_message_bytes=100_000)
    with stream.worker(command=FAILING_WORKER):
        stream.produce([b"poison" * 50_000], key=b"host-1", headers=[("agent", b"vector")])
        stream.produce(log_lines(100, distinct=30))
        stream.wait_until_done()
    (letter,) = read_topic(stream.kafka, f"{stream.topic}.dead-letter")
    assert (letter.key, letter.value) == (b"host-1", b"")
    added = dict(letter.headers)
    assert added["secencoder.value.bytes"] == b"300000"
    assert (added["__streams.errors.offset"], added["agent"]) == (b"0", b"vector")
    assert stream.store.stats(stream.topic).dead_letters == 1
    stream.assert_each_line_counted_once()


def test_a_batch_of_dead_letters_only_is_progress_too(stream_factory):
    stream = stream_factory()
    stream.produce([b"poison"] * 7)
    with stream.worker(command=FAILING_WORKER):
        stream.wait_until_done()
    assert stream.store.stats(stream.topic).dead_letters == 7
    stream.assert_each_line_counted_once()
