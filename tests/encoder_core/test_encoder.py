from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import onnxruntime
import pytest

from encoder_core import Encoder
from encoder_core.tokenizer import Tokenizer

SHORT = "session opened for user root"
LONG = "kernel: " + " ".join(f"0x{n:04x} eth{n % 4} link is up at {n} Mbps" for n in range(40))


class SessionSpy:
    """Counts the rows and remembers the shapes that reach the graph."""

    def __init__(self, session) -> None:
        self._session = session
        self.shapes: list[tuple[int, int]] = []

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.shapes)

    def run(self, ids, mask):
        self.shapes.append(ids.shape)
        return self._session.run(ids, mask)


@pytest.fixture
def encoder(bundle):
    return Encoder(bundle, threads=1)


@pytest.fixture
def spied(encoder):
    spy = encoder._session = SessionSpy(encoder._session)
    return encoder, spy


def cosines(left, right):
    return (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def test_a_line_is_a_float32_row(encoder):
    vectors = encoder.embed([SHORT, "disk full"])
    assert vectors.shape == (2, encoder.dim)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert not np.allclose(vectors[0], vectors[1])


def test_no_lines_are_an_empty_array(encoder):
    vectors = encoder.embed([])
    assert vectors.shape == (0, encoder.dim)
    assert vectors.dtype == np.float32


def test_equal_lines_get_equal_rows_and_are_computed_once(spied):
    encoder, spy = spied
    vectors = encoder.embed([SHORT, "disk full", SHORT, SHORT])
    assert spy.rows == 2
    assert (vectors[0] == vectors[2]).all()
    assert (vectors[0] == vectors[3]).all()
    assert not np.allclose(vectors[0], vectors[1])


def test_rows_keep_the_order_of_the_lines_whatever_their_lengths(bundle):
    encoder = Encoder(bundle, threads=1, batch_tokens=64, cache_bytes=0)
    lines = [LONG, SHORT, "x", LONG[:200], "disk full", ""]
    together = encoder.embed(lines)
    alone = np.concatenate([encoder.embed([line]) for line in lines])
    nearest = (together / np.linalg.norm(together, axis=1, keepdims=True)) @ alone.T
    nearest /= np.linalg.norm(alone, axis=1)
    assert nearest.argmax(axis=1).tolist() == list(range(len(lines)))


def test_no_run_of_the_graph_exceeds_the_budget(bundle):
    encoder = Encoder(bundle, threads=1, batch_tokens=300, max_tokens=64)
    spy = encoder._session = SessionSpy(encoder._session)
    encoder.embed([LONG[: 7 * n] + str(n) for n in range(1, 60)])
    assert spy.rows == 59
    assert all(rows * length <= 300 for rows, length in spy.shapes)
    assert len(spy.shapes) > 1


def test_a_vector_is_the_weighted_mean_of_its_unmasked_hidden_states(bundle, encoder):
    words = json.loads((bundle.path / "4_Tokens" / "config.json").read_text())["word_weights"]
    lines = [SHORT, LONG, "x"]
    tokens, _ = encoder._tokenizer.encode(lines)
    length = max(map(len, tokens))
    ids = np.array([np.pad(row, (0, length - len(row))) for row in tokens])
    mask = np.array([[1] * len(row) + [0] * (length - len(row)) for row in tokens])
    graph = onnxruntime.InferenceSession(bundle.onnx_path, providers=["CPUExecutionProvider"])
    (hidden,) = graph.run(["last_hidden_state"], {"input_ids": ids, "attention_mask": mask})
    expected = np.stack(
        [
            np.average(row[: len(own)], axis=0, weights=[words[str(token)] for token in own])
            for row, own in zip(hidden, tokens, strict=True)
        ]
    )
    np.testing.assert_allclose(encoder._session.run(ids, mask), expected, atol=1e-4)
    assert (cosines(encoder.embed(lines), expected - encoder.mean) > 0.999).all()


def test_padding_does_not_change_a_vector(bundle):
    encoder = Encoder(bundle, threads=1, cache_bytes=0)
    lines = [SHORT, "disk full", "x"]
    alone = np.concatenate([encoder.embed([line]) for line in lines])
    mixed = encoder.embed([*lines, LONG])[:3]
    assert (cosines(alone, mixed) > 0.999).all()


def test_lines_that_differ_past_the_last_token_read_are_the_same_to_the_model(bundle):
    encoder = Encoder(bundle, threads=1, max_tokens=16)
    spy = encoder._session = SessionSpy(encoder._session)
    first, second = encoder.embed([LONG + " the end", LONG + " another end"])
    np.testing.assert_array_equal(first, second)
    assert all(length <= 16 for _, length in spy.shapes)


@pytest.mark.parametrize(
    "line",
    ["", " ", "\x00" * 50, "a\x00b", "\ufffd\uffff\U0010ffff", "\r\n\t", "x" * 5_000_000, "é" * 5_000_000],
    ids=["empty", "blank", "NULs", "NUL inside", "odd code points", "controls", "5 MB", "10 MB"],
)
def test_any_text_has_a_finite_vector(encoder, line):
    vectors = encoder.embed([line])
    assert vectors.shape == (1, encoder.dim)
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors) > 0


def test_a_lone_surrogate_is_no_text_and_raises(encoder):
    with pytest.raises((TypeError, UnicodeEncodeError)):
        encoder.embed(["broken \ud800 text"])


def test_a_second_call_is_answered_from_the_cache(spied):
    encoder, spy = spied
    first = encoder.embed([SHORT, "disk full"])
    second = encoder.embed(["disk full", SHORT, "new"])
    assert spy.rows == 3
    np.testing.assert_array_equal(second[:2], first[::-1])


def test_without_a_cache_every_call_computes(bundle):
    encoder = Encoder(bundle, threads=1, cache_bytes=0)
    spy = encoder._session = SessionSpy(encoder._session)
    encoder.embed([SHORT])
    encoder.embed([SHORT])
    assert spy.rows == 2


def test_what_a_caller_does_to_its_vectors_does_not_reach_the_cache(encoder):
    first = encoder.embed([SHORT])
    kept = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(encoder.embed([SHORT]), kept)


@pytest.mark.parametrize("options", [{"max_tokens": 2}, {"batch_tokens": 0}])
def test_limits_that_leave_no_room_are_refused(bundle, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}.*got {next(iter(options.values()))!r}"):
        Encoder(bundle, **options)


def test_a_special_token_written_in_a_line_is_text(bundle):
    tokenizer = Tokenizer(bundle.path / "tokenizer.json", max_tokens=64)
    (ids,), _ = tokenizer.encode(["user [MASK] logged [SEP] in [PAD]"])
    assert sum(index < 5 for index in ids) == 2  # the frame's own [CLS] and [SEP]


def test_neither_encoder_nor_worker_imports_the_trainers_libraries():
    code = (
        "import sys, encoder_core, stream_processors.worker\n"
        "print([name for name in ('torch', 'transformers', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_exactly_the_lines_that_are_longer_than_the_model_reads_are_flagged(bundle):
    tokenizer = Tokenizer(bundle.path / "tokenizer.json", max_tokens=1_000)
    (row,), _ = tokenizer.encode([LONG])
    for limit, expected in ((len(row) - 1, True), (len(row), False), (len(row) + 1, False)):
        encoder = Encoder(bundle, threads=1, max_tokens=limit)
        for _ in range(2):  # computed, then from the cache
            assert encoder.embed_and_flag([SHORT, LONG, SHORT]).cut.tolist() == [False, expected, False]
        assert encoder.stats.cut == expected


def test_a_cut_line_keeps_its_first_tokens_and_its_end_mark(bundle):
    (whole,), _ = Tokenizer(bundle.path / "tokenizer.json", max_tokens=1_000).encode([LONG])
    (short,), _ = Tokenizer(bundle.path / "tokenizer.json", max_tokens=20).encode([LONG])
    assert short.tolist() == [*whole[:19], whole[-1]]


def test_the_stats_count_lines_computations_tokens_and_padding(spied):
    encoder, spy = spied
    encoder.embed([SHORT, SHORT, "disk full"])
    encoder.embed([SHORT])
    rows, _ = encoder._tokenizer.encode([SHORT, "disk full"])
    stats = encoder.stats
    assert (stats.lines, stats.computed, stats.tokens) == (4, 2, sum(map(len, rows)))
    assert stats.tokens + stats.padding == sum(rows * length for rows, length in spy.shapes)
    assert stats.hit_rate == 0.5
    assert (encoder.cache.hits, len(encoder.cache)) == (1, 2)


def test_many_threads_get_the_vectors_that_one_gets(bundle):
    lines = [f"{LONG[: 20 + 5 * n]} {n}" for n in range(60)]
    expected = Encoder(bundle, threads=1).embed(lines)
    encoder = Encoder(bundle, threads=4, batch_tokens=128, cache_bytes=40_000)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(encoder.embed, [lines] * 8):
            np.testing.assert_allclose(found, expected, atol=1e-2)
    assert encoder.stats.lines == 8 * len(lines)


def test_a_long_line_does_not_hold_up_short_ones(bundle, monkeypatch):
    """The long row waits until the short lines of another call are done: it never ends when they wait for it."""
    monkeypatch.setattr("encoder_core.encoder.LONG_TOKENS", 64)
    encoder = Encoder(bundle, threads=1, max_tokens=512, cache_bytes=0)
    short_done = Event()
    run = encoder._session.run

    class Slow:
        def run(self, ids, mask):
            if ids.shape[1] > 64:
                assert short_done.wait(60), "short lines waited for the long one"
            return run(ids, mask)

    encoder._session = Slow()
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(encoder.embed, [LONG])
        encoder.embed([SHORT, "disk full"])
        short_done.set()
        assert np.isfinite(long.result(timeout=60)).all()


def test_what_a_run_raises_reaches_the_caller(bundle):
    encoder = Encoder(bundle, threads=1)

    class Broken:
        def run(self, ids, mask):
            raise RuntimeError("no memory")

    encoder._session = Broken()
    with pytest.raises(RuntimeError, match="no memory"):
        encoder.embed([SHORT])
