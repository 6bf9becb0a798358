from __future__ import annotations

import json

import numpy as np
import pytest

from connectors.envelopes import ReadingSettings
from connectors.memory import MemoryStore
from stream_processors.answers.queries import samples
from stream_processors.cli.files import opened, read_lines
from stream_processors.detection.settings import DetectionSettings
from stream_processors.scan import LineScores, batched, read_steps, scan
from tests.fakes import TrigramEmbedder

GOOD = [
    f"Jan  1 00:00:{n % 60:02} host sshd[{n}]: session opened for user u{n % 5}".encode() for n in range(700)
]
NESTED = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
BAD = [
    b"\xff\xfe\x80 not UTF-8 \xc3",
    b"NUL \x00\x00 inside",
    b"",
    b"   ",
    b"x" * 5_000_000,
    NESTED,
    b"[" * 10_000,
    b'{"message": "\\ud800 lone surrogate"}',
    b'{"message": 1e999}',
    b"<34>1 2003-10-11T22:14:15.003Z",
    b"CEF:0|",
    b"\x1b[2J\x1b[31m terminal codes",
    b'{"time": 1e300, "message": "far future"}',
    b'{"timestamp": -99999999999999, "message": "far past"}',
]


def scanned(values, embedder, **settings):
    """The store after a scan and the failures."""
    store = MemoryStore()
    batches = scan(values, embedder, DetectionSettings(**settings), store, source="file")
    return store, [failure for failed in batches for failure in failed]


def test_every_bad_line_is_counted_and_none_is_lost(embedder):
    values = GOOD[:300] + [line for bad in BAD for line in (bad, GOOD[0])] + GOOD[300:]
    store, failed = scanned(values, embedder)
    stats = store.stats("file")
    assert failed == []
    assert stats.lines == len(values)
    assert stats.applied == {0: len(values)}
    assert stats.dead_letters == 0
    assert sum(pattern.count for pattern in store.patterns("file")) == len(values)
    assert sum(part.count for start in store.windows("file") for part in store.window("file", start)) == len(
        values
    )


@pytest.mark.parametrize("bad", BAD, ids=[repr(line[:24]) for line in BAD])
def test_each_kind_of_bad_line_is_a_line_of_its_own(embedder, bad):
    store, failed = scanned([bad], embedder)
    assert (store.stats("file").lines, failed) == (1, [])


def test_the_shipped_encoder_takes_every_bad_line(bundle):
    from encoder_core import Encoder

    store, failed = scanned(BAD, Encoder(bundle, threads=1, max_tokens=64))
    assert (store.stats("file").lines, failed) == (len(BAD), [])


def test_a_file_is_read_line_by_line_as_bytes(tmp_path, embedder):
    path = tmp_path / "bad.log"
    values = [line for line in BAD if b"\n" not in line]
    path.write_bytes(b"\r\n".join(values))
    with opened(str(path)) as (stream, size):
        read = list(read_lines(stream))
    assert read == values
    assert size == path.stat().st_size
    store, _ = scanned(read, embedder)
    assert store.stats("file").lines == len(values)


def test_lines_that_fail_are_reported_and_the_rest_is_counted():
    class Choking(TrigramEmbedder):
        def embed(self, lines):
            if any("NUL" in line for line in lines):
                raise RuntimeError("choked")
            return super().embed(lines)

    values = [*GOOD, BAD[1]]
    store, failed = scanned(values, Choking())
    assert [failure.line.offset for failure in failed] == [700]
    assert (store.stats("file").lines, store.stats("file").dead_letters) == (700, 1)


def test_an_outlier_in_a_short_file_is_found(embedder):
    values = [*GOOD[:80], b"!!! ransom note dropped, shadow copies deleted !!!", *GOOD[80:120]]
    store, _ = scanned(values, embedder)
    assert 80 in [anomaly.offset for anomaly in store.anomalies("file", limit=3)]
    assert store.stats("file").warming_up == 0


def test_the_whole_input_is_one_window(embedder):
    others = [b"disk is nearly full", b"link is up", b"backup finished", b"clock was set back"]
    store, _ = scanned([*GOOD, *others], embedder, window_lines=4)
    (sample,) = samples(store, "file", windows=5, k=4)
    assert sample.count == len(GOOD) + len(others)
    assert len(sample.lines) == 4


def test_what_a_scan_finds_names_the_model(embedder):
    store = MemoryStore()
    list(scan(GOOD[:300], embedder, DetectionSettings(), store, source="file", model="m@1#0"))
    found = [*store.anomalies("file"), *store.patterns("file"), *store.window("file", 0)]
    assert {one.model for one in found} == {"m@1#0"}
    assert store.anomalies("file")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_nothing_is_a_file_too(embedder, count):
    store, failed = scanned(GOOD[:count], embedder)
    assert store.stats("file").lines == count
    assert failed == []


def test_a_line_without_a_time_has_that_of_the_line_before():
    values = [b"no time", b'{"timestamp": "2024-01-01T00:00:00Z", "message": "m"}', b"no time either"]
    lines = [line for step in read_steps(values) for line in step.lines]
    assert [line.offset for line in lines] == [0, 1, 2]
    assert [line.timestamp for line in lines] == [0.0, 1_704_067_200.0, 1_704_067_200.0]
    assert [line.value for line in lines] == values


def test_batches_are_full_but_the_last():
    assert list(batched(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batched([], 3)) == []


def scores_of(values, embedder, **reading):
    scores, settings = LineScores(), ReadingSettings(**reading)
    list(
        scan(
            values,
            embedder,
            DetectionSettings(),
            MemoryStore(),
            source="file",
            reading=settings,
            scores=scores,
        )
    )
    return scores.scores


def test_every_line_of_a_file_has_a_score_in_order(embedder):
    values = [*GOOD[:600], b"!!! ransom note dropped, shadow copies deleted !!!", *GOOD[:100]]
    scores = scores_of(values, embedder)
    assert (scores.dtype, scores.shape) == (np.float32, (701,))
    assert np.isfinite(scores).all()
    assert np.argmax(scores[512:]) == 600 - 512


def test_lines_of_a_short_file_are_scored_at_its_end(embedder):
    assert np.isfinite(scores_of(GOOD[:40], embedder)).all()
    assert scores_of([], embedder).shape == (0,)


def test_a_message_has_the_highest_score_of_its_lines(embedder):
    alarm = "!!! ransom note dropped, shadow copies deleted !!!"
    several = json.dumps(
        [{"message": f"session opened for user u{n}"} for n in range(3)] + [{"message": alarm}]
    )
    alone = scores_of([*GOOD[:600], json.dumps({"message": alarm}).encode(), *GOOD[:50]], embedder)
    among = scores_of([*GOOD[:600], several.encode(), *GOOD[:50]], embedder)
    assert np.argmax(among[512:]) == np.argmax(alone[512:]) == 600 - 512
    assert len(among) == 651


def test_a_line_that_goes_on_has_the_score_of_its_beginning_and_names_of_columns_none(embedder):
    trace = [b"Exception in thread main java.lang.Error: no", b"\tat com.example.Main.run(Main.java:7)"]
    scores = scores_of([*GOOD[:40], *trace, b"#fields\tts\tuid", *GOOD[:40]], embedder, multiline=True)
    assert scores[40] == scores[41] > 0
    assert scores[42] == 0


def test_a_line_that_fails_has_no_score():
    class Choking(TrigramEmbedder):
        def embed(self, lines):
            if any("NUL" in line for line in lines):
                raise RuntimeError("choked")
            return super().embed(lines)

    assert np.flatnonzero(np.isnan(scores_of([*GOOD, BAD[1]], Choking()))).tolist() == [700]
