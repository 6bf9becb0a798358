from __future__ import annotations

import threading
import zlib

import numpy as np
import pytest

from connectors.findings import Changes
from connectors.memory import MemoryStore
from encoder_core import BundleError
from encoder_core.cascade import Cascade, Leaders
from stream_processors.detection.partition import PartitionDetector
from stream_processors.detection.pipeline import Pipeline
from stream_processors.detection.settings import DetectionSettings
from stream_processors.scan import scan
from tests.fakes import TrigramEmbedder, changes_of, make_lines, unit

KINDS = [
    "sshd session opened for user {}",
    "kernel eth0 link is up at {} Mbps full duplex",
    "GET /index.html returned {} bytes to the browser",
    "cron job backup finished in {} seconds",
]
NEW = "!!! ransom note dropped, shadow copies deleted by ZmxhZw== !!!"


def crowd(count: int, *, first: int = 0) -> list[str]:
    """Everyday lines of four kinds."""
    return [KINDS[n % len(KINDS)].format(100 + n % 37) for n in range(first, first + count)]


class FullEmbedder(TrigramEmbedder):
    """The vectors that are meant; remembers which lines it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def embed(self, lines):
        self.given += lines
        return super().embed(lines)


class NoisyEmbedder(TrigramEmbedder):
    """Near to those vectors, as a static encoder is: with a little noise of each line's own."""

    def __init__(self, noise: float) -> None:
        super().__init__(longest=100)
        self.noise = noise

    def embed(self, lines):
        noise = [np.random.default_rng(zlib.crc32(line.encode())).normal(size=self.dim) for line in lines]
        scaled = self.noise / self.dim**0.5 * np.reshape(noise, (len(lines), self.dim))
        return (super().embed(lines) + scaled).astype(np.float32)


@pytest.fixture
def make():
    """``make(noise=0.1, limit=9)``: a cascade of the two; noise is the length of what is wrong with a vector."""

    def make(*, noise: float = 0.1, similarity: float = 0.8, limit: int = 64) -> Cascade:
        return Cascade(NoisyEmbedder(noise), FullEmbedder(), similarity=similarity, limit=limit)

    return make


def own(lines: list[str]) -> np.ndarray:
    """The full encoder's unit vectors."""
    return unit(TrigramEmbedder().embed(lines))


@pytest.fixture
def detector():
    return PartitionDetector("logs", 0, 64, DetectionSettings(warmup=64, alert_budget="top 1 %"))


def test_only_the_first_line_of_each_kind_reaches_the_full_encoder(make):
    cascade = make()
    vectors, _ = cascade.embed_and_flag(crowd(100))
    assert cascade.full.given == crowd(4)
    np.testing.assert_allclose(vectors[:4], own(crowd(4)), atol=1e-6)


def test_known_kinds_do_not_reach_the_full_encoder_again_and_new_ones_do(make):
    cascade = make()
    cascade.embed_and_flag(crowd(4))
    cascade.full.given.clear()
    vectors, _ = cascade.embed_and_flag([*crowd(40, first=4), NEW, NEW])
    assert cascade.full.given == [NEW]
    np.testing.assert_allclose(vectors[40:], own([NEW, NEW]), atol=1e-6)


@pytest.mark.parametrize(("noise", "least"), [(0.0, 1 - 1e-6), (0.1, 0.97)])
def test_vectors_are_as_near_to_the_full_ones_as_the_static_encoder_makes_them(make, noise, least):
    vectors, _ = make(noise=noise).embed_and_flag(crowd(148))
    assert (vectors * own(crowd(148))).sum(axis=1).min() >= least
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_what_the_static_encoder_always_gets_wrong_does_not_show(make):
    cascade = make(noise=0.0)
    embed, bias = cascade.static.embed, 0.3 * np.eye(64, dtype=np.float32)[7]
    cascade.static.embed = lambda lines: embed(lines) + bias
    vectors, _ = cascade.embed_and_flag(crowd(148))
    static = unit(cascade.static.embed(crowd(148)))
    assert (static * own(crowd(148))).sum(axis=1).min() < 0.97
    assert (vectors * own(crowd(148))).sum(axis=1).min() > 0.99


def test_every_vector_is_the_full_encoders_own_when_nothing_is_similar(make):
    vectors, _ = make(similarity=1.0).embed_and_flag(crowd(60))
    np.testing.assert_allclose(vectors, own(crowd(60)), atol=1e-6)


def test_long_lines_are_flagged(make):
    _, cut = make().embed_and_flag(["short", "long" * 40])
    assert cut.tolist() == [False, True]


@pytest.mark.parametrize("lines", [[], ["", ""]])
def test_next_to_nothing_is_a_batch_too(make, lines):
    assert make().embed_and_flag(lines).vectors.shape == (len(lines), 64)


def test_leaders_are_bounded_and_the_one_unused_for_longest_goes(make):
    cascade = make(limit=3)
    for line in (*KINDS[:3], KINDS[0], NEW):
        cascade.embed_and_flag([line])
    assert len(cascade.leaders) == 3
    cascade.full.given.clear()
    cascade.embed_and_flag([KINDS[0], KINDS[2], NEW])
    assert cascade.full.given == []
    cascade.embed_and_flag([KINDS[1]])
    assert cascade.full.given == [KINDS[1]]


def test_a_batch_with_more_new_kinds_than_leaders_may_be_kept_is_embedded_all_the_same(make):
    cascade = make(limit=2)
    vectors, _ = cascade.embed_and_flag([*KINDS, NEW])
    np.testing.assert_allclose(vectors, own([*KINDS, NEW]), atol=1e-6)
    assert len(cascade.leaders) == 2


def test_a_vector_that_is_not_finite_is_refused_and_leads_nobody(make):
    cascade = make()
    cascade.full.embed = lambda lines: np.full((len(lines), 64), np.nan, dtype=np.float32)
    with pytest.raises(ValueError, match="not finite"):
        cascade.embed_and_flag(["x"])
    assert len(cascade.leaders) == 0


def test_no_batch_waits_for_another_ones_new_line(make):
    cascade = make()
    cascade.embed_and_flag(KINDS)
    entered, gate, embed = threading.Event(), threading.Event(), cascade.full.embed

    def slow(lines):
        entered.set()
        assert gate.wait(60)
        return embed(lines)

    cascade.full.embed = slow
    waiting = threading.Thread(target=cascade.embed_and_flag, args=([NEW],))
    waiting.start()
    assert entered.wait(60)
    known = threading.Thread(target=cascade.embed_and_flag, args=(KINDS,))
    known.start()
    known.join(60)
    finished = not known.is_alive()
    gate.set()
    waiting.join(60)
    assert finished


def test_a_similarity_that_is_no_cosine_is_refused():
    with pytest.raises(ValueError, match=r"1\.5"):
        Leaders(4, similarity=1.5)


def test_two_encoders_of_different_spaces_are_refused():
    with pytest.raises(BundleError, match="64 and 32 dimensions"):
        Cascade(TrigramEmbedder(64), TrigramEmbedder(32), similarity=0.9)


def processed(
    pipeline: Pipeline, detector: PartitionDetector, texts: list[str], batch: int = 50
) -> list[Changes]:
    """The changes of each batch."""
    lines, done = make_lines(texts), []
    for start in range(0, len(lines), batch):
        done.append(changes_of(lines[start : start + batch]))
        assert pipeline.process(lines[start : start + batch], detector, done[-1]) == []
    return done


def test_a_new_line_that_the_full_encoder_can_not_take_is_a_dead_letter(make, detector):
    cascade = make()
    embed = cascade.full.embed

    def choking(lines):
        if NEW in lines:
            raise RuntimeError("choked")
        return embed(lines)

    cascade.full.embed = choking
    lines = make_lines([*crowd(10), NEW])
    changes = changes_of(lines)
    (failure,) = Pipeline(cascade).process(lines, detector, changes)
    assert (failure.line.offset, changes.lines, changes.dead_letters) == (10, 10, 1)


def test_a_scan_finds_a_new_kind_of_line(make):
    store = MemoryStore()
    texts = [*crowd(700), NEW, *crowd(99)]
    settings = DetectionSettings(warmup=128)
    cascade = make()
    list(scan([text.encode() for text in texts], cascade, settings, store, source="file"))
    assert store.anomalies("file", limit=1)[0].text == NEW
    assert len(cascade.full.given) < 100
    assert store.stats("file").lines == 800
